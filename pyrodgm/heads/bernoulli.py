"""Binary variables."""

from collections.abc import Sequence

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

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
        return dist.Bernoulli(logits=self._logits(params)).to_event(self.event_dim)

    def _logits(self, params: Tensor) -> Tensor:
        return self.split(params, 1).squeeze(-1 - self.event_dim)

    def log_prob(self, params: Tensor, value: Tensor) -> Tensor:
        """Return the log-probability by the fused cross-entropy, without a distribution in between."""
        logits = self._logits(params)
        if logits.shape != value.shape:
            logits, value = torch.broadcast_tensors(logits, value)
        log_prob = -F.binary_cross_entropy_with_logits(logits, value.to(logits.dtype), reduction="none")
        return log_prob.flatten(-self.event_dim).sum(-1) if self.event_dim else log_prob

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw uniforms."""
        return torch.rand((*shape, *self.event_shape), dtype=dtype, device=device)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Return 1 where the uniform lies below the probability."""
        return (noise < self._logits(params).sigmoid()).to(params.dtype)
