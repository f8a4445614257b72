"""The logistic base of flows, whose draws are finite in any precision."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints


class StandardLogistic(TorchDistribution):
    r""":math:`\log p(u) = -\sum_i \left[\log(1 + e^{u_i}) + \log(1 + e^{-u_i})\right]`, with draws that are finite.

    Equal to ``Logistic(0, 1).expand(event_shape).to_event()``, but that a uniform number of exactly 0, which in single
    precision is one in 17 million, is a draw far out and not at minus infinity: a second of sound takes thousands.

    Args:
        event_shape: Shape of one draw; an int is the shape of a vector.
        batch_shape: Shape of independent copies.
        dtype: Type of the draws; the default dtype if ``None``.
        device: Where draws are made.

    Example:
        >>> from pyrodgm import distributions
        >>> distributions.StandardLogistic(8).sample((3,)).shape
        torch.Size([3, 8])
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- the name and type that torch reads
    has_rsample = True

    def __init__(
        self,
        event_shape: int | Sequence[int],
        *,
        batch_shape: Sequence[int] = (),
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> None:
        shape = (event_shape,) if isinstance(event_shape, int) else tuple(event_shape)
        self._zero = torch.zeros((), dtype=dtype, device=device)  # carries dtype and device, and follows a move
        super().__init__(torch.Size(batch_shape), torch.Size(shape), validate_args=False)

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> constraints.Constraint:
        """Real tensors of the event's shape."""
        return constraints.independent(constraints.real, len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """Zeros."""
        return self._zero.expand(self.batch_shape + self.event_shape)

    @property
    def variance(self) -> Tensor:
        r""":math:`\pi^2 / 3` everywhere."""
        return (self._zero + math.pi**2 / 3).expand(self.batch_shape + self.event_shape)

    def entropy(self) -> Tensor:
        """Return two nats for each variable, ``(*batch_shape)``."""
        return (self._zero + 2.0 * self.event_shape.numel()).expand(self.batch_shape)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "StandardLogistic":
        """Return independent copies."""
        return StandardLogistic(
            self.event_shape, batch_shape=batch_shape, dtype=self._zero.dtype, device=self._zero.device
        )

    def rsample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, *event_shape)``."""
        shape = self._extended_shape(torch.Size(sample_shape))
        return finite_logit(torch.rand(shape, dtype=self._zero.dtype, device=self._zero.device))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-densities in nats, broadcast over the batch.

        Raises:
            ValueError: If the events are of another shape.
        """
        if self.event_shape and value.shape[-len(self.event_shape) :] != self.event_shape:
            raise ValueError(
                f"Expected value of shape (*batch, {', '.join(map(str, self.event_shape))}); got {tuple(value.shape)}. "
                "The last dimensions are one event."
            )
        log_prob = 2 * F.logsigmoid(value) - value
        dims = tuple(range(-len(self.event_shape), 0))
        log_prob = log_prob.sum(dims) if dims else log_prob
        if not self.batch_shape or log_prob.shape[-len(self.batch_shape) :] == self.batch_shape:
            return log_prob
        return log_prob.expand(torch.broadcast_shapes(log_prob.shape, self.batch_shape))


def finite_logit(uniforms: Tensor) -> Tensor:
    """Return standard logistic variables of uniforms in [0, 1), the number 0 included."""
    return uniforms.logit(torch.finfo(uniforms.dtype).eps / 4)  # half of the least number above 0
