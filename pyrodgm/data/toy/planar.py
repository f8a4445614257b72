"""What the toy densities share: a batch of distributions of points in the plane."""

import torch
from pyro.distributions import TorchDistribution
from torch import Size, Tensor
from torch.distributions import constraints
from torch.types import _size


class Planar(TorchDistribution):
    """Distribution of points of the plane; subclasses declare ``arg_constraints`` and write ``sample``, ``log_prob``.

    The density covers the whole plane, with ``log_prob`` minus infinity where nothing falls.

    Args:
        **params: The parameters that ``arg_constraints`` names, broadcast against each other to the batch shape.
    """

    support = constraints.real_vector

    def __init__(self, *, validate_args: bool | None = None, **params: float | Tensor) -> None:
        tensors = {name: torch.as_tensor(value, dtype=torch.get_default_dtype()) for name, value in params.items()}
        batch_shape = torch.broadcast_shapes(*(tensor.shape for tensor in tensors.values()))
        self._store(tensors, batch_shape)
        super().__init__(batch_shape, Size([2]), validate_args=validate_args)

    def expand(self, batch_shape: _size, _instance: "Planar | None" = None) -> "Planar":
        """Return the same distribution with parameters expanded to a larger batch shape."""
        new = type(self).__new__(type(self)) if _instance is None else _instance
        new._store({name: getattr(self, name) for name in self.arg_constraints}, Size(batch_shape))
        super(Planar, new).__init__(Size(batch_shape), Size([2]), validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _store(self, params: dict[str, Tensor], batch_shape: _size) -> None:
        for name, value in params.items():
            setattr(self, name, value.expand(batch_shape))

    def _uniform(self, sample_shape: _size) -> Tensor:
        return torch.rand_like(self._blank(sample_shape))

    def _normal(self, sample_shape: _size) -> Tensor:
        return torch.randn_like(self._blank(sample_shape))

    def _blank(self, sample_shape: _size) -> Tensor:
        param = getattr(self, next(iter(self.arg_constraints)))
        return param.new_empty(Size(sample_shape) + self.batch_shape)


def distance_from(x: Tensor, y: Tensor) -> Tensor:
    """Return the distance of points from the origin, held above 1e-8 (3e-4 in float32).

    A density in polar coordinates is divided by it; held so, a grid point on the origin itself stays finite, and the
    integral of the density does not change noticeably.
    """
    return torch.hypot(x, y).clamp(min=torch.finfo(x.dtype).eps ** 0.5)


def rotate(points: Tensor, angle: Tensor) -> Tensor:
    """Turn points counterclockwise about the origin.

    Args:
        points: Shape (..., 2).
        angle: Radians, of a shape that broadcasts with (...).

    Returns:
        The turned points.
    """
    cos, sin = angle.cos(), angle.sin()
    x, y = points.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y], -1)
