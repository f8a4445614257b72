"""Arcs of circles with noise along the radius: moons and rings."""

import math
from collections.abc import Sequence

import pyro.distributions as dist
import torch
from torch import Size, Tensor
from torch.distributions import constraints
from torch.types import _size

from pyrodgm.data.toy.planar import Planar, distance_from


class Arc(Planar):
    r"""Points at a uniform angle of an arc and a folded normal distance from its centre.

    In polar coordinates about the centre the density is :math:`\frac{1}{r\,\varphi}\,[N(r; R, s^2) + N(-r; R, s^2)]`
    for angles of the arc, whose length is :math:`\varphi`; it is exact.

    Args:
        center_x: First coordinate of the centre.
        center_y: Second coordinate of the centre.
        radius: :math:`R`.
        start: Angle at which the arc starts, in radians.
        length: Angle that it covers, up to :math:`2\pi`.
        scale: :math:`s`, standard deviation of the distance before it is folded.
    """

    arg_constraints = {  # noqa: RUF012
        "center_x": constraints.real,
        "center_y": constraints.real,
        "radius": constraints.positive,
        "start": constraints.real,
        "length": constraints.interval(0, 2 * math.pi + 1e-6),
        "scale": constraints.positive,
    }
    center_x: Tensor
    center_y: Tensor
    radius: Tensor
    start: Tensor
    length: Tensor
    scale: Tensor

    def sample(self, sample_shape: _size = Size()) -> Tensor:  # noqa: B008
        """Draw points, shape (*sample_shape, *batch_shape, 2)."""
        angle = self.start + self.length * self._uniform(sample_shape)
        distance = (self.radius + self.scale * self._normal(sample_shape)).abs()
        return torch.stack([self.center_x + distance * angle.cos(), self.center_y + distance * angle.sin()], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats; minus infinity at angles outside the arc."""
        x, y = value[..., 0] - self.center_x, value[..., 1] - self.center_y
        distance = distance_from(x, y)
        normal = dist.Normal(self.radius, self.scale, validate_args=False)
        radial = torch.logaddexp(normal.log_prob(distance), normal.log_prob(-distance))
        inside = (torch.atan2(y, x) - self.start) % (2 * math.pi) <= self.length
        return torch.where(inside, radial - distance.log() - self.length.log(), -math.inf)


def two_moons(*, scale: float = 0.1) -> dist.MixtureSameFamily:
    """Two half circles of radius 1 that reach into each other, with noise along the radius.

    The centres are those of scikit-learn's ``make_moons``; its noise goes in all directions and has no closed density.

    Args:
        scale: Standard deviation of the noise.

    Raises:
        ValueError: If ``scale`` is not positive.

    Example:
        >>> two_moons().sample((5,)).shape
        torch.Size([5, 2])
    """
    return _equal_parts(
        Arc(
            center_x=torch.tensor([0.0, 1.0]),
            center_y=torch.tensor([0.0, 0.5]),
            radius=1.0,
            start=torch.tensor([0.0, math.pi]),
            length=math.pi,
            scale=scale,
            validate_args=True,
        )
    )


def rings(*, radii: Sequence[float] = (1.0, 2.0, 3.0), scale: float = 0.1) -> dist.MixtureSameFamily:
    """Circles about the origin with equal weights and noise along the radius.

    Args:
        radii: Of the circles.
        scale: Standard deviation of the noise.

    Raises:
        ValueError: If there is no circle, or a radius or ``scale`` is not positive.

    Example:
        >>> rings().sample((5,)).shape
        torch.Size([5, 2])
    """
    if not radii:
        raise ValueError("Expected at least one radius; got none.")
    radius = torch.tensor(radii)
    length = 2 * math.pi
    return _equal_parts(
        Arc(center_x=0.0, center_y=0.0, radius=radius, start=0.0, length=length, scale=scale, validate_args=True)
    )


def _equal_parts(parts: Arc) -> dist.MixtureSameFamily:
    return dist.MixtureSameFamily(dist.Categorical(logits=torch.zeros(parts.batch_shape)), parts)
