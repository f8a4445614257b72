"""The base of most flows."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

LOG_TWO_PI = math.log(2.0 * math.pi)


class StandardNormal(TorchDistribution):
    r""":math:`\log p(z) = -\tfrac12 \|z\|^2 - \tfrac{D}{2} \log 2\pi`, in one product and one reduction.

    Equal to ``Normal(0, 1).expand(event_shape).to_event()``, without the arithmetic of a location and a scale that
    are zero and one: that is a third of the cost of a small flow's ``log_prob``.

    Args:
        event_shape: Shape of one draw; an int is the shape of a vector.
        batch_shape: Shape of independent copies.
        dtype: Type of the draws; the default dtype if ``None``.
        device: Where draws are made.

    Example:
        >>> from pyrodgm import distributions
        >>> distributions.StandardNormal(8).sample((3,)).shape
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
        self._constant = -0.5 * LOG_TWO_PI * math.prod(shape)
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
        """Ones."""
        return (self._zero + 1.0).expand(self.batch_shape + self.event_shape)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "StandardNormal":
        """Return independent copies."""
        return StandardNormal(
            self.event_shape, batch_shape=batch_shape, dtype=self._zero.dtype, device=self._zero.device
        )

    def rsample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, *event_shape)``."""
        shape = self._extended_shape(torch.Size(sample_shape))
        return torch.randn(shape, dtype=self._zero.dtype, device=self._zero.device)

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
        dims = tuple(range(-len(self.event_shape), 0))
        squares = value.square().sum(dims) if dims else value.square()
        log_prob = squares.mul(-0.5).add(self._constant)
        if not self.batch_shape or log_prob.shape[-len(self.batch_shape) :] == self.batch_shape:
            return log_prob
        return log_prob.expand(torch.broadcast_shapes(log_prob.shape, self.batch_shape))
