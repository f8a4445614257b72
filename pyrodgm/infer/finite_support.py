"""Where distributions have mass: all values of discrete ones, bounds of continuous ones, and scores outside."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, OneHotCategorical, constraints

MAX_VALUES = 2**16  # of an event, that are summed over


def innermost(support: Any) -> Any:
    """Return the constraint of single variables, inside independent ones and mixtures."""
    while (inner := getattr(support, "base_constraint", None)) is not None:
        support = inner
    return support


def support_of(p: Distribution) -> Any:
    """Return the constraint that values satisfy; ``None`` where a distribution does not tell."""
    try:
        return p.support
    except NotImplementedError:
        return None


def range_of(p: Distribution) -> tuple[int, int] | None:
    """Return the least and the largest value of discrete variables, or ``None`` if there is none."""
    support = innermost(support_of(p))
    if support is constraints.boolean:
        return 0, 1
    if isinstance(support, type(constraints.integer_interval(0, 1))):
        low, high = (torch.as_tensor(bound) for bound in (support.lower_bound, support.upper_bound))
        return int(low.min()), int(high.max())
    return None


def finite_values(p: Distribution, q: Distribution) -> Tensor | None:
    """Return all values that either of two can take, ``(num, *event_shape)``, or ``None`` if they are too many."""
    ranges = [range_of(d) for d in (p, q)]
    like = p.sample()
    if None not in ranges:
        low, high = min(r[0] for r in ranges if r), max(r[1] for r in ranges if r)
        dim = p.event_shape.numel()
        if dim * math.log(max(2, high - low + 1)) > math.log(MAX_VALUES) or dim == 0:
            return None
        values = torch.arange(low, high + 1, dtype=like.dtype, device=like.device)
        return torch.cartesian_prod(*[values] * dim).reshape(-1, *p.event_shape)
    if p.has_enumerate_support and len(p.event_shape) == 1 and support_of(p) is constraints.one_hot:
        return torch.eye(p.event_shape[0], dtype=like.dtype, device=like.device)
    return None


def bounds_of(p: Distribution, q: Distribution) -> tuple[Tensor, Tensor]:
    """Return where the supports of continuous features begin and end, of both and of all in their batches.

    Returns:
        The lower and the upper ones, ``(num, dim)`` each; infinite where there is none.
    """
    dim = p.event_shape.numel()
    ends: tuple[list[Tensor], list[Tensor]] = ([], [])
    for support in (innermost(support_of(d)) for d in (p, q)):
        for found, name, none in zip(ends, ("lower_bound", "upper_bound"), (-math.inf, math.inf), strict=True):
            end = torch.as_tensor(getattr(support, name, none), dtype=torch.float64).detach().cpu()
            width = dim if p.event_shape and end.dim() and end.shape[-1] == dim else 1
            found.append(end.reshape(-1, width).expand(-1, dim))
    return torch.cat(ends[0]), torch.cat(ends[1])


def scores(p: Distribution, values: Tensor, batch_shape: torch.Size, *, paired: bool = False) -> Tensor:
    """Return log-densities of values under every distribution of a batch, minus infinity outside of their support.

    Args:
        p: Distributions, whose batch broadcasts to ``batch_shape``.
        values: ``(num, *event_shape)``, or with ``paired`` ``(num, *batch_shape, *event_shape)``.
        batch_shape: The batch.
        paired: Whether each distribution has values of its own.

    Returns:
        ``(num, *batch_shape)``.
    """
    if not paired:
        values = values.reshape(len(values), *[1] * len(batch_shape), *p.event_shape)
    support = support_of(p)
    if support is None or innermost(support) is constraints.real:
        log_prob = p.log_prob(values)
    elif (inside := support.check(values)).all():
        log_prob = without_impossible(p, values, p.log_prob(values))
    else:
        replaced = torch.where(inside.reshape(*inside.shape, *[1] * len(p.event_shape)), values, p.sample())
        log_prob = without_impossible(p, replaced, p.log_prob(replaced)).masked_fill(~inside, -math.inf)
    return log_prob.expand(len(values), *batch_shape)


def without_impossible(p: Distribution, values: Tensor, log_prob: Tensor) -> Tensor:
    """Return minus infinity where the probability is 0, for which torch gives the logarithm of machine precision."""
    base = p
    while isinstance(base, Independent):
        base = base.base_dist
    if isinstance(base, Bernoulli):
        probability = torch.where(values > 0.5, base.probs, 1.0 - base.probs)
    elif isinstance(base, (Categorical, OneHotCategorical)):
        index = values.argmax(-1) if isinstance(base, OneHotCategorical) else values.long()
        index, probs = torch.broadcast_tensors(index[..., None], base.probs)
        probability = probs.gather(-1, index[..., :1])[..., 0]
    else:
        return log_prob
    impossible = (probability == 0).flatten(log_prob.dim()).any(-1) if p is not base else probability == 0
    return log_prob.masked_fill(impossible, -math.inf)
