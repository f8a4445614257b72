"""Sums over variables of a product of tables, one variable after the other."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

MAX_ENTRIES = 2**28  # of one product: 2 GB in double precision


@dataclass(frozen=True, eq=False)
class Factor:
    """A non-negative table over variables.

    Attributes:
        variables: One for each dimension of the table.
        values: ``(*sizes)``, or ``(num_rows, *sizes)``.
        batched: Whether there is one table for each row of a batch.
    """

    variables: tuple[int, ...]
    values: Tensor
    batched: bool = False


@dataclass(frozen=True)
class Plan:
    """An order in which variables are summed out.

    Attributes:
        order: The variables.
        entries: Entries of all the products that are formed, for one row.
        largest: Of the largest one.
    """

    order: tuple[int, ...]
    entries: int
    largest: int


def plan_elimination(scopes: Iterable[Collection[int]], summed: Iterable[int], sizes: Sequence[int]) -> Plan:
    """Choose an order: next comes the variable whose product ties the fewest others together, then the smallest one.

    Args:
        scopes: The variables of each table.
        summed: Variables to sum over, each in at least one table.
        sizes: Number of states of every variable.

    Example:
        >>> plan_elimination([(0,), (0, 1), (1, 2)], [0, 1], (2, 2, 2))
        Plan(order=(0, 1), entries=8, largest=4)

    References:
        Koller, Friedman (2009), Probabilistic Graphical Models, section 9.4.3 (min-fill)
    """
    neighbours: dict[int, set[int]] = {}
    for scope in scopes:
        for variable in scope:
            neighbours.setdefault(variable, set()).update(scope)
    for variable, around in neighbours.items():
        around.discard(variable)

    def score(variable: int) -> tuple[int, int]:
        around = neighbours[variable]
        fill = sum(len(around - neighbours[other]) - 1 for other in around)
        return fill, prod(sizes[other] for other in around) * sizes[variable]

    scores = {variable: score(variable) for variable in sorted(summed)}
    order, entries, largest = [], 0, 0
    while scores:
        variable = min(scores, key=scores.__getitem__)
        order.append(variable)
        entry = scores.pop(variable)[1]
        entries, largest = entries + entry, max(largest, entry)
        around = neighbours.pop(variable)
        for other in around:
            neighbours[other] |= around
            neighbours[other] -= {other, variable}
        for other in around.union(*(neighbours[other] for other in around)) & scores.keys():
            scores[other] = score(other)
    return Plan(tuple(order), entries, largest)


def eliminate(factors: Sequence[Factor], plan: Plan, kept: Sequence[int] = ()) -> tuple[Factor, Tensor]:
    """Multiply tables and sum over the variables of the plan; the joint table is never formed.

    Each product is divided by its largest entry, a constant for gradients, so that nothing underflows.

    Args:
        factors: Tables over the variables of the plan and those that are kept.
        plan: From :func:`plan_elimination`.
        kept: Variables of the result, in the order of its dimensions.

    Returns:
        The result divided by a scale, and the logarithm of the scale, a scalar or ``(num_rows,)``.

    Raises:
        ValueError: If a product would have more than 2^28 entries.
    """
    if plan.largest > MAX_ENTRIES:
        raise ValueError(
            f"Expected tables of at most {MAX_ENTRIES:,} entries on the way; got {plan.largest:,}. Exact inference "
            "does not pay in a graph this dense: observe more variables, or estimate from samples."
        )
    remaining = list(factors)
    log_scale = torch.zeros(())
    for variable in plan.order:
        touching = [factor for factor in remaining if variable in factor.variables]
        remaining = [factor for factor in remaining if variable not in factor.variables]
        others = dict.fromkeys(other for factor in touching for other in factor.variables if other != variable)
        product, log = rescale(multiply(touching, tuple(others)))
        remaining.append(product)
        log_scale = log_scale + log
    result, log = rescale(multiply(remaining, tuple(kept)))
    return result, log_scale + log


def multiply(factors: Sequence[Factor], kept: tuple[int, ...]) -> Factor:
    """Multiply tables, the smallest first, and sum over all variables but those that are kept."""
    factors = sorted(factors, key=lambda factor: factor.values.numel()) or [Factor((), torch.ones(()))]
    product = factors[0]
    for factor in factors[1:-1]:
        union = tuple(dict.fromkeys(product.variables + factor.variables))
        product = contract([product, factor], union)
    return contract([product, *factors[1:][-1:]], kept)


def contract(factors: Sequence[Factor], kept: tuple[int, ...]) -> Factor:
    """Multiply one or two tables, and sum over all variables but those that are kept."""
    labels: dict[int, int] = {}
    operands: list[Tensor | list[int]] = []
    for factor in factors:
        names = [labels.setdefault(variable, 1 + len(labels)) for variable in factor.variables]
        operands += [factor.values, [0] * factor.batched + names]
    batched = any(factor.batched for factor in factors)
    return Factor(kept, torch.einsum(*operands, [0] * batched + [labels[variable] for variable in kept]), batched)


def rescale(factor: Factor) -> tuple[Factor, Tensor]:
    """Divide by the largest entry, row by row; return its logarithm too."""
    values = factor.values
    largest = values.detach().reshape(*values.shape[: int(factor.batched)], -1).amax(-1)
    largest = torch.where(largest > 0, largest, 1.0)
    scale = largest.reshape(largest.shape + (1,) * len(factor.variables))
    return Factor(factor.variables, values / scale, factor.batched), largest.log()
