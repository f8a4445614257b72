"""Missing values drawn by a model and a guide of complete data."""

import math
from collections.abc import Callable
from typing import Any, Literal, cast, get_args

import pyro
import pyro.poutine as poutine
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from pyrodgm.infer.log_evidence import RowSum, check_positive
from pyrodgm.infer.run import Scorer, run

Method = Literal["gibbs", "importance"]
MAX_ROWS = 20_000  # chains that model and guide see at once
MAX_PAIRS = 500_000  # of a draw and a chain in memory at once


@torch.no_grad()
def impute(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    x: Tensor,
    observed: Tensor | None = None,
    context: Tensor | None = None,
    *,
    method: Method = "gibbs",
    num_steps: int = 50,
    num_particles: int = 100,
) -> Tensor:
    r"""Draw missing values given observed ones, with a guide that was trained on complete data.

    ``"gibbs"`` starts missing values at a draw of the model, and repeats :math:`z \sim q(z \mid x)`,
    :math:`x_{mis} \sim p(x_{mis} \mid z)`. Where the guide is the exact posterior and the likelihood independent over
    the values of ``x``, this is a Gibbs sampler, and its limit :math:`p(x_{mis} \mid x_{obs})`. Otherwise it is
    approximate, and no number of steps mends that: with a guide that is off, and with an autoregressive likelihood,
    whose draw given ``z`` does not look at what is observed.

    ``"importance"`` takes :math:`K` such chains a datum, of 0 to ``num_steps`` steps, and draws one of their latents by
    weight, :math:`w_k = p(z_k)\, p(x_{obs} \mid z_k) / \tfrac1K \sum_j q(z_k \mid x_j)`, then
    :math:`x_{mis} \sim p(x_{mis} \mid z)`. The weights are exact whatever the chains and the guide: with more particles
    the draws tend to :math:`p(x_{mis} \mid x_{obs})`. It needs a likelihood that is independent over the values of
    ``x``.

    Args:
        model: Program with the observed site ``"x"`` in the plate ``"data"``.
        guide: Program of the posterior.
        x: Data, ``(num_rows, *event_shape)``; missing values may be NaN or anything else.
        observed: Where ``x`` is known, boolean, broadcast against ``x``; where it is not NaN, if ``None``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        method: ``"gibbs"`` or ``"importance"``.
        num_steps: Number of steps of the (longest) chain; with ``"importance"`` they may be few, or 0.
        num_particles: Number of chains a datum of ``"importance"``.

    Returns:
        ``x`` with one draw in place of missing values; repeat rows to draw several.

    Raises:
        ValueError: If a number is too small, observed values are NaN or of another shape, the model has no observed
            site ``"x"``, or the method needs an independent likelihood.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> vae = models.vae(64, 8, hidden_dims=(32,))
        >>> x = torch.rand(5, 64).round()
        >>> x[:, 32:] = torch.nan
        >>> infer.impute(vae.model, vae.guide, x, method="importance", num_steps=2, num_particles=10).shape
        torch.Size([5, 64])

    References:
        Rezende, Mohamed, Wierstra (2014), Stochastic Backpropagation, appendix F, https://arxiv.org/abs/1401.4082
        (the chain); Mattei, Frellsen (2018), Leveraging the Exact Likelihood of Deep Latent Variable Models,
        https://arxiv.org/abs/1802.04826 (why it is not exact)
    """
    if method not in get_args(Method):
        raise ValueError(f"Expected method to be one of {', '.join(get_args(Method))}; got {method!r}.")
    check_positive(num_particles=num_particles)
    least = 1 if method == "gibbs" else 0
    if num_steps < least:
        raise ValueError(f"Expected num_steps of at least {least}; got {num_steps}. Give the length of the chain.")
    known = known_values(x, observed)
    num = num_particles if method == "importance" else 1
    results = []
    step = max(1, min(MAX_ROWS // num, MAX_PAIRS // num**2))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        some, mask = (tensor[rows].repeat_interleave(num, 0) for tensor in (x, known))
        beside = () if context is None else (context[rows].repeat_interleave(num, 0),)
        filled = torch.where(mask, some, start_of(model, torch.where(mask, some, 0), beside))
        # The k-th chain of a datum takes its share of the steps, so that short ones cover what long ones may leave.
        lengths = ((torch.arange(num, device=x.device) + 1) * (num_steps + 1) - 1).div(num, rounding_mode="floor")
        lengths = lengths.repeat(len(some) // num).reshape(-1, *[1] * (x.dim() - 1))
        for number in range(num_steps):
            draw = x_site(replayed(model, posterior(guide, filled, beside), filled, beside))["fn"].sample()
            filled = torch.where(mask | (lengths <= number), filled, draw.to(x.dtype))
        results.append(resampled(model, guide, filled, mask, beside, num) if method == "importance" else filled)
    return torch.cat(results)


def known_values(x: Tensor, observed: Tensor | None) -> Tensor:
    """Return where values are known, shaped like ``x``.

    Raises:
        ValueError: If the mask is none of ``x``, or a value that it calls observed is NaN.
    """
    if len(x) == 0:
        raise ValueError("Expected at least one row of x; got an empty tensor. Pass data.")
    if observed is None:
        return ~x.isnan()
    try:
        if observed.dtype != torch.bool:
            raise RuntimeError
        known = observed.expand(x.shape)
    except RuntimeError as error:
        raise ValueError(
            f"Expected observed of dtype bool and shape {tuple(x.shape)}, or one that expands to it; got "
            f"{observed.dtype} and {tuple(observed.shape)}. Pass True where x is known."
        ) from error
    bad = (known & x.isnan()).flatten(1).any(1)
    if bad.any():
        raise ValueError(
            f"Expected observed values that are numbers; got NaN in {int(bad.sum())} row(s), first in row "
            f"{int(bad.nonzero()[0])}. Mark these as missing."
        )
    return known


def start_of(model: Callable[..., Any], x: Tensor, beside: tuple[Tensor, ...]) -> Tensor:
    """Return a draw of the model, shaped and typed like ``x``; values there are not looked at."""
    with pyro.validation_enabled(False), poutine.block(), poutine.trace() as tracer, poutine.uncondition():
        run(model, x, *beside)
    return cast(Tensor, x_site(tracer.trace)["value"]).to(x.dtype)


def posterior(guide: Callable[..., Any], x: Tensor, beside: tuple[Tensor, ...]) -> poutine.Trace:
    """Run the guide and return what it did."""
    with poutine.block(), poutine.trace() as tracer:
        run(guide, x, *beside)
    return tracer.trace


def replayed(model: Callable[..., Any], trace: poutine.Trace, x: Tensor, beside: tuple[Tensor, ...]) -> poutine.Trace:
    """Run the model at the latents that the guide drew, and return what it did."""
    with poutine.block(), poutine.trace() as tracer, poutine.replay(trace=trace):
        run(model, x, *beside)
    return tracer.trace


def x_site(trace: poutine.Trace) -> Any:
    """Return the site of the data.

    Raises:
        ValueError: If there is none.
    """
    if "x" not in trace.nodes or trace.nodes["x"]["type"] != "sample":
        raise ValueError(f"Expected a model with the observed site 'x'; got {sorted(trace.stochastic_nodes)}.")
    return trace.nodes["x"]


def resampled(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    x: Tensor,
    known: Tensor,
    beside: tuple[Tensor, ...],
    num_particles: int,
) -> Tensor:
    """Return one row a datum, of ``num_particles`` rows each, by weight, with missing values drawn anew."""
    q = posterior(guide, x, beside)
    p = replayed(model, q, x, beside)
    site = x_site(p)
    prior, nodes = RowSum(len(x)), cast(dict[str, Any], p.nodes)
    for name, msg in nodes.items():
        if msg["type"] == "sample" and name != "x" and not poutine.util.site_is_subsample(msg):
            prior.add(msg, msg["fn"].log_prob(msg["value"]))
    each = per_value(site["fn"]).log_prob(x).masked_fill(~known, 0.0)
    log_joint = (prior.value + each.flatten(1).sum(1)).unflatten(0, (-1, num_particles))
    log_weights = log_joint - log_proposal(guide, q, x, beside, num_particles)
    chosen = torch.distributions.Categorical(logits=log_weights).sample()
    draw = torch.where(known, x, site["fn"].sample().to(x.dtype)).unflatten(0, (-1, num_particles))
    return draw[torch.arange(len(draw), device=x.device), chosen]


def log_proposal(
    guide: Callable[..., Any], q: poutine.Trace, x: Tensor, beside: tuple[Tensor, ...], num_particles: int
) -> Tensor:
    """Return the density of each draw under the mixture of all chains' posteriors of its datum.

    Under its own posterior alone, a draw between two chains could weigh more than all others together.

    Returns:
        ``(num_rows, num_particles)``, nats.
    """
    nodes = cast(dict[str, Any], q.nodes)
    sites = {n: m for n, m in nodes.items() if m["type"] == "sample" and not poutine.util.site_is_subsample(m)}
    rows = torch.arange(len(x), device=x.device).unflatten(0, (-1, num_particles))
    # [k, r]: the k-th draw of the datum that row r stands for, which is scored under the posterior of row r.
    drawn = rows.repeat_interleave(num_particles, 0).t()
    total = RowSum(len(x))
    values = {name: msg["value"][drawn] for name, msg in sites.items()}
    with (
        poutine.block(),
        pyro.plate("particles", num_particles, dim=-2),
        Scorer(values, total.add, replay=True),
    ):
        run(guide, x, *beside)
    log_q = total.value.expand(num_particles, len(x)).unflatten(1, (-1, num_particles))  # draw, datum, chain
    return log_q.logsumexp(-1).t() - math.log(num_particles)


def per_value(distribution: Distribution) -> Distribution:
    """Return the distribution of each value of a datum by itself.

    Raises:
        ValueError: If values depend on each other.
    """
    innermost = distribution
    while isinstance(innermost, Independent):
        innermost = innermost.base_dist
    if innermost.event_shape:
        raise ValueError(
            f"Expected a likelihood that is independent over the values of x; got {type(innermost).__name__}. "
            'Use method="gibbs", or the model\'s own imputation if it is autoregressive.'
        )
    return innermost
