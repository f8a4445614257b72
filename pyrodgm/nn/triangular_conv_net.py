"""A triangular network on images: masked convolutions."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.nn.masked_conv import MaskedConv2d, share_channels
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.triangular_net import STARTS, TriangularNet, positive, raw_start, start_layers


class TriangularConvNet(TriangularNet):
    r"""Masked convolutions :math:`g = L_3 \tanh(L_2 \tanh(L_1 x))` with a triangular Jacobian of positive diagonal.

    Pixels come row by row from the top left, and within a pixel channel by channel; reversed, from the last channel of
    the bottom right. Each hidden map belongs to one channel. Where a channel meets itself at its own pixel, weights are
    positive, and with them alone the diagonal is made: convolutions of kernel one, in groups of channels.

    Args:
        shape: Shape (channels, height, width) of one image.
        num_units: Number of feature maps that each channel has in either hidden layer.
        kernel_size: Width of the convolutions, odd.
        context_dim: Number of context features; 0 for none.
        reverse: Whether the order is reversed.

    Raises:
        ValueError: If a size is not positive, or the kernel is even.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> value, slope = nn.TriangularConvNet((3, 6, 4))(torch.randn(5, 3, 6, 4))
        >>> value.shape, slope.shape, bool((slope > 0).all())
        (torch.Size([5, 3, 6, 4]), torch.Size([5, 3, 6, 4]), True)

    References:
        Song, Meng, Ermon (2019), MintNet: Building Invertible Neural Networks with Masked Convolutions,
        https://arxiv.org/abs/1907.07945
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        num_units: int = 8,
        kernel_size: int = 3,
        context_dim: int = 0,
        reverse: bool = False,
    ) -> None:
        channels, height, width = check_image_shape(shape)
        check_dim("num_units", num_units)
        check_dim("kernel_size", kernel_size)
        check_dim("context_dim", context_dim, 0)
        if kernel_size % 2 == 0:
            raise ValueError(f"Expected an odd kernel_size; got {kernel_size}. Give 3, say.")
        sizes = ((1, num_units), (num_units, num_units), (num_units, 1))
        layers = [
            TriangularConv2d(channels, num_in, num_out, kernel_size // 2, context_dim, start=start)
            for (num_in, num_out), start in zip(sizes, STARTS, strict=True)
        ]
        super().__init__(layers, context_dim)
        start_layers(*(layer.earlier for layer in layers))
        self.event_shape = torch.Size((channels, height, width))
        self.reverse = reverse
        order = torch.arange(channels * height * width).view(channels, -1).t().flatten()
        self.register_buffer("order", order.flip(0) if reverse else order, persistent=False)

    def in_order(self, x: Tensor) -> Tensor:
        """Turn the image round, if the order is reversed."""
        return x.flip((-3, -2, -1)) if self.reverse else x

    def back(self, h: Tensor) -> Tensor:
        """Turn it back."""
        return self.in_order(h)


class TriangularConv2d(nn.Module):
    """A masked convolution: free weights of what is earlier, positive ones of a channel's own maps at its own pixel.

    Args:
        num_channels: Number of channels of the image; maps are sorted by the channel that they belong to.
        num_in: Number of maps of each channel below.
        num_out: Number of maps of each channel above.
        radius: Columns seen on either side, and rows above.
        context_dim: Number of context features.
        start: Where the raw positive weights begin.
    """

    def __init__(
        self, num_channels: int, num_in: int, num_out: int, radius: int, context_dim: int, *, start: float
    ) -> None:
        super().__init__()
        below, above = (share_channels(num_channels * num, num_channels) for num in (num_in, num_out))
        self.earlier = MaskedConv2d(below, above, radius, strict=True)
        # In the plain order of memory: what remembers a bijection's last pair looks at flat views of its parameters.
        self.earlier.weight = nn.Parameter(self.earlier.weight.detach().contiguous())
        self.own = raw_start(num_channels, num_out, num_in, start)
        self.context_layer = nn.Linear(context_dim, num_channels * num_out, bias=False) if context_dim else None

    def forward(self, h: Tensor, slope: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the layer of ``h``, and of ``slope`` what passes from each variable to itself.

        Args:
            h: ``(num, num_channels * num_in, height, width)``.
            slope: Derivatives of ``h`` by the variable that each belongs to, of the same shape.
            context: ``(num, context_dim)`` or ``None``.

        Returns:
            Two tensors ``(num, num_channels * num_out, height, width)``.
        """
        groups = len(self.own)
        own = positive(self.own).flatten(0, 1)[..., None, None]  # (num_channels * num_out, num_in, 1, 1)
        value = self.earlier(h) + F.conv2d(h, own, groups=groups)
        if self.context_layer is not None and context is not None:
            value = value + self.context_layer(context)[..., None, None]
        return value, F.conv2d(slope, own, groups=groups)
