"""A logistic variable and uniform noise: what stands for levels where real numbers are asked for."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.distributions.discretized_logistic import logistic_log_mass
from pyrodgm.distributions.discretized_logistic_mixture import MAX_LOG_SCALE, MIN_LOG_SCALE
from pyrodgm.distributions.standard_logistic import finite_logit


class BlurredLogistic(TorchDistribution):
    r"""The sum of a logistic variable and a uniform one within :math:`\pm h`.

    .. math:: p(x) = \frac{1}{2 h} \left[\sigma\left(\tfrac{x + h - \mu}{s}\right)
        - \sigma\left(\tfrac{x - h - \mu}{s}\right)\right]

    It is smooth, integrates to one, and is nowhere above :math:`1 / 2h` however small the scale. Log-scales are clamped
    at -7 and at 60.

    Args:
        loc: Locations :math:`\mu`.
        log_scale: Logarithms of the scales :math:`s`, broadcast against ``loc``.
        half_width: Half of the width of the noise, :math:`h`.
        validate_args: Whether parameters and values are checked; as torch's setting if ``None``.

    Raises:
        ValueError: If the width is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import distributions
        >>> distributions.BlurredLogistic(torch.zeros(7), torch.tensor(-3.0), 0.1).log_prob(torch.randn(5, 7)).shape
        torch.Size([5, 7])
    """

    arg_constraints: dict[str, Any] = {  # noqa: RUF012 -- the name and type that torch reads
        "loc": constraints.real,
        "log_scale": constraints.real,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Tensor, log_scale: Tensor, half_width: float, *, validate_args: bool | None = None) -> None:
        if not 0 < half_width < math.inf:
            raise ValueError(f"Expected half_width > 0; got {half_width}. Without noise it is a logistic variable.")
        self.loc, self.log_scale = torch.broadcast_tensors(loc, log_scale)
        self.half_width = half_width
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The location."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """That of the logistic variable and that of the noise."""
        return (2 * self._bounded_log_scale()).exp() * (math.pi**2 / 3) + self.half_width**2 / 3

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> "BlurredLogistic":
        """Return independent copies."""
        new = self._get_checked_instance(BlurredLogistic, _instance)
        batch_shape = torch.Size(batch_shape)
        new.loc, new.log_scale = self.loc.expand(batch_shape), self.log_scale.expand(batch_shape)
        new.half_width = self.half_width
        super(BlurredLogistic, new).__init__(batch_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new  # type: ignore[no-any-return]

    def rsample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape)`` with gradients."""
        shape = self._extended_shape(torch.Size(sample_shape))
        return self.from_uniforms(*torch.rand((2, *shape), dtype=self.loc.dtype, device=self.loc.device).unbind())

    def from_uniforms(self, logistic: Tensor, noise: Tensor) -> Tensor:
        """Turn uniforms in [0, 1) into draws: one for the logistic variable, one for the noise."""
        drawn = self.loc + self._bounded_log_scale().exp() * finite_logit(logistic)
        return drawn + self.half_width * (2 * noise - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-densities in nats, with gradients to the parameters and to the value."""
        if self._validate_args:
            self._validate_sample(value)
        edge = self.loc.new_tensor(self.half_width)
        # The value moves the location against fixed edges, because gradients of the mass do not reach its edges.
        log_mass = logistic_log_mass(-edge, edge, self.loc - value, self._bounded_log_scale())
        return log_mass - math.log(2 * self.half_width)

    def _bounded_log_scale(self) -> Tensor:
        return self.log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE)
