"""A Gaussian bent to a banana."""

import math

import torch
from torch import Size, Tensor
from torch.distributions import constraints
from torch.types import _size

from pyrodgm.data.toy.planar import Planar


class Banana(Planar):
    """Gaussian bent along a parabola: ``y1 = scale * u1``, ``y2 = u2 + curvature * (y1**2 - scale**2)``, u standard.

    Args:
        scale: Standard deviation of the first coordinate.
        curvature: Of the parabola; 0 leaves a Gaussian.
    """

    arg_constraints = {"scale": constraints.positive, "curvature": constraints.real}  # noqa: RUF012
    scale: Tensor
    curvature: Tensor

    def __init__(
        self, scale: float | Tensor = 1.5, curvature: float | Tensor = 0.5, *, validate_args: bool | None = None
    ) -> None:
        super().__init__(scale=scale, curvature=curvature, validate_args=validate_args)

    def sample(self, sample_shape: _size = Size()) -> Tensor:  # noqa: B008
        """Draw points, shape (*sample_shape, *batch_shape, 2)."""
        first = self.scale * self._normal(sample_shape)
        return torch.stack([first, self._normal(sample_shape) + self._bend(first)], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats."""
        first, second = value.unbind(-1)
        squares = (first / self.scale) ** 2 + (second - self._bend(first)) ** 2
        return -squares / 2 - self.scale.log() - math.log(2 * math.pi)

    def _bend(self, first: Tensor) -> Tensor:
        return self.curvature * (first**2 - self.scale**2)


def banana(*, scale: float = 1.5, curvature: float = 0.5) -> Banana:
    """Gaussian bent along a parabola, a long-standing test of samplers.

    Args:
        scale: Standard deviation of the first coordinate.
        curvature: Of the parabola; 0 leaves a Gaussian.

    Raises:
        ValueError: If ``scale`` is not positive.

    Example:
        >>> banana().sample((5,)).shape
        torch.Size([5, 2])

    References:
        Haario, Saksman, Tamminen (1999), Adaptive proposal distribution for random walk Metropolis algorithm,
        https://doi.org/10.1007/s001800050022
    """
    return Banana(scale, curvature, validate_args=True)
