"""Binary variables of one event, scored together."""

from collections.abc import Sequence

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from torch import Tensor

THRESHOLD = 40.0  # above it softplus is the identity: there the difference is below 1e-17


class IndependentBernoulli(dist.Independent):
    r"""Independent binary variables, :math:`\log p(x) = \sum_i x_i \ell_i - \log(1 + e^{\ell_i})`.

    Pyro's ``Bernoulli(logits=logits).to_event(event_dim)``, with a log-probability that takes fewer passes over
    memory. Of large events, and of many draws of them, these passes are what a density costs beside the network.

    Args:
        logits: ``(*batch, *event)``.
        event_dim: Number of dimensions of an event.
        validate_args: Whether logits and values are checked; as torch's setting if ``None``.

    Example:
        >>> import torch
        >>> from pyrodgm import distributions
        >>> p = distributions.IndependentBernoulli(torch.zeros(5, 1, 8, 8), 3)
        >>> p.sample().shape, p.log_prob(torch.ones(1, 8, 8)).shape
        (torch.Size([5, 1, 8, 8]), torch.Size([5]))
    """

    def __init__(self, logits: Tensor, event_dim: int, *, validate_args: bool | None = None) -> None:
        super().__init__(dist.Bernoulli(logits=logits, validate_args=validate_args), event_dim)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "IndependentBernoulli":
        """Return independent copies."""
        new: IndependentBernoulli = self._get_checked_instance(IndependentBernoulli, _instance)
        super().expand(torch.Size(batch_shape), _instance=new)
        return new

    def log_prob(self, value: Tensor) -> Tensor:
        """Return nats, ``(*sample, *batch)``.

        Args:
            value: ``(*sample, *batch, *event)``, zeros and ones, broadcast against the batch.
        """
        if self.base_dist._validate_args:
            self.base_dist._validate_sample(value)
        return bernoulli_log_prob(self.base_dist.logits, value, self.reinterpreted_batch_ndims)


def bernoulli_log_prob(logits: Tensor, value: Tensor, event_dim: int) -> Tensor:
    """Return the log-probability of binary values in nats, summed over the last ``event_dim`` dimensions."""
    log_prob = (value * logits).sub_(F.softplus(logits, threshold=THRESHOLD))
    return log_prob.flatten(-event_dim).sum(-1) if event_dim else log_prob
