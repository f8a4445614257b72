"""Convolutions that see one side of a pixel: rows above, or rows above and columns to the left."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ShiftedConv2d(nn.Conv2d):
    r"""A convolution shifted down, or down and to the right: the last row of its kernel lies on the pixel itself.

    All other rows lie above. Columns lie on both sides (the down-shifted one), or to the left and on the pixel (the
    down-right-shifted one). An output at ``(i, j)`` of a strided one belongs to the input at
    ``(stride * i, stride * j)``; there are ``ceil(size / stride)`` of them.

    Args:
        in_channels: Number of channels of the input.
        out_channels: Number of channels of the output.
        kernel_size: Rows and columns of the kernel.
        both_sides: Whether the columns are centred on the pixel.
        offset: Rows up and columns left by which the kernel is moved further, off the pixel.
        stride: Step of rows and columns.

    References:
        Salimans, Karpathy, Chen, Kingma (2017), PixelCNN++, section 2.3 and figure 2, https://arxiv.org/abs/1701.05517
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, int],
        *,
        both_sides: bool,
        offset: tuple[int, int] = (0, 0),
        stride: int = 1,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride=stride)
        rows, columns = kernel_size
        right = columns // 2 if both_sides else 0
        self.pads = (columns - 1 - right + offset[1], right - offset[1], rows - 1 + offset[0], -offset[0])

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, out_channels, height', width')`` of ``(batch, in_channels, height, width)``."""
        return F.conv2d(F.pad(x, self.pads), self.weight, self.bias, self.stride)


class ShiftedConvTranspose2d(nn.ConvTranspose2d):
    """The way back from a :class:`ShiftedConv2d` of stride 2, which looks as little ahead.

    An input at ``(i, j)`` reaches rows ``2 i`` and ``2 i + 1`` and columns ``2 j`` and ``2 j + 1``, and with
    ``both_sides`` column ``2 j - 1`` too.

    Args:
        channels: Number of channels of input and output.
        both_sides: Whether the columns are centred.
    """

    def __init__(self, channels: int, *, both_sides: bool) -> None:
        side = 1 if both_sides else 0
        super().__init__(channels, channels, (2, 2 + side), stride=2, padding=(0, side), output_padding=(0, side))

    def enlarge(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Return ``(batch, channels, *size)`` of an input half as large, rounded up."""
        return self(x)[..., : size[0], : size[1]]  # type: ignore[no-any-return]


def concat_elu(x: Tensor) -> Tensor:
    r"""Return :math:`[\mathrm{elu}(x), \mathrm{elu}(-x)]`, with twice the channels."""
    return F.elu(torch.cat((x, -x), 1), inplace=True)
