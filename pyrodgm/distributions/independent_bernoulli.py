"""Binary variables of one event, scored together."""

from collections.abc import Sequence

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from torch import Tensor

THRESHOLD = 40.0  # above it softplus is the identity: there the difference is below 1e-17
PIECE = 2**19  # numbers at a time, that stay in the cache
FACTORS = 64  # of at most 2 each: their product is below the largest number of float32


class IndependentBernoulli(dist.Independent):
    r"""Independent binary variables, :math:`\log p(x) = \sum_i x_i \ell_i - \log(1 + e^{\ell_i})`.

    Pyro's ``Bernoulli(logits=logits).to_event(event_dim)``, with a log-probability that takes fewer passes over
    memory. Of large events, and of many draws of them, these passes are what a density costs beside the network.
    Where no gradient is asked for, large ones are scored piece by piece, each while it is in the cache.

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
        wanted = dist.Bernoulli._validate_args if validate_args is None else validate_args
        # A sum takes one pass and is NaN where a logit is; torch's own check takes three, and says what is wrong.
        doubtful = bool(wanted and logits.detach().sum().isnan())
        bernoulli = dist.Bernoulli(logits=logits, validate_args=doubtful)
        bernoulli._validate_args = wanted
        super().__init__(bernoulli, event_dim)

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
        logits, event_dim = self.base_dist.logits, self.reinterpreted_batch_ndims
        differentiable = torch.is_grad_enabled() and (logits.requires_grad or value.requires_grad)
        exact = logits.dtype in (torch.float32, torch.float64)  # products overflow in a half
        if event_dim and exact and not differentiable and logits.numel() > PIECE:
            return log_prob_in_pieces(logits, value, event_dim)
        return bernoulli_log_prob(logits, value, event_dim)


def bernoulli_log_prob(logits: Tensor, value: Tensor, event_dim: int) -> Tensor:
    """Return the log-probability of binary values in nats, summed over the last ``event_dim`` dimensions."""
    log_prob = (value * logits).sub_(F.softplus(logits, threshold=THRESHOLD))
    return log_prob.flatten(-event_dim).sum(-1) if event_dim else log_prob


def log_prob_in_pieces(logits: Tensor, value: Tensor, event_dim: int) -> Tensor:
    """Return what :func:`bernoulli_log_prob` does, along the first dimension piece by piece, without a gradient."""
    logits, value = torch.broadcast_tensors(logits, value)
    if logits.dim() == event_dim:
        return log_prob_of_piece(logits.flatten(), value.flatten())
    num = max(1, PIECE // logits[0].numel())
    pieces = zip(logits.split(num), value.split(num), strict=True)
    return torch.cat([log_prob_of_piece(*(part.flatten(-event_dim) for part in piece)) for piece in pieces])


def log_prob_of_piece(logits: Tensor, value: Tensor) -> Tensor:
    r"""Return the sum over the last dimension; :math:`\log(1 + e^\ell) = \max(\ell, 0) + \log(1 + e^{-|\ell|})`."""
    linear = (value * logits).sub_(logits.relu()).sum(-1)
    factors = logits.abs().neg_().exp_().add_(1.0)  # one logarithm for the product of many
    whole = factors.shape[-1] // FACTORS * FACTORS
    products = factors[..., :whole].unflatten(-1, (-1, FACTORS)).prod(-1)
    return linear - products.log_().sum(-1) - factors[..., whole:].prod(-1).log_()
