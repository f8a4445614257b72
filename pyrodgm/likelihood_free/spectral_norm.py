"""Layers of a given largest singular value."""

from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from pyrodgm.likelihood_free.regularizer import Regularizer

LAYERS = (
    nn.Linear,
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)


class SpectralNorm(Regularizer):
    r"""Every linear and convolutional layer of the discriminator has the same largest singular value, 1 by default.

    A discriminator of :math:`L` such layers, and of functions between them of slope 1 at most, has a slope of at most
    ``bound`` :math:`^L`. At a bound of 1 it cannot tell data from samples that are less than about 1 away; data of
    finer detail, such as narrow modes in the plane, ask for larger units or a larger bound.

    Torch's parametrization estimates it by power iteration, one iteration each time that it makes the weights in
    training mode. :class:`Adversary` makes them once for all that a step of the discriminator asks of them, and holds
    the iteration during the generator's step: one iteration a step of the discriminator.

    Args:
        bound: The largest singular value, above 0.

    Raises:
        ValueError: If ``bound`` is not above 0. On use, if the discriminator has no such layer, or one whose weights
            are all 0.

    Example:
        >>> discriminator = nn.Linear(3, 1)
        >>> SpectralNorm().prepare(discriminator)
        >>> discriminator.parametrizations.weight[0]
        _SpectralNorm()

    References:
        Miyato, Kataoka, Koyama, Yoshida (2018), Spectral Normalization for Generative Adversarial Networks,
        algorithm 1, https://arxiv.org/abs/1802.05957
    """

    def __init__(self, bound: float = 1.0) -> None:
        if not 0 < bound < float("inf"):
            raise ValueError(f"Expected bound above 0; got {bound}. It is the largest singular value of each layer.")
        self.bound = bound

    def prepare(self, discriminator: nn.Module) -> None:
        """Parametrize the layers; those that are parametrized already stay as they are."""
        layers = {name: module for name, module in discriminator.named_modules() if isinstance(module, LAYERS)}
        if not layers:
            raise ValueError(
                f"Expected a discriminator with linear or convolutional layers; {type(discriminator).__name__} has "
                "none. Leave SpectralNorm out."
            )
        for name, layer in layers.items():
            if parametrize.is_parametrized(layer, "weight"):
                continue
            if not layer.weight.detach().any():
                raise ValueError(
                    f"Expected weights that are not all 0; got such a layer at {name or 'the root'!r}, whose largest "
                    "singular value is 0. Start it at random."
                )
            parametrizations.spectral_norm(layer)
            if self.bound != 1:
                parametrize.register_parametrization(layer, "weight", _Multiple(self.bound))


class _Multiple(nn.Module):
    """Weights times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        return self.factor * weight
