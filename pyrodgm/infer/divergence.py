"""Divergences between two distributions: in closed form, by enumeration, by quadrature or by Monte Carlo."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.distributions import Distribution

from pyrodgm.conditional import Conditional
from pyrodgm.infer.finite_support import bounds_of, finite_values, innermost, scores, support_of
from pyrodgm.infer.quadrature import quadrature

Method = Literal["closed form", "enumeration", "quadrature", "Monte Carlo"]
Integrand = Callable[[Tensor, Tensor], Tensor]  # log p, log q -> what is summed or integrated
LOG_TWO = math.log(2.0)
NUM_DRAWS = 2000  # of each distribution, that show quadrature where to look
MAX_BATCH = 64  # of distributions, up to which these are integrated together
CHUNK_SIZE = 100_000  # points that are scored at once
MAX_ERROR = 1e-3  # of quadrature, above which Monte Carlo takes its place
SMALL_MASS = 1e-9  # of p where q is 0, below which it counts as rounding
NUM_ERRORS = 6.0  # standard errors by which an estimate may be out of the bounds


@dataclass(frozen=True)
class Divergence:
    """A divergence of two distributions, and how it was found.

    Attributes:
        value: ``batch_shape`` of the two, in nats.
        standard_error: Of Monte Carlo; an estimate of the error by quadrature; 0 where the value is exact.
        method: ``"closed form"``, ``"enumeration"``, ``"quadrature"`` or ``"Monte Carlo"``.
    """

    value: Tensor
    standard_error: Tensor
    method: Method

    def __str__(self) -> str:
        if self.value.dim():
            return f"divergences of shape {tuple(self.value.shape)} by {self.method}"
        return f"{self.value.item():.6g} +- {self.standard_error.item():.2g} nats by {self.method}"


def forward_kl(
    p: Distribution | Conditional,
    q: Distribution | Conditional,
    *,
    method: Method | None = None,
    num_samples: int = 10_000,
) -> Divergence:
    r"""Return :math:`\mathrm{KL}(p \,\|\, q) = E_p[\log p(x) - \log q(x)]`.

    Of a model :math:`q` this is mode covering, and minus the likelihood up to a constant: infinite where :math:`p` has
    mass and :math:`q` has none.

    Where Pyro or torch has a closed form, that is taken. Else discrete distributions with few values are summed over,
    and continuous ones over one or two features are integrated in cells that are halved until nothing changes, unless
    that fails, as on tails that do not end. All others are averaged over draws.

    Gradients reach the parameters of both. In Monte Carlo those of the distribution that is drawn from need
    ``rsample``; without it, they get none.

    Args:
        p: A distribution, or a conditional without a context.
        q: Another, with the same ``event_shape``; batch shapes are broadcast.
        method: What must be used; ``None`` chooses.
        num_samples: Number of draws for Monte Carlo.

    Returns:
        The value, its error, and the method.

    Raises:
        ValueError: If events have two shapes, one is discrete and the other is not, a conditional needs a context, the
            method cannot be used on the two, or a number is not positive.
        FloatingPointError: If a log-density is NaN, or a given ``"quadrature"`` does not settle.

    Example:
        >>> import pyro.distributions as dist
        >>> from pyrodgm import flows, infer
        >>> infer.forward_kl(dist.Normal(0.0, 1.0), dist.Normal(1.0, 1.0)).method
        'closed form'
        >>> infer.forward_kl(flows.realnvp(2), flows.maf(2)).method
        'quadrature'

    References:
        Bishop (2006), Pattern Recognition and Machine Learning, section 1.6.1, and 10.1.2 (both directions)
    """
    return divergence(Kind(kl_integrand, None, closed_form=True), p, q, method, num_samples)


def reverse_kl(
    p: Distribution | Conditional,
    q: Distribution | Conditional,
    *,
    method: Method | None = None,
    num_samples: int = 10_000,
) -> Divergence:
    r"""Return :math:`\mathrm{KL}(q \,\|\, p) = E_q[\log q(x) - \log p(x)]`: mode seeking of a model :math:`q`.

    Arguments, result and errors are those of :func:`forward_kl`, which this is with the two exchanged.

    Example:
        >>> import pyro.distributions as dist
        >>> from pyrodgm import infer
        >>> infer.reverse_kl(dist.Normal(0.0, 1.0), dist.Uniform(-1.0, 1.0)).value.isfinite().item()
        True
    """
    return forward_kl(q, p, method=method, num_samples=num_samples)


def jensen_shannon(
    p: Distribution | Conditional,
    q: Distribution | Conditional,
    *,
    method: Method | None = None,
    num_samples: int = 10_000,
) -> Divergence:
    r"""Return :math:`\tfrac12 \mathrm{KL}(p \,\|\, m) + \tfrac12 \mathrm{KL}(q \,\|\, m)` with :math:`m = (p + q) / 2`.

    Symmetric, 0 of equal distributions and :math:`\log 2` of disjoint ones, finite always. Arguments, result and errors
    are those of :func:`forward_kl`; there is no closed form. A value out of the bounds by no more than its error is
    moved to the bound.

    Raises:
        FloatingPointError: Besides, if the value is out of ``[0, log 2]`` by more than its error: a density is not
            normalized.

    Example:
        >>> import pyro.distributions as dist
        >>> from pyrodgm import infer
        >>> infer.jensen_shannon(dist.Categorical(torch.ones(3)), dist.Categorical(torch.eye(3))).value.shape
        torch.Size([3])

    References:
        Lin (1991), Divergence Measures Based on the Shannon Entropy, https://doi.org/10.1109/18.61115
    """
    kind = Kind(jensen_shannon_integrand, jensen_shannon_integrand, closed_form=False)
    found = divergence(kind, p, q, method, num_samples)
    excess = torch.maximum(-found.value, found.value - LOG_TWO).detach()
    allowed = NUM_ERRORS * found.standard_error + 1e-6
    if not (excess <= allowed).all():
        worst = found.value.detach().flatten()[(excess - allowed).argmax()].item()
        raise FloatingPointError(
            f"Expected a Jensen-Shannon divergence in [0, log 2]; got {worst:.6g} by {found.method}. "
            "Check that both densities are normalized."
        )
    inside = found.value + (found.value.clamp(0.0, LOG_TWO) - found.value).detach()
    return Divergence(inside, found.standard_error, found.method)


@dataclass(frozen=True)
class Kind:
    """A divergence as an integral.

    Attributes:
        of_p: Averaged over p.
        of_q: Averaged over q, with the two exchanged, where the divergence is the mean of two averages.
        closed_form: Whether torch may have one.
    """

    of_p: Integrand
    of_q: Integrand | None
    closed_form: bool


def kl_integrand(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return the logarithm of the ratio."""
    return log_p - log_q


def jensen_shannon_integrand(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return the logarithm of the ratio of ``p`` to the mean of the two, as a function of their difference."""
    return LOG_TWO - torch.nn.functional.softplus(log_q - log_p)


def divergence(
    kind: Kind,
    p: Distribution | Conditional,
    q: Distribution | Conditional,
    method: Method | None,
    num_samples: int,
) -> Divergence:
    """Check both distributions, and find the divergence by the first method that can."""
    if method is not None and method not in get_args(Method):
        raise ValueError(f"Expected method None or among {get_args(Method)}; got {method!r}. Choose one.")
    if num_samples < 2:
        raise ValueError(f"Expected num_samples of at least 2; got {num_samples}. An error needs two draws.")
    p, q = called(p), called(q)
    batch_shape = check_pair(p, q)
    ways: dict[str, Callable[[], Divergence | None]] = {
        "closed form": lambda: by_closed_form(kind, p, q),
        "enumeration": lambda: by_enumeration(kind, p, q, batch_shape),
        "quadrature": lambda: by_quadrature(kind, p, q, batch_shape, strict=method is not None),
        "Monte Carlo": lambda: by_monte_carlo(kind, p, q, num_samples, batch_shape),
    }
    for way in [method] if method else ways:
        found = ways[way]()
        if found is not None:
            return found
    raise ValueError(
        f"Expected distributions for which {method} works; got {type(p).__name__} and {type(q).__name__} with "
        f"event_shape {tuple(p.event_shape)}. Leave the method to be chosen."
    )


def called(given: Distribution | Conditional) -> Distribution:
    """Return a distribution, of a conditional by calling it.

    Raises:
        ValueError: If it is neither, or needs a context.
    """
    if isinstance(given, Distribution):
        return given
    if not isinstance(given, Conditional):
        raise ValueError(
            f"Expected a distribution or a Conditional; got {type(given).__name__}. Call the module first."
        )
    if given.context_shape:
        raise ValueError(
            f"Expected a conditional without a context; got one with context_shape {given.context_shape}. "
            "Call it with a context, and pass the distribution."
        )
    distribution: Distribution = given()
    return distribution


def check_pair(p: Distribution, q: Distribution) -> torch.Size:
    """Return the batch shape of both.

    Raises:
        ValueError: If they cannot be compared.
    """
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"Expected two distributions of one event_shape; got {tuple(p.event_shape)} and {tuple(q.event_shape)}. "
            "Use to_event where batch dimensions are meant as features."
        )
    if is_discrete(p) != is_discrete(q):
        names = (type(d).__name__ for d in (p, q))
        raise ValueError(
            f"Expected two discrete or two continuous distributions; got {' and '.join(names)}. "
            "A density and a probability have no ratio."
        )
    try:
        return torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    except RuntimeError as error:
        raise ValueError(
            f"Expected batch shapes that broadcast; got {tuple(p.batch_shape)} and {tuple(q.batch_shape)}. "
            "Expand one to the other."
        ) from error


def is_discrete(p: Distribution) -> bool:
    """Return whether values are isolated; those of a distribution that does not tell are not."""
    support = innermost(support_of(p))
    return support is not None and bool(support.is_discrete)


def by_closed_form(kind: Kind, p: Distribution, q: Distribution) -> Divergence | None:
    """Return torch's or Pyro's closed form of the Kullback-Leibler divergence, if there is one."""
    if not kind.closed_form:
        return None
    try:
        value = torch.distributions.kl_divergence(p, q)
    except NotImplementedError:
        return None
    return Divergence(value, torch.zeros_like(value), "closed form")


def by_enumeration(kind: Kind, p: Distribution, q: Distribution, batch_shape: torch.Size) -> Divergence | None:
    """Sum over all values, if both are discrete and these are few."""
    values = finite_values(p, q)
    if values is None:
        return None
    log_p, log_q = (scores(d, values, batch_shape) for d in (p, q))
    value, lost = weighted_sum(kind, log_p, log_q, torch.ones_like(log_p))
    value = value.masked_fill(lost > 0, math.inf)
    return Divergence(value, torch.zeros_like(value), "enumeration")


def weighted_sum(kind: Kind, log_p: Tensor, log_q: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Sum over the first dimension; also return the mass that p has where q has none, if that makes it infinite."""
    value = (weights * average_terms(kind.of_p, log_p, log_q)).sum(0)
    if kind.of_q is None:
        return value, (weights * log_p.exp() * log_q.isneginf()).sum(0).detach()
    value = 0.5 * (value + (weights * average_terms(kind.of_q, log_q, log_p)).sum(0))
    return value, torch.zeros_like(value.detach())


def average_terms(integrand: Integrand, log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return ``p * f(log p, log q)``, 0 where p is 0, and where q is 0 what is finite of it."""
    nothing, alone = log_p.isneginf(), log_q.isneginf()
    log_p, log_q = log_p.masked_fill(nothing, 0.0), log_q.masked_fill(alone, 0.0)  # the gradients at minus infinity
    limit = LOG_TWO if integrand is jensen_shannon_integrand else 0.0
    return (log_p.exp() * integrand(log_p, log_q).masked_fill(alone, limit)).masked_fill(nothing, 0.0)


def by_quadrature(
    kind: Kind, p: Distribution, q: Distribution, batch_shape: torch.Size, *, strict: bool
) -> Divergence | None:
    """Integrate over one or two features, if both are continuous.

    Raises:
        FloatingPointError: If ``strict`` and the integral does not settle.
    """
    dim, num = p.event_shape.numel(), batch_shape.numel()
    if dim not in (1, 2) or num > MAX_BATCH or is_discrete(p):
        return None
    with torch.no_grad():
        draws = [d.sample(torch.Size([NUM_DRAWS])) for d in (p, q)]
    dtype = draws[0].dtype
    pooled = torch.cat([x.reshape(-1, dim) for x in draws]).double()
    low, high = (end.to(pooled) for end in bounds_of(p, q))

    def log_densities(points: Tensor) -> tuple[Tensor, Tensor]:
        values = points.to(dtype).reshape(-1, *p.event_shape)
        return scores(p, values, batch_shape).double(), scores(q, values, batch_shape).double()

    def integrand(points: Tensor) -> Tensor:
        log_p, log_q = log_densities(points)
        parts = [log_p.exp(), log_q.exp(), average_terms(kind.of_p, log_p, log_q)]
        if kind.of_q is not None:
            parts.append(average_terms(kind.of_q, log_q, log_p))
        return torch.stack(parts, 1).flatten(1)

    eps = torch.finfo(dtype).eps
    rule = quadrature(integrand, pooled[pooled.isfinite().all(1)], low, high, rounding=eps, chunk=CHUNK_SIZE // num)
    masses = rule.total.unflatten(0, (-1, num))[:2]
    error = rule.error + float((masses - 1.0).abs().amax())
    if not error < MAX_ERROR:
        if strict:
            raise FloatingPointError(
                f"Expected an integral that settles, of densities that integrate to 1; got an error of {error:.2g}. "
                "Use Monte Carlo."
            )
        return None
    value, lost = rule.total.new_zeros(batch_shape), rule.total.new_zeros(batch_shape)
    for points, weights in zip(rule.points.split(CHUNK_SIZE), rule.weights.split(CHUNK_SIZE), strict=True):
        parts = weighted_sum(kind, *log_densities(points), weights.reshape(-1, *[1] * len(batch_shape)))
        value, lost = value + parts[0], lost + parts[1]
    value = value.masked_fill(lost > SMALL_MASS, math.inf).to(dtype)
    return Divergence(value, torch.full_like(value.detach(), error), "quadrature")


def by_monte_carlo(
    kind: Kind, p: Distribution, q: Distribution, num_samples: int, batch_shape: torch.Size
) -> Divergence:
    """Average over draws of p, and of q where the divergence has both."""
    value, variance = average_over_draws(kind.of_p, p, q, num_samples, batch_shape)
    if kind.of_q is not None:
        other, more = average_over_draws(kind.of_q, q, p, num_samples, batch_shape)
        value, variance = 0.5 * (value + other), 0.25 * (variance + more)
    return Divergence(value, variance.sqrt(), "Monte Carlo")


def average_over_draws(
    integrand: Integrand, p: Distribution, q: Distribution, num_samples: int, batch_shape: torch.Size
) -> tuple[Tensor, Tensor]:
    """Return the average of ``f(log p, log q)`` over draws of p, and the variance of that average.

    Raises:
        FloatingPointError: If a log-density is NaN.
    """
    shape = torch.Size([num_samples])
    if p.has_rsample:
        x = p.rsample(shape)
        log_p = p.log_prob(x)
    else:
        x = p.sample(shape)
        with torch.no_grad():
            log_p = p.log_prob(x)
    x = x.reshape(num_samples, *[1] * (len(batch_shape) - len(p.batch_shape)), *p.batch_shape, *p.event_shape)
    x = x.expand(num_samples, *batch_shape, *p.event_shape)
    log_p = log_p.reshape(num_samples, *[1] * (len(batch_shape) - len(p.batch_shape)), *p.batch_shape)
    terms = integrand(log_p.expand(num_samples, *batch_shape), scores(q, x, batch_shape, paired=True))
    if terms.isnan().any():
        raise FloatingPointError("Expected log-densities that are numbers; got NaN at a draw. Check the parameters.")
    detached = terms.detach()
    infinite = detached.isinf().any(0)
    variance = detached.masked_fill(detached.isinf(), 0.0).var(0) / num_samples
    return terms.mean(0), variance.masked_fill(infinite, math.inf)
