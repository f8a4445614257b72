"""Convolutions whose weights have a length of their own."""

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm


class WeightNormConv2d(nn.Conv2d):
    r"""A convolution with the weights :math:`w_k = g_k\, v_k / \|v_k\|` of each output channel :math:`k`.

    ``weight`` holds the directions :math:`v`, ``gain`` the lengths :math:`g`; it starts as the plain convolution. It is
    what :func:`torch.nn.utils.parametrizations.weight_norm` makes, as a class of its own: parametrized modules cannot
    be pickled, and so cannot be sent to another process.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Height and width of the kernel.
        padding: Rows and columns of zeros added at each side.

    Example:
        >>> convolution = WeightNormConv2d(3, 4, 3, padding=1)
        >>> convolution(torch.randn(5, 3, 8, 8)).shape, convolution.gain.shape
        (torch.Size([5, 4, 8, 8]), torch.Size([4, 1, 1, 1]))

    References:
        Salimans, Kingma (2016), Weight Normalization, section 2, https://arxiv.org/abs/1602.07868
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, padding: int = 0) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=padding)
        with torch.no_grad():
            self.gain = nn.Parameter(vector_norm(self.weight, dim=(1, 2, 3), keepdim=True))

    def forward(self, input: Tensor) -> Tensor:
        """Convolve ``(num, in_channels, height, width)``."""
        weight = torch._weight_norm(self.weight, self.gain, 0)  # the one kernel that torch's parametrization calls
        return self._conv_forward(input, weight, self.bias)
