"""A discriminator that sees several data at once."""

from torch import Tensor

from pyrodgm.likelihood_free.game import Game, Wrapped
from pyrodgm.nn.mlp import check_dim


class Packed(Wrapped):
    r"""A game in which the discriminator judges ``size`` data together, all real or all fake.

    A generator without the data's variety is easily told from them so. The ``size`` consecutive rows of a batch stand
    side by side in the first dimension of a datum (the features of vectors, the channels of pictures): build the
    discriminator for ``size`` times as many, and in a conditional GAN for a context ``size`` times as wide. Packs of
    one are the plain game.

    Args:
        game: The game that is played.
        size: Number of data in a pack; it must divide the batch.

    Raises:
        ValueError: If ``size`` is not positive, or, on use, does not divide the batch.

    Example:
        >>> import torch
        >>> from pyrodgm import likelihood_free
        >>> game = likelihood_free.Packed(likelihood_free.NonSaturating(), 2)
        >>> game.shown(torch.randn(6, 3, 8, 8)).shape
        torch.Size([3, 6, 8, 8])

    References:
        Lin, Khetan, Fanti, Oh (2018), PacGAN: The power of two samples in generative adversarial networks,
        https://arxiv.org/abs/1712.04086
    """

    def __init__(self, game: Game, size: int) -> None:
        super().__init__(game)
        self.size = check_dim("size", size)

    def shown(self, x: Tensor) -> Tensor:
        """Return packs, ``(num / size, size * x.shape[1], ...)``."""
        x = super().shown(x)
        if self.size == 1:
            return x
        if len(x) % self.size:
            raise ValueError(
                f"Expected a batch that packs of {self.size} divide; got {len(x)} rows. "
                f"Take batches of {max(1, len(x) // self.size) * self.size}, or another size of packs."
            )
        return x.reshape(len(x) // self.size, self.size * x.shape[1], *x.shape[2:])
