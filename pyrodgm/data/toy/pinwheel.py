"""A wheel of twisted blades."""

import math

import pyro.distributions as dist
import torch
from torch import Size, Tensor
from torch.distributions import constraints
from torch.types import _size

from pyrodgm.data.toy.planar import Planar, rotate


class Blade(Planar):
    """Gaussian on a ray from the origin, each point turned about the origin by an angle that grows with its distance.

    Turning every circle by an angle of its own keeps areas, so that the density is that of the point turned back.

    Args:
        angle: Of the ray, in radians.
        radius: Mean distance from the origin.
        radial_scale: Standard deviation along the ray.
        tangential_scale: Standard deviation across it.
        twist: Angle per unit of distance beyond ``radius``.
    """

    arg_constraints = {  # noqa: RUF012
        "angle": constraints.real,
        "radius": constraints.real,
        "radial_scale": constraints.positive,
        "tangential_scale": constraints.positive,
        "twist": constraints.real,
    }
    angle: Tensor
    radius: Tensor
    radial_scale: Tensor
    tangential_scale: Tensor
    twist: Tensor

    def sample(self, sample_shape: _size = Size()) -> Tensor:  # noqa: B008
        """Draw points, shape (*sample_shape, *batch_shape, 2)."""
        along = self.radius + self.radial_scale * self._normal(sample_shape)
        points = torch.stack([along, self.tangential_scale * self._normal(sample_shape)], -1)
        return rotate(points, self._turn(points))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats."""
        along, across = rotate(value, -self._turn(value)).unbind(-1)
        squares = ((along - self.radius) / self.radial_scale) ** 2 + (across / self.tangential_scale) ** 2
        return -squares / 2 - (self.radial_scale * self.tangential_scale).log() - math.log(2 * math.pi)

    def _turn(self, points: Tensor) -> Tensor:
        return self.angle + self.twist * (torch.hypot(points[..., 0], points[..., 1]) - self.radius)


def pinwheel(
    *,
    num_blades: int = 5,
    radius: float = 2.0,
    radial_scale: float = 0.6,
    tangential_scale: float = 0.15,
    twist: float = 0.6,
) -> dist.MixtureSameFamily:
    """Twisted blades about the origin, with equal weights.

    Unlike in the usual recipe, the twist depends on the distance from the origin, which makes the density exact.

    Args:
        num_blades: Number of blades.
        radius: Mean distance from the origin.
        radial_scale: Standard deviation along a blade.
        tangential_scale: Standard deviation across it.
        twist: Radians per unit of distance.

    Raises:
        ValueError: If ``num_blades`` or a scale is not positive.

    Example:
        >>> pinwheel().sample((5,)).shape
        torch.Size([5, 2])

    References:
        Johnson and others (2016), Composing graphical models with neural networks, https://arxiv.org/abs/1603.06277
    """
    if num_blades < 1:
        raise ValueError(f"Expected at least one blade; got num_blades={num_blades}.")
    angle = torch.arange(num_blades) * (2 * math.pi / num_blades)
    blades = Blade(
        angle=angle,
        radius=radius,
        radial_scale=radial_scale,
        tangential_scale=tangential_scale,
        twist=twist,
        validate_args=True,
    )
    return dist.MixtureSameFamily(dist.Categorical(logits=torch.zeros(num_blades)), blades)
