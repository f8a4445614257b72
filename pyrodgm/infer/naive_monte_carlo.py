"""The log-evidence of each datum by draws of the prior."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from torch import Tensor

from pyrodgm.infer.log_evidence import RowSum, check_positive
from pyrodgm.infer.run import Scorer, run


@dataclass(frozen=True)
class NaiveMonteCarlo:
    r"""What draws :math:`z_k` of the prior say about each :math:`\log p(x)`.

    Attributes:
        log_evidence: :math:`\log \frac1K \sum_k p(x \mid z_k)`, ``(num_rows,)``, nats.
        effective_sample_size: :math:`(\sum_k w_k)^2 / \sum_k w_k^2` with :math:`w_k = p(x \mid z_k)`, ``(num_rows,)``:
            how many of the draws count. Near 1, one draw decides, and the estimate is far too low.
        num_samples: Number :math:`K` of draws.
    """

    log_evidence: Tensor
    effective_sample_size: Tensor
    num_samples: int

    def __str__(self) -> str:
        return (
            f"log p(x) {self.log_evidence.mean():.2f} nats by {self.num_samples} draws of the prior, effective sample "
            f"size {self.effective_sample_size.median():.1f} (median of {len(self.log_evidence)} data)"
        )


@torch.no_grad()
def naive_monte_carlo(
    model: Callable[..., Any],
    x: Tensor,
    context: Tensor | None = None,
    *,
    num_samples: int = 1000,
    chunk_size: int = 50,
    batch_size: int = 100,
) -> NaiveMonteCarlo:
    r"""Estimate each :math:`\log p(x)` by :math:`\log \frac1K \sum_k p(x \mid z_k)`, :math:`z_k \sim p(z)`.

    The average has no bias; its logarithm is too low, and by much: a draw counts only if it happens to explain the
    datum, which takes a number of draws that grows exponentially with what the datum says about its latents,
    about :math:`e^{\mathrm{KL}(p(z \mid x) \,\|\, p(z))}`. :func:`~pyrodgm.infer.log_evidence` draws where the
    posterior is.

    The model runs as it is, its latent sites drawn and ``x`` observed. At most ``chunk_size * batch_size`` (draw,
    datum) pairs are in memory at once.

    Args:
        model: Program with every site in the plate ``"data"``.
        x: Data, ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        num_samples: Number :math:`K` of draws a datum.
        chunk_size: Number of draws a datum in memory at once.
        batch_size: Number of data in memory at once.

    Returns:
        The estimates, and how many of the draws count.

    Raises:
        ValueError: If a number is not positive, there are no data, or a site lies outside of the plate.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> found = infer.naive_monte_carlo(models.vae(64, 8, hidden_dims=(32,)).model, torch.rand(5, 64).round())
        >>> found.log_evidence.shape, found.effective_sample_size.shape
        (torch.Size([5]), torch.Size([5]))

    References:
        Chatterjee, Diaconis (2018), The sample size required in importance sampling, theorem 1.1,
        https://arxiv.org/abs/1511.01437;
        Kong (1992), A note on importance sampling using standardized weights (the effective sample size)
    """
    check_positive(num_samples=num_samples, chunk_size=chunk_size, batch_size=batch_size)
    if len(x) == 0:
        raise ValueError("Expected at least one row of x; got an empty tensor. Pass data.")
    log_sums, log_square_sums = [], []
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        args = (x[rows],) if context is None else (x[rows], context[rows])
        log_sum = log_square_sum = torch.tensor(-math.inf)
        for done in range(0, num_samples, chunk_size):
            weights = log_likelihood(model, args, min(chunk_size, num_samples - done))
            log_sum = torch.logaddexp(log_sum.to(weights), weights.logsumexp(0))
            log_square_sum = torch.logaddexp(log_square_sum.to(weights), (2 * weights).logsumexp(0))
        log_sums.append(log_sum)
        log_square_sums.append(log_square_sum)
    log_sum, log_square_sum = torch.cat(log_sums), torch.cat(log_square_sums)
    return NaiveMonteCarlo(
        log_evidence=log_sum - math.log(num_samples),
        effective_sample_size=(2 * log_sum - log_square_sum).exp(),
        num_samples=num_samples,
    )


def log_likelihood(model: Callable[..., Any], args: tuple[Tensor, ...], num: int) -> Tensor:
    """Return log-likelihoods ``(num, num_rows)`` of data at draws of the model's latent sites."""
    num_rows = len(args[0])
    observed, latent = RowSum(num_rows), RowSum(num_rows)

    def collect(msg: Any, log_prob: Tensor) -> None:
        (observed if msg["is_observed"] else latent).add(msg, log_prob)

    with pyro.plate("particles", num, dim=-2), Scorer({}, collect, replay=True):
        run(model, *args)
    return observed.value.expand(num, num_rows)
