"""Arms of a spiral with noise along the radius."""

import math

import pyro.distributions as dist
import torch
from torch import Size, Tensor
from torch.distributions import constraints
from torch.types import _size

from pyrodgm.data.toy.planar import Planar, distance_from, rotate

START = math.pi / 2


class SpiralArm(Planar):
    r"""Points of the spiral :math:`r = a\,t`, with normal noise along the radius.

    The angle :math:`t` has a density proportional to :math:`t` between :math:`\pi/2` and the end, near to even spread
    along the arm. A point can come from any winding, and from a negative radius: the exact density adds them all,
    :math:`\frac1r \sum_k [p(t_k)\,N(r; a t_k, s^2) + p(t_k + \pi)\,N(-r; a (t_k + \pi), s^2)]`.

    Args:
        phase: Angle by which the arm is turned.
        length: Angle at which the arm ends, in radians; above :math:`\pi/2`.
        pitch: :math:`a`, radius per radian.
        scale: :math:`s`, standard deviation of the noise.
    """

    arg_constraints = {  # noqa: RUF012
        "phase": constraints.real,
        "length": constraints.greater_than(START),
        "pitch": constraints.positive,
        "scale": constraints.positive,
    }
    phase: Tensor
    length: Tensor
    pitch: Tensor
    scale: Tensor

    def sample(self, sample_shape: _size = Size()) -> Tensor:  # noqa: B008
        """Draw points, shape (*sample_shape, *batch_shape, 2)."""
        angle = (START**2 + (self.length**2 - START**2) * self._uniform(sample_shape)).sqrt()
        radius = self.pitch * angle + self.scale * self._normal(sample_shape)
        points = torch.stack([radius, torch.zeros_like(radius)], -1)
        return rotate(points, angle + self.phase)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density in nats; minus infinity before the start and after the end of the arm."""
        radius = distance_from(value[..., 0], value[..., 1])
        base = (torch.atan2(value[..., 1], value[..., 0]) - self.phase) % (2 * math.pi)
        num_windings = int(self.length.max() / (2 * math.pi)) + 1
        terms = [
            self._winding(base + 2 * math.pi * k + half_turn, sign * radius)
            for k in range(-1, num_windings)
            for half_turn, sign in ((0.0, 1.0), (math.pi, -1.0))
        ]
        return torch.stack(terms).logsumexp(0) - radius.log()

    def _winding(self, angle: Tensor, radius: Tensor) -> Tensor:
        inside = (angle >= START) & (angle <= self.length)
        log_angle = (2 * angle.clamp(min=START) / (self.length**2 - START**2)).log()
        log_radius = dist.Normal(self.pitch * angle, self.scale, validate_args=False).log_prob(radius)
        return torch.where(inside, log_angle + log_radius, -math.inf)


def two_spirals(*, num_turns: float = 1.5, pitch: float = 0.35, scale: float = 0.1) -> dist.MixtureSameFamily:
    """Two spiral arms about the origin, half a turn apart, with equal weights.

    Args:
        num_turns: Number of turns of an arm; it begins after a quarter of a turn.
        pitch: Radius per radian.
        scale: Standard deviation of the noise along the radius.

    Raises:
        ValueError: If ``num_turns`` is not above 1/4, or ``pitch`` or ``scale`` is not positive.

    Example:
        >>> two_spirals().sample((5,)).shape
        torch.Size([5, 2])
    """
    phase = torch.tensor([0.0, math.pi])
    arms = SpiralArm(phase=phase, length=2 * math.pi * num_turns, pitch=pitch, scale=scale, validate_args=True)
    return dist.MixtureSameFamily(dist.Categorical(logits=torch.zeros(2)), arms)
