"""How good an approximation is, by weighting its draws towards the target."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

from pyrodgm.conditional import Conditional
from pyrodgm.infer.reverse_kl import score_rows

CHUNK_SIZE = 10_000  # draws in memory at once
EQUAL = 1e-9  # log-weights whose largest differ by less have no tail to fit


@dataclass(frozen=True)
class ImportanceDiagnostics:
    r"""What the weights :math:`w_i = \tilde p(x_i) / q(x_i)` of draws of :math:`q` say about :math:`q`.

    They know the target only where :math:`q` draws: a mode that is never visited lowers ``log_normalizer`` and leaves
    no other trace, so compare that one with a known value or between fits.

    Attributes:
        num_samples: Number :math:`N` of draws.
        effective_sample_size: :math:`(\sum w_i)^2 / \sum w_i^2`, at most :math:`N`.
        k_hat: Shape of the Pareto distribution fitted to the largest weights, by ArviZ; the weights have a finite
            variance below 0.5 and a finite mean below 1. Minus infinity where the largest weights are all equal.
        log_normalizer: Estimate :math:`\log \tfrac1N \sum w_i` of :math:`\log Z`, in nats.
        log_normalizer_error: Its standard error; to be trusted where ``reliable``.
        reverse_kl: Estimate of :math:`\mathrm{KL}(q \,\|\, p)`, in nats, with the estimated :math:`Z`.
    """

    num_samples: int
    effective_sample_size: float
    k_hat: float
    log_normalizer: float
    log_normalizer_error: float
    reverse_kl: float

    @property
    def efficiency(self) -> float:
        """Effective sample size as a share of the draws."""
        return self.effective_sample_size / self.num_samples

    @property
    def reliable(self) -> bool:
        r"""Whether :math:`\hat k < \min(1 - 1 / \log_{10} N, 0.7)`, so that weighted averages can be trusted."""
        return self.k_hat < min(1.0 - 1.0 / math.log10(self.num_samples), 0.7)

    def __str__(self) -> str:
        return (
            f"effective sample size {self.effective_sample_size:.0f} of {self.num_samples} ({self.efficiency:.1%}), "
            f"k-hat {self.k_hat:.2f} ({'reliable' if self.reliable else 'not reliable'}), "
            f"log Z {self.log_normalizer:.3f} +- {self.log_normalizer_error:.3f}, "
            f"KL(q || p) {self.reverse_kl:.3f} nats"
        )


@torch.no_grad()
def importance_diagnostics(
    conditional: Conditional,
    log_density: Callable[..., Tensor],
    *,
    num_samples: int = 10_000,
    context: Tensor | None = None,
) -> ImportanceDiagnostics:
    r"""Weight draws of an approximation :math:`q` towards a density :math:`p = \tilde p / Z`; needs ArviZ.

    Args:
        conditional: The approximation.
        log_density: Maps rows ``(num, *event_shape)`` to :math:`\log \tilde p`, ``(num,)`` in nats; with a context,
            called as ``log_density(x, context)``.
        num_samples: Number of draws.
        context: One context, ``context_shape``, or ``None``.

    Returns:
        Effective sample size, k-hat, the normaliser and the divergence.

    Raises:
        ValueError: If there are fewer than 100 draws or several contexts, or ``log_density`` does not return one
            number a row.
        FloatingPointError: If a weight is NaN or infinite, or all are 0.
        ImportError: If ArviZ is absent.

    Example:
        >>> from pyrodgm import data, flows, infer
        >>> found = infer.importance_diagnostics(flows.realnvp(2), data.toy.two_gaussians().log_prob, num_samples=100)
        >>> found.num_samples, found.efficiency <= 1
        (100, True)

    References:
        Kong (1992), A note on importance sampling using standardized weights (the effective sample size);
        Vehtari, Simpson, Gelman, Yao, Gabry (2024), Pareto Smoothed Importance Sampling, section 3.2.4, eq. 13,
        https://arxiv.org/abs/1507.02646;
        Yao, Vehtari, Simpson, Gelman (2018), Yes, but Did It Work?, https://arxiv.org/abs/1802.02538
    """
    if num_samples < 100:
        raise ValueError(f"Expected num_samples of at least 100; got {num_samples}. A tail is fitted to the largest.")
    q = conditional(context)
    if q.batch_shape:
        raise ValueError(
            f"Expected one context; got a batch of shape {tuple(q.batch_shape)}. Diagnose one context at a time."
        )
    chunks = []
    for start in range(0, num_samples, CHUNK_SIZE):
        x = q.sample(torch.Size([min(CHUNK_SIZE, num_samples - start)]))
        log_q = q.log_prob(x)  # of the value just drawn: a flow does not invert itself for it
        chunks.append((score_rows(log_density, x, context, len(q.event_shape)) - log_q).double().cpu())
    log_weights = torch.cat(chunks)
    bad = int((log_weights.isnan() | log_weights.isposinf()).sum())
    if bad or log_weights.isneginf().all():
        fault = f"NaN or inf at {bad} of {num_samples} draws" if bad else "no draw where the target is positive"
        raise FloatingPointError(f"Expected finite weights; got {fault}. Check log_density and its support.")
    shares = log_weights.softmax(0)
    effective_sample_size = 1.0 / shares.square().sum().item()
    log_normalizer = log_weights.logsumexp(0).item() - math.log(num_samples)
    return ImportanceDiagnostics(
        num_samples=num_samples,
        effective_sample_size=effective_sample_size,
        k_hat=pareto_k(log_weights),
        log_normalizer=log_normalizer,
        log_normalizer_error=math.sqrt(max(0.0, num_samples / effective_sample_size - 1.0) / (num_samples - 1)),
        reverse_kl=log_normalizer - log_weights.mean().item(),
    )


def pareto_k(log_weights: Tensor) -> float:
    """Return the shape of the Pareto tail of the weights, by ArviZ; minus infinity where the largest are equal.

    Raises:
        ImportError: If ArviZ is absent.
    """
    with warnings.catch_warnings():  # ArviZ 0.23 announces version 1 whenever it is imported
        warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing a major refactor", category=FutureWarning)
        try:
            from arviz import psislw
        except ImportError as error:
            raise ImportError('The diagnostic k-hat needs ArviZ; pip install "pyrodgm[train]".') from error
    largest = log_weights.topk(math.ceil(min(len(log_weights) / 5, 3 * math.sqrt(len(log_weights))))).values
    if largest[0] - largest[-1] < EQUAL:
        return -math.inf  # ArviZ finds no tail and would return plus infinity, the worst value, for a perfect fit
    with numpy.errstate(over="ignore"):  # ArviZ divides by sums that overflow where a share is 0
        return float(psislw(log_weights.numpy())[1])
