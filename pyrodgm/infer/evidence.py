"""The probability of the data under a prior, for the comparison of models."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm.infer.importance import pareto_k
from pyrodgm.infer.over_draws import log_likelihoods
from pyrodgm.infer.posterior import Posterior


@dataclass(frozen=True)
class Evidence:
    r"""An estimate of :math:`\log p(x) = \log \int p(x \mid \theta)\, p(\theta)\, d\theta`.

    Attributes:
        value: In nats.
        standard_error: In nats; to be trusted where ``k_hat`` is below 0.7.
        method: How it was found.
        effective_sample_size: Independent draws of the posterior that the weighted draws are worth.
        k_hat: Shape of the tail of the weights; ``None`` where ArviZ is absent or draws are fewer than 100.
    """

    value: float
    standard_error: float
    method: str
    effective_sample_size: float
    k_hat: float | None

    def __str__(self) -> str:
        k_hat = "" if self.k_hat is None else f", k-hat {self.k_hat:.2f}"
        return (
            f"log evidence {self.value:.3f} +- {self.standard_error:.3f} nats ({self.method}; "
            f"effective sample size {self.effective_sample_size:.0f}{k_hat})"
        )


@torch.no_grad()
def evidence(posterior: Posterior, x: Tensor, context: Tensor | None = None, *, num_draws: int = 1000) -> Evidence:
    r"""Importance sampling, :math:`\log \tfrac1K \sum_k p(x \mid \theta_k)\, p(\theta_k) / q(\theta_k)`.

    It is unbiased for :math:`p(x)` whatever :math:`q` is, but of use only where :math:`q` is close to the posterior:
    look at ``k_hat``. Laplace's own formula is ``laplace(...).log_evidence``.

    Args:
        posterior: The approximation :math:`q`, one with a density.
        x: The data that it was fitted to, ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        num_draws: Number :math:`K` of draws.

    Returns:
        The estimate, with its standard error.

    Raises:
        ValueError: If the posterior has no density, a prior is flat, there are fewer than two draws, or the data are
            not such as the component takes.
        FloatingPointError: If no draw has a finite weight.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, infer
        >>> bayes = infer.bayesian(flows.realnvp(2, num_layers=2, hidden_dims=(4,)), 1.0)
        >>> x = torch.randn(20, 2)
        >>> infer.evidence(infer.mean_field(bayes, x, num_steps=2), x, num_draws=10).method
        'importance sampling, 10 draws of MeanField'

    References:
        MacKay (2003), Information Theory, Inference, and Learning Algorithms, chapter 28 (what evidence is for);
        Vehtari, Simpson, Gelman, Yao, Gabry (2024), Pareto Smoothed Importance Sampling (k-hat),
        https://arxiv.org/abs/1507.02646
    """
    if num_draws < 2:
        raise ValueError(f"Expected num_draws of at least 2; got {num_draws}. Give how many draws to weigh.")
    flat = posterior.flat
    if not flat.is_proper:
        raise ValueError("Expected a proper prior; got a flat one, under which data have no probability.")
    posterior.bayesian.check_data(x, context)
    u = posterior.draw_flat(num_draws)
    log_q = posterior.log_density_flat(u)
    log_likelihood = log_likelihoods(posterior.bayesian, flat.weights(u), x, context).sum(1)
    log_weights = (log_likelihood + flat.log_prior(u) - log_q).double().cpu()
    if log_weights.isnan().any() or log_weights.max().isinf():
        raise FloatingPointError("Expected finite weights; got NaN or inf. Fit longer, or scale the data.")
    effective = 1.0 / log_weights.softmax(0).square().sum().item()
    return Evidence(
        value=log_weights.logsumexp(0).item() - math.log(num_draws),
        standard_error=math.sqrt(max(0.0, num_draws / effective - 1.0) / (num_draws - 1)),
        method=f"importance sampling, {num_draws} draws of {type(posterior).__name__}",
        effective_sample_size=effective,
        k_hat=tail_shape(log_weights),
    )


def tail_shape(log_weights: Tensor) -> float | None:
    """Return k-hat where it can be found."""
    if len(log_weights) < 100:
        return None
    try:
        return pareto_k(log_weights)
    except ImportError:
        return None
