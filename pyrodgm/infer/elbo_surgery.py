"""The evidence lower bound taken apart: reconstruction, mutual information, and the gap of the prior."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from torch import Tensor

from pyrodgm.infer.aggregated import AllPosteriors, Draws
from pyrodgm.infer.log_evidence import RowSum, check_positive
from pyrodgm.infer.run import Scorer, check_sites, run

ACTIVE = 0.01  # variance over the data of a latent's posterior mean, above which the unit counts as active


@dataclass(frozen=True)
class ElboSurgery:
    r"""The mean ELBO of data, and its parts, in nats per datum.

    Attributes:
        reconstruction: :math:`E_q \log p(x \mid z)`.
        mutual_information: :math:`I_q[x, z] = \frac1N \sum_i \mathrm{KL}(q(z \mid x_i) \,\|\, q_{agg}(z))`, at most
            :math:`\log N`.
        marginal_kl: :math:`\mathrm{KL}(q_{agg}(z) \,\|\, p(z))`: what a better prior could gain, and no more.
        elbo: reconstruction - mutual_information - marginal_kl.
        standard_error: Of ``elbo``, over the data.
        active_units: Number of latent variables whose posterior mean has a variance above 0.01 over the data.
        num_latents: Number of latent variables.
        num_rows: Number :math:`N` of data.
    """

    reconstruction: float
    mutual_information: float
    marginal_kl: float
    elbo: float
    standard_error: float
    active_units: int
    num_latents: int
    num_rows: int

    @property
    def kl(self) -> float:
        r"""The mean divergence of the posteriors from the prior, ``mutual_information + marginal_kl``."""
        return self.mutual_information + self.marginal_kl

    def __str__(self) -> str:
        return (
            f"ELBO {self.elbo:.2f} +- {self.standard_error:.2f} nats = reconstruction {self.reconstruction:.2f} "
            f"- mutual information {self.mutual_information:.2f} - marginal KL {self.marginal_kl:.2f}; "
            f"{self.active_units} of {self.num_latents} units active, {self.num_rows} data"
        )


@torch.no_grad()
def elbo_surgery(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    x: Tensor,
    context: Tensor | None = None,
    *,
    num_particles: int = 1,
    num_components: int | None = None,
    batch_size: int = 500,
    max_pairs: int = 2_000_000,
) -> ElboSurgery:
    r"""Take the mean ELBO apart, with the aggregated posterior :math:`q_{agg}(z) = \frac1N \sum_j q(z \mid x_j)`.

    .. math:: \tfrac1N \sum_i \mathcal L_i = E_q \log p(x \mid z) - I_q[x, z] - \mathrm{KL}(q_{agg}(z) \,\|\, p(z))

    By default :math:`q_{agg}` is exact over the data: every draw is scored under every posterior, ``max_pairs`` of the
    :math:`N^2` at once; diagonal normal posteriors take two products of matrices. With ``num_components``, a draw is
    scored under its own posterior and a random subset of the others, weighted so that the estimate of :math:`q_{agg}`
    has no bias. Its logarithm has: the mutual information then comes out too high and the marginal divergence too low,
    by the same amount, which falls as the subset grows. The reconstruction and the ELBO do not depend on it.

    Args:
        model: Program with every site in the plate ``"data"``.
        guide: Program of the posterior.
        x: Data, ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        num_particles: Number of draws a datum.
        num_components: Least number of other posteriors that a draw is scored under; all if ``None``.
        batch_size: Number of data that model and guide see at once.
        max_pairs: Number of (draw, posterior) pairs in memory at once.

    Returns:
        The parts, in nats per datum.

    Raises:
        ValueError: If a number is not positive, there are fewer than two data, the guide samples nothing, or model and
            guide do not sample the same latent sites inside the plate.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> vae = models.vae(64, 8, hidden_dims=(32,))
        >>> found = infer.elbo_surgery(vae.model, vae.guide, torch.rand(50, 64).round())
        >>> abs(found.elbo - (found.reconstruction - found.mutual_information - found.marginal_kl)) < 1e-4
        True

    References:
        Hoffman, Johnson (2016), ELBO surgery: yet another way to carve up the variational evidence lower bound, eq. 9,
        http://approximateinference.org/2016/accepted/HoffmanJohnson2016.pdf;
        Burda, Grosse, Salakhutdinov (2016), Importance Weighted Autoencoders, section 5.2 (active units),
        https://arxiv.org/abs/1509.00519
    """
    numbers = {"num_particles": num_particles, "batch_size": batch_size, "max_pairs": max_pairs}
    check_positive(**numbers, num_components=1 if num_components is None else num_components)
    if len(x) < 2:
        raise ValueError(f"Expected at least two rows of x; got {len(x)}. A single posterior has no average.")
    draws = Draws()
    totals: dict[str, list[Tensor]] = {"observed": [], "prior": [], "posterior": []}
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        args = (x[rows],) if context is None else (x[rows], context[rows])
        observed, prior, posterior = (RowSum(len(args[0])) for _ in range(3))
        values: dict[str, Tensor] = {}

        def of_model(msg: Any, log_prob: Tensor, observed: RowSum = observed, prior: RowSum = prior) -> None:
            (observed if msg["is_observed"] else prior).add(msg, log_prob)

        def of_guide(msg: Any, log_prob: Tensor, posterior: RowSum = posterior) -> None:
            posterior.add(msg, log_prob)
            draws.note(msg)

        q, p = Scorer(values, of_guide, replay=False), Scorer(values, of_model, replay=True)
        with pyro.plate("particles", num_particles, dim=-2), q:
            run(guide, *args)
        with pyro.plate("particles", num_particles, dim=-2), p:
            run(model, *args)
        check_sites(p, q)
        if not values:
            raise ValueError(
                "Expected a guide that samples latent variables; got none. There is no bound to take apart."
            )
        for name, total in {"observed": observed, "prior": prior, "posterior": posterior}.items():
            totals[name].append(total.value.expand(num_particles, len(args[0])).double().cpu())
    log_likelihood, log_prior, log_posterior = (torch.cat(parts, 1) for parts in totals.values())
    posteriors = AllPosteriors(guide, x, context, draws, batch_size=batch_size, max_pairs=max_pairs)
    log_aggregated = posteriors.log_mean(log_posterior, num_components)
    elbo = (log_likelihood + log_prior - log_posterior).mean(0)
    reconstruction = log_likelihood.mean().item()
    mutual_information = (log_posterior - log_aggregated).mean().item()
    marginal_kl = (log_aggregated - log_prior).mean().item()
    means = draws.posterior_means()
    return ElboSurgery(
        reconstruction=reconstruction,
        mutual_information=mutual_information,
        marginal_kl=marginal_kl,
        elbo=reconstruction - mutual_information - marginal_kl,
        standard_error=elbo.std().item() / math.sqrt(len(x)),
        active_units=int((means.var(0) > ACTIVE).sum()),
        num_latents=means.shape[1],
        num_rows=len(x),
    )
