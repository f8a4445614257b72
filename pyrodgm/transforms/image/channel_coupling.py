"""Coupling over images: some channels set how the others move."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.transforms.image.coupling import ImageCoupling
from pyrodgm.transforms.image.events import check_event
from pyrodgm.transforms.univariate.base import Univariate


class ChannelCoupling(ImageCoupling):
    r""":math:`y_a = x_a,\; y_b = f(x_b; \theta(x_a, c))`, where :math:`a` and :math:`b` are halves of the channels.

    Args:
        shape: Shape (channels, height, width) of one image; the first :math:`\lfloor C/2 \rfloor` channels stay.
        univariate: The family that moves the others.
        conditioner: A net ``(x_a, context) -> (*batch, num_params * C_b, height, width)``, kind by kind: ``C_b`` maps
            of the first parameter, then of the second.
        flip: Whether the last :math:`\lceil C/2 \rceil` channels stay instead.
        context_dim: Number of context features.

    Raises:
        ValueError: If there is one channel only; when called, if events are of another shape.

    Example:
        >>> import torch
        >>> from pyrodgm import nn, transforms
        >>> coupling = transforms.ChannelCoupling((4, 8, 8), transforms.Affine(), nn.ConvNet(2, 2 * 2))
        >>> y, ladj = coupling.forward_and_ladj(torch.randn(5, 4, 8, 8))
        >>> y.shape, ladj.shape
        (torch.Size([5, 4, 8, 8]), torch.Size([5]))

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, section 3.4,
        https://arxiv.org/abs/1605.08803; Kingma, Dhariwal (2018), Glow, section 3.3, https://arxiv.org/abs/1807.03039
    """

    def __init__(
        self,
        shape: Sequence[int],
        univariate: Univariate,
        conditioner: nn.Module,
        *,
        flip: bool = False,
        context_dim: int = 0,
    ) -> None:
        channels = check_image_shape(shape)[0]
        if channels < 2:
            raise ValueError(
                f"Expected at least 2 channels to split; got {channels}. Squeeze the image first, or couple the "
                "squares of a checkerboard."
            )
        boundary = channels // 2
        moving = boundary if flip else channels - boundary
        super().__init__(shape, univariate, conditioner, num_moving=moving, context_dim=context_dim)
        self.flip = flip
        num_pixels = self.shape[1] * self.shape[2]
        self.sizes = (boundary * num_pixels, (channels - boundary) * num_pixels)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the channels that stay and those that move."""
        check_event(x, self.shape, what="ChannelCoupling")
        first, last = x.flatten(-3).split_with_sizes(self.sizes, -1)  # its gradient is one cat
        return (last, first) if self.flip else (first, last)

    def join(self, staying: Tensor, moved: Tensor) -> Tensor:
        """Put the channels in their order."""
        return torch.cat((moved, staying) if self.flip else (staying, moved), -1).unflatten(-1, self.shape)

    def seen(self, x: Tensor, staying: Tensor) -> Tensor:
        """Return the channels that stay."""
        maps = staying.unflatten(-1, (self.shape[0] - self.num_moving, *self.shape[1:]))
        # The conditioner keeps its input for gradients: a copy, not a view that would keep the whole of x alive.
        return maps.contiguous() if torch.is_grad_enabled() else maps

    def select(self, maps: Tensor) -> Tensor:
        """Return all pixels."""
        return maps.flatten(-2)
