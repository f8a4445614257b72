"""A linear map of the channels of each pixel."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm.transforms.bijection import Bijection, check_input_dim
from pyrodgm.transforms.linear import LULinear


class InvertibleConvolution(Bijection):
    r"""An invertible 1 x 1 convolution, from data to base :math:`x_{hw} = P\, D L U\, y_{hw} + b`.

    The matrix is that of an :class:`~pyrodgm.transforms.LULinear`. Densities, from data to base, are one convolution
    with it; draws solve with its triangles, so that no inverse of a matrix is ever formed and training cannot lose the
    way back. It starts at the permutation :math:`P`.

    Args:
        num_channels: Number of channels.
        permutation: The fixed order of channels of :math:`P`, a random one if ``None``; a ``state_dict`` keeps it.

    Raises:
        ValueError: If ``num_channels`` is not positive, or the permutation is none of the channels; when called, if
            events have other channels.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.InvertibleConvolution(4).forward_and_ladj(torch.randn(5, 4, 8, 8))
        >>> y.shape, ladj.shape
        (torch.Size([5, 4, 8, 8]), torch.Size([5]))

    References:
        Kingma, Dhariwal (2018), Glow, section 3.2, https://arxiv.org/abs/1807.03039
    """

    def __init__(self, num_channels: int, *, permutation: Sequence[int] | Tensor | None = None) -> None:
        super().__init__(event_dim=3)
        check_input_dim(num_channels, what="num_channels")
        self.num_channels = num_channels
        order = torch.randperm(num_channels) if permutation is None else permutation
        self.linear = LULinear(num_channels, permutation=order)

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Solve with the triangles, pixel by pixel."""
        self._batch(x)
        y, ladj = self.linear.inverse_and_ladj(x.movedim(-3, -1))  # (*batch, height, width)
        return y.movedim(-1, -3).contiguous(), ladj.sum((-2, -1))

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Convolve with the matrix."""
        batch = self._batch(y)
        matrix, ladj = self.linear.matrix_and_ladj()
        maps = y.reshape(math.prod(batch), *y.shape[-3:])
        x = F.conv2d(maps, matrix[:, :, None, None], self.linear.bias)
        return x.reshape(y.shape), (ladj * y.shape[-2:].numel()).expand(batch)

    def _batch(self, x: Tensor) -> torch.Size:
        if x.dim() < 3 or x.shape[-3] != self.num_channels:
            raise ValueError(
                f"Expected events of shape (*batch, {self.num_channels}, height, width); got {tuple(x.shape)}. "
                "Build the convolution for the channels of the images."
            )
        return x.shape[:-3]
