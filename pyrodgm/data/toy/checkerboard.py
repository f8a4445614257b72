"""The dark squares of a checkerboard."""

import math

import torch
from torch import Size, Tensor
from torch.distributions import constraints
from torch.types import _size

from pyrodgm.data.toy.planar import Planar


class Checkerboard(Planar):
    """Uniform on the eight dark squares of a board of four by four.

    Args:
        half_width: Half of the side of the board, which is centred on the origin.
    """

    arg_constraints = {"half_width": constraints.positive}  # noqa: RUF012
    half_width: Tensor

    def __init__(self, half_width: float | Tensor = 4.0, *, validate_args: bool | None = None) -> None:
        super().__init__(half_width=half_width, validate_args=validate_args)

    def sample(self, sample_shape: _size = Size()) -> Tensor:  # noqa: B008
        """Draw points, shape (*sample_shape, *batch_shape, 2)."""
        column = 4 * self._uniform(sample_shape)
        row = 2 * self._uniform(sample_shape)
        row = 2 * row.floor() + (row - row.floor()) + column.floor() % 2
        return (torch.stack([column, row], -1) / 2 - 1) * self.half_width[..., None]

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats; minus infinity off the dark squares."""
        cell = (2 * (value / self.half_width[..., None] + 1)).floor()
        on_board = ((cell >= 0) & (cell < 4)).all(-1)
        dark = on_board & (cell.sum(-1) % 2 == 0)
        return torch.where(dark, -math.log(2) - 2 * self.half_width.log(), -math.inf)


def checkerboard(*, half_width: float = 4.0) -> Checkerboard:
    """Uniform density on the dark squares of a checkerboard of four by four.

    Args:
        half_width: Half of the side of the board, which is centred on the origin.

    Raises:
        ValueError: If ``half_width`` is not positive.

    Example:
        >>> checkerboard().sample((5,)).shape
        torch.Size([5, 2])
    """
    return Checkerboard(half_width, validate_args=True)
