"""Binary variables."""

from collections.abc import Sequence

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from pyrodgm.distributions.independent_bernoulli import IndependentBernoulli, bernoulli_log_prob
from pyrodgm.heads.head import Head


class Bernoulli(Head):
    r"""Independent binary variables :math:`p(x_i = 1) = \sigma(\ell_i)` from logits.

    Args:
        event_shape: Shape of one draw.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> head = heads.Bernoulli((1, 8, 8))
        >>> head.num_params, head(torch.zeros(5, 64)).sample().shape
        (64, torch.Size([5, 1, 8, 8]))
    """

    @property
    def num_params(self) -> int:
        """One logit a variable."""
        return self.num_variables

    def make(self, params: Tensor) -> TorchDistribution:
        """Make the distribution from logits."""
        logits = self._logits(params)
        return IndependentBernoulli(logits, self.event_dim) if self.event_dim else dist.Bernoulli(logits=logits)

    def _logits(self, params: Tensor) -> Tensor:
        return self.split(params, 1).squeeze(-1 - self.event_dim)

    def log_prob(self, params: Tensor, value: Tensor) -> Tensor:
        """Return the log-probability without a distribution in between."""
        return bernoulli_log_prob(self._logits(params), value, self.event_dim)

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw uniforms."""
        return torch.rand((*shape, *self.event_shape), dtype=dtype, device=device)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Return 1 where the uniform lies below the probability."""
        return (noise < self._logits(params).sigmoid()).to(params.dtype)
