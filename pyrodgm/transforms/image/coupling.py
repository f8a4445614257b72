"""What the couplings over images share: one part of an image sets how the other part moves."""

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn
from torch.distributions import constraints

from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.transforms.bijection import Bijection, broadcast_event
from pyrodgm.transforms.univariate.base import Univariate


class ImageCoupling(Bijection):
    """A coupling over images; the conditioner runs once in either direction.

    Subclasses say how an image splits into two flat parts and is joined again, what of it the conditioner sees, and
    where in the conditioner's maps the parameters of what moves are.

    Args:
        shape: Shape (channels, height, width) of one image.
        univariate: The family that moves the one part; it must be of the whole line.
        conditioner: The net.
        num_moving: Number of channels of what moves, as the conditioner's maps have them.
        context_dim: Number of context features.
    """

    def __init__(
        self,
        shape: Sequence[int],
        univariate: Univariate,
        conditioner: nn.Module,
        *,
        num_moving: int,
        context_dim: int,
    ) -> None:
        super().__init__(event_dim=3, context_dim=context_dim)
        self.shape = check_image_shape(shape)
        if univariate.domain is not constraints.real or univariate.codomain is not constraints.real:
            raise ValueError(
                f"Expected a univariate of the whole line; got {type(univariate).__name__}, from {univariate.domain} "
                f"to {univariate.codomain}. Put such a map at an end of the flow."
            )
        self.univariate = univariate
        self.conditioner = conditioner
        self.num_moving = num_moving

    @abstractmethod
    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what stays and what moves of ``(*batch, *shape)``, each flat: ``(*batch, D_a)``, ``(*batch, D_b)``."""

    @abstractmethod
    def join(self, staying: Tensor, moved: Tensor) -> Tensor:
        """Return the image of the two parts: the inverse of :meth:`split`."""

    @abstractmethod
    def seen(self, x: Tensor, staying: Tensor) -> Tensor:
        """Return what the conditioner sees of an image, ``(*batch, channels, height, width)``."""

    @abstractmethod
    def select(self, maps: Tensor) -> Tensor:
        """Return the conditioner's maps at the positions that move, ``(*batch, channels, num_positions)``."""

    def _params(self, seen: Tensor, context: Tensor | None) -> Tensor:
        maps = self.conditioner(seen, context)
        num_params = self.univariate.num_params
        expected = (num_params * self.num_moving, *self.shape[1:])
        if maps.shape[-3:] != expected:
            raise ValueError(
                f"Expected a conditioner with maps of shape (*batch, {', '.join(map(str, expected))}), {num_params} "
                f"parameters of each variable that moves; got {tuple(maps.shape)}. Give it as many output channels."
            )
        selected = self.select(maps)
        kinds = selected.reshape(*maps.shape[:-3], num_params, self.num_moving * selected.shape[-1])
        return kinds.mT  # (*batch, D_b, num_params)

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Move one part."""
        staying, moving = self.split(x)
        moved, ladj = self.univariate.forward_and_ladj(moving, self._params(self.seen(x, staying), context))
        return self.join(broadcast_event(staying, moved), moved), ladj.sum(-1)

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Move it back."""
        staying, moved = self.split(y)
        moving, ladj = self.univariate.inverse_and_ladj(moved, self._params(self.seen(y, staying), context))
        return self.join(broadcast_event(staying, moving), moving), ladj.sum(-1)
