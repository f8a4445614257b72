"""Which values an autoregressive model gives a probability, checked at the boundary."""

from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.distributions import constraints, transform_to

from pyrodgm.heads.head import Head

Independent = type(constraints.independent(constraints.real, 1))


_known: WeakKeyDictionary[Head, constraints.Constraint] = WeakKeyDictionary()


def variable_support(head: Head) -> constraints.Constraint:
    """Return the support of one variable of a head, which is immutable: it is asked once."""
    if head not in _known:
        support = head(torch.zeros(head.num_params)).support or constraints.real
        while isinstance(support, Independent):
            support = support.base_constraint
        _known[head] = support
    return _known[head]


def level_bounds(head: Head) -> tuple[int, int] | None:
    """Return the smallest and the largest value of a variable of whole numbers, or None for other heads."""
    support = variable_support(head)
    if support is constraints.boolean:
        return 0, 1
    if isinstance(support, constraints.integer_interval):
        return int(support.lower_bound), int(support.upper_bound)
    return None


def inner_value(support: constraints.Constraint) -> float:
    """Return a value that a support holds, inside of an interval, where densities have gradients."""
    if support.is_discrete:
        return 0 if bool(support.check(torch.tensor(0))) else int(support.lower_bound)  # type: ignore[attr-defined]
    if isinstance(support, constraints.MixtureSameFamilyConstraint):
        support = support.base_constraint
    return float(transform_to(support)(torch.tensor(0.0)))


def check_values(x: Tensor, support: constraints.Constraint, mask: Tensor | None = None) -> None:
    """Refuse values outside of a support, where the mask is true or everywhere.

    Raises:
        ValueError: Naming the first such value and its position.
    """
    if support is constraints.boolean and x.dtype == torch.bool:
        return
    if mask is None and support is constraints.boolean and torch.equal(x * x, x):
        return  # zeros and ones alone, in a fraction of the time that two comparisons take
    inside = support.check(x) if mask is None else support.check(x) | ~mask
    if not bool(inside.all()):
        place = (~inside).nonzero()[0].tolist()
        raise ValueError(
            f"Expected values in {support}; got {x[tuple(place)].item():.6g} at index {place}. "
            "Transform the data (binarize, encode, clip), or build the model for such values."
        )


def check_end(x: Tensor, end: int, mask: Tensor) -> None:
    """Refuse a known value, where the mask is true, that follows the end and is another one.

    Raises:
        ValueError: Naming the first such value and its position.
    """
    ended = ((x == end) & mask).cummax(-1).values
    wrong = ended & mask & (x != end)
    if bool(wrong.any()):
        place = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"Expected nothing but the end, {end}, after the first; got {x[tuple(place)].item():.6g} at index {place}. "
            "Fill up with the end, or leave it out of what is known."
        )
