"""What the bound loses, and to what."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pyrodgm.infer.log_evidence import check_positive, log_weights

CHUNK_SIZE = 100  # draws of a datum in memory at once


@dataclass(frozen=True)
class InferenceGap:
    r"""The gap between :math:`\log p(x)` and the ELBO, and its parts, in nats per datum, averaged over data.

    Attributes:
        elbo: Of the guide.
        refined_elbo: Of the refined guide, or ``None``.
        log_evidence: :math:`\log p(x)`, or the estimate that stands for it.
        standard_error: Of ``inference_gap``, over the data.
        num_rows: Number of data.
    """

    elbo: float
    refined_elbo: float | None
    log_evidence: float
    standard_error: float
    num_rows: int

    @property
    def inference_gap(self) -> float:
        """What the guide loses: evidence less ELBO, the divergence of the guide from the posterior."""
        return self.log_evidence - self.elbo

    @property
    def approximation_gap(self) -> float | None:
        """What the guide's family loses at its best, as the refined guide finds it."""
        return None if self.refined_elbo is None else self.log_evidence - self.refined_elbo

    @property
    def amortization_gap(self) -> float | None:
        """What is lost because one encoder serves all data."""
        return None if self.refined_elbo is None else self.refined_elbo - self.elbo

    def __str__(self) -> str:
        parts = ""
        if self.refined_elbo is not None:
            parts = f" = approximation {self.approximation_gap:.2f} + amortization {self.amortization_gap:.2f}"
        return (
            f"log p(x) {self.log_evidence:.2f} - ELBO {self.elbo:.2f} = inference gap {self.inference_gap:.2f} "
            f"+- {self.standard_error:.2f}{parts} nats, {self.num_rows} data"
        )


@torch.no_grad()
def inference_gap(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    x: Tensor,
    context: Tensor | None = None,
    *,
    refined: Callable[..., Any] | None = None,
    evidence: Tensor | None = None,
    num_particles: int = 1000,
    batch_size: int = 100,
) -> InferenceGap:
    r"""Report :math:`\log p(x) - \mathcal L[q]`, split where a refined guide :math:`q^*` is given.

    .. math:: \log p(x) - \mathcal L[q] = (\log p(x) - \mathcal L[q^*]) + (\mathcal L[q^*] - \mathcal L[q])

    The first part is the approximation gap of the family of distributions, the second the amortization gap of the
    encoder. Which :math:`\log p(x)` is meant is for the caller to say. All estimates of it are too low, and so is
    the gap: annealed importance sampling is the one that depends on the guide least.

    Args:
        model: Program with every site in the plate ``"data"``.
        guide: Program of the posterior.
        x: Data, ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        refined: A better guide of the same family, such as :class:`~pyrodgm.infer.SemiAmortized`.
        evidence: Each :math:`\log p(x)`, ``(num_rows,)`` nats, say of :func:`~pyrodgm.infer.annealed_log_evidence`;
            by default importance sampling by the same draws as the ELBO's, of the refined guide if there is one.
        num_particles: Number of draws a datum.
        batch_size: Number of data in memory at once.

    Returns:
        The gap and its parts.

    Raises:
        ValueError: If a number is not positive, there are fewer than two data, or not as many evidences as data.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> vae, x = models.vae(64, 8, hidden_dims=(32,)), torch.rand(5, 64).round()
        >>> infer.inference_gap(vae.model, vae.guide, x, num_particles=10).inference_gap > 0
        True

    References:
        Cremer, Li, Duvenaud (2018), Inference Suboptimality in Variational Autoencoders, table 1,
        https://arxiv.org/abs/1801.03558
    """
    check_positive(num_particles=num_particles, batch_size=batch_size)
    if len(x) < 2:
        raise ValueError(f"Expected at least two rows of x; got {len(x)}. A standard error takes two.")
    if evidence is not None and evidence.shape != x.shape[:1]:
        raise ValueError(
            f"Expected evidence of shape ({len(x)},), one number a row of x; got {tuple(evidence.shape)}. "
            "Estimate it for the same data."
        )
    settings = {"num_particles": num_particles, "batch_size": batch_size}
    elbo, log_mean = bounds(model, guide, x, context, **settings)
    refined_elbo = None
    if refined is not None:
        refined_elbo, log_mean = bounds(model, refined, x, context, **settings)
    log_evidence = log_mean if evidence is None else evidence.to(elbo)
    return InferenceGap(
        elbo=elbo.mean().item(),
        refined_elbo=None if refined_elbo is None else refined_elbo.mean().item(),
        log_evidence=log_evidence.mean().item(),
        standard_error=(log_evidence - elbo).std().item() / math.sqrt(len(x)),
        num_rows=len(x),
    )


def bounds(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    x: Tensor,
    context: Tensor | None,
    *,
    num_particles: int,
    batch_size: int,
) -> tuple[Tensor, Tensor]:
    """Return the average log-weight and the logarithm of the average weight of each datum, ``(num_rows,)`` nats."""
    elbos, log_means = [], []
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        args = (x[rows],) if context is None else (x[rows], context[rows])
        chunks = [
            log_weights(model, guide, args, min(CHUNK_SIZE, num_particles - done))[0]
            for done in range(0, num_particles, CHUNK_SIZE)
        ]
        weights = torch.cat(chunks)  # (num_particles, num_rows)
        elbos.append(weights.mean(0))
        log_means.append(weights.logsumexp(0) - math.log(len(weights)))
    return torch.cat(elbos), torch.cat(log_means)
