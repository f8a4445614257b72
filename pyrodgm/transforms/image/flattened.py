"""A bijection of vectors over images."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.transforms.bijection import Bijection
from pyrodgm.transforms.image.events import check_event


class Flattened(Bijection):
    """A bijection of vectors, over images flattened channel after channel and row after row.

    Args:
        bijection: A bijection of real vectors of ``channels * height * width`` features.
        shape: Shape (channels, height, width) of one image.

    Raises:
        ValueError: If the bijection is not one of vectors; when called, if events are of another shape.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> scales = transforms.Flattened(transforms.Elementwise(transforms.Affine(), 12), (3, 2, 2))
        >>> y, ladj = scales.forward_and_ladj(torch.randn(5, 3, 2, 2))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3, 2, 2]), torch.Size([5]))
    """

    def __init__(self, bijection: Bijection, shape: Sequence[int]) -> None:
        if bijection.event_dim != 1:
            raise ValueError(
                f"Expected a bijection of event_dim 1; got {bijection.event_dim}. Use a bijection of images as it is."
            )
        super().__init__(event_dim=3, context_dim=bijection.context_dim)
        self.shape = check_image_shape(shape)
        self.bijection = bijection

    @torch.no_grad()
    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Pass the flattened data on."""
        self.bijection.initialize(self._flat(y), context)

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the bijection over the flattened images."""
        y, ladj = self.bijection.forward_and_ladj(self._flat(x), context)
        return y.unflatten(-1, self.shape), ladj

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run its inverse over the flattened images."""
        x, ladj = self.bijection.inverse_and_ladj(self._flat(y), context)
        return x.unflatten(-1, self.shape), ladj

    def _flat(self, x: Tensor) -> Tensor:
        check_event(x, self.shape, what="Flattened")
        return x.flatten(-3)
