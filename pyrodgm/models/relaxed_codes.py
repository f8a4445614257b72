"""Relaxed codes on a grid: draws of a quantizer, and the two ways to score them."""

from collections.abc import Sequence
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.distributions.coded import channels_first, channels_last
from pyrodgm.quantizers import RelaxedCategorical


class RelaxedCodes(TorchDistribution):
    r"""Points of the simplex on a grid, drawn by a relaxed categorical in training mode, channels first.

    Args:
        logits: ``(*batch, *grid_shape, num_codes)``.
        quantizer: Draws; its temperature when this is made is that of the density.
        grid_dim: Number of dimensions of the grid.
        kl: ``"relaxed"`` scores points by their Concrete density; ``"categorical"`` by :math:`-H(q)`, the negative
            entropy of the categoricals, whatever the points are: in expectation over indices that is their
            log-probability.

    References:
        Maddison, Mnih, Teh (2017), The Concrete Distribution, definition 1, https://arxiv.org/abs/1611.00712
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- the name and type that torch reads
    has_rsample = True

    def __init__(self, logits: Tensor, quantizer: RelaxedCategorical, grid_dim: int, *, kl: str) -> None:
        self.logits, self.quantizer, self.grid_dim, self.kl = logits, quantizer, grid_dim, kl
        self.temperature = quantizer.temperature.to(logits.dtype)  # of the draws to come: each draw may lower it
        batch_dim = logits.dim() - 1 - grid_dim
        event_shape = torch.Size((logits.shape[-1], *logits.shape[batch_dim:-1]))
        super().__init__(logits.shape[:batch_dim], event_shape, validate_args=False)

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> constraints.Constraint:
        """Real vectors on the grid."""
        return constraints.independent(constraints.real, len(self.event_shape))

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "RelaxedCodes":
        """Return independent copies."""
        event_shape = self.logits.shape[self.logits.dim() - 1 - self.grid_dim :]
        logits = self.logits.expand(*batch_shape, *event_shape)
        new = RelaxedCodes(logits, self.quantizer, self.grid_dim, kl=self.kl)
        new.temperature = self.temperature
        return new

    def rsample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, num_codes, *grid_shape)``."""
        codes = self.quantizer(self.logits.expand(*sample_shape, *self.logits.shape)).codes
        return channels_first(codes, self.grid_dim)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return nats, ``(*sample, *batch)``."""
        batch = torch.broadcast_shapes(value.shape[: value.dim() - len(self.event_shape)], self.batch_shape)
        if self.kl == "categorical":
            log_q = self.logits.log_softmax(-1)
            # Minus infinity rules a category out: it has no share in the entropy, and no gradient.
            score = (log_q.exp() * log_q.clamp_min(torch.finfo(log_q.dtype).min)).sum(-1)
        else:
            # By rounding a component may be zero, where the density has no finite logarithm.
            points = channels_last(value, self.grid_dim).clamp_min(torch.finfo(value.dtype).tiny)
            relaxed = dist.RelaxedOneHotCategorical(self.temperature, logits=self.logits, validate_args=False)
            score = relaxed.log_prob(points)
        return score.sum(tuple(range(-self.grid_dim, 0))).expand(batch) if self.grid_dim else score.expand(batch)
