"""How often each cell of a Bayesian network's tables occurs in data, counted or, where values are missing, expected."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm.models.bayes_net_graph import BayesNetGraph
from pyrodgm.models.table_layout import TableLayout
from pyrodgm.models.variable_elimination import Factor, Plan, eliminate, plan_elimination

TOGETHER = 2**26  # entries up to which all rows are summed together, whatever is missing in each
CHUNK = 2**23  # entries that are kept for gradients at once


@dataclass(frozen=True, eq=False)
class ExpectedCounts:
    """The posterior of what is missing, given what is observed, as far as a Bayesian network needs it.

    Attributes:
        counts: Expected number of rows in each cell of the tables, ``(num_cells,)``.
        entropy: Entropy of the posterior, summed over rows, in nats.
    """

    counts: Tensor
    entropy: Tensor


def count_cells(codes: Tensor, layout: TableLayout) -> Tensor:
    """Count the rows in each cell; a row counts in the tables of which it has all variables."""
    cells, observed = layout.cells(codes), codes >= 0
    if not observed.all():
        known = observed.clone()
        for parents, strides in zip(layout.parents, layout.strides, strict=True):
            known &= observed[:, parents] | (strides == 0)
        cells = cells[known]
    return torch.bincount(cells.flatten(), minlength=layout.num_cells).to(torch.float64)


def expect_cells(table: Tensor, graph: BayesNetGraph, layout: TableLayout, codes: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return expected counts of rows in which values are missing, and log-probabilities of what is observed.

    Variables are summed out one after the other, for many rows together. The expectations are gradients:
    :math:`E[n_c] = \theta_c\, \partial \log p(x_\mathrm{obs}) / \partial \theta_c`, of all cells by one pass back.

    Args:
        table: Probabilities of all cells, ``(num_cells,)``.
        graph: The variables.
        layout: Where their tables stand.
        codes: Numbers of states, -1 where missing, ``(num_rows, num_variables)``.

    Returns:
        ``(num_cells,)`` and ``(num_rows,)``.

    Raises:
        ValueError: If what is observed in a row, which is named, has probability zero.

    References:
        Darwiche (2003), A Differential Approach to Inference in Bayesian Networks,
        https://doi.org/10.1145/765568.765570
    """
    counts, log_evidence = torch.zeros_like(table), table.new_zeros(len(codes))
    for rows, plan in groups(graph, codes):
        leaf = table.detach().requires_grad_()
        with torch.enable_grad():
            value = log_evidence_of_rows(leaf, graph, layout, codes[rows], plan)
            check_possible(value, rows)
            (gradient,) = torch.autograd.grad(value.sum(), leaf)
        counts += table * gradient
        log_evidence[rows] = value.detach()
    return counts, log_evidence


def observed_log_prob(table: Tensor, graph: BayesNetGraph, layout: TableLayout, codes: Tensor) -> Tensor:
    """Return log-probabilities of what is observed, ``(num_rows,)``, as :func:`expect_cells` without its way back."""
    log_evidence = table.new_zeros(len(codes))
    for rows, plan in groups(graph, codes):
        log_evidence[rows] = log_evidence_of_rows(table, graph, layout, codes[rows], plan)
    return log_evidence


def check_possible(log_evidence: Tensor, rows: Tensor) -> None:
    """Refuse rows that the tables exclude.

    Raises:
        ValueError: Naming the first.
    """
    impossible = log_evidence == -torch.inf
    if impossible.any():
        raise ValueError(
            f"Expected rows of positive probability; got probability 0 in row {int(rows[impossible][0])}. "
            "Start from tables without zeros, as initialize makes them."
        )


def groups(graph: BayesNetGraph, codes: Tensor) -> Iterator[tuple[Tensor, Plan]]:
    """Yield rows to sum over together, few enough for the memory, and how.

    These are complete rows, and all others; where those would form large products, rows with the same holes.
    """
    gone = codes < 0
    holes = gone.any(-1)
    rows = holes.nonzero().squeeze(-1)
    plan = plan_of(graph, gone.any(0))
    found = [((~holes).nonzero().squeeze(-1), Plan((), 0, 0))]
    if plan.entries * len(rows) <= TOGETHER:
        found.append((rows, plan))
    else:
        patterns, inverse, sizes = gone[rows].unique(dim=0, return_inverse=True, return_counts=True)
        parts = rows[inverse.argsort()].split(sizes.tolist())
        found += [(part, plan_of(graph, pattern)) for part, pattern in zip(parts, patterns, strict=True)]
    for part, plan in found:
        if len(part):
            yield from ((chunk, plan) for chunk in part.split(max(1, CHUNK // (plan.entries + codes.shape[1]))))


def plan_of(graph: BayesNetGraph, hidden: Tensor) -> Plan:
    """Plan to sum over the variables that are hidden, ``(num_variables,)``."""
    positions = set(hidden.nonzero().flatten().tolist())
    scopes = [positions.intersection(graph.family(variable)) for variable in range(len(graph.names))]
    return plan_elimination(scopes, positions, graph.sizes)


def log_evidence_of_rows(table: Tensor, graph: BayesNetGraph, layout: TableLayout, codes: Tensor, plan: Plan) -> Tensor:
    """Return log-probabilities of what is observed, ``(num_rows,)``, differentiable in the table's entries.

    A variable that the plan sums over may be observed in some rows: there it has one state.
    """
    hidden = set(plan.order)
    offsets, strides = layout.offsets.tolist(), layout.strides.T.tolist()
    factors, closed = [], []
    for variable in range(len(graph.names)):
        family = graph.family(variable)
        steps = [*strides[variable][: len(family) - 1], 1]
        inside = [(member, step) for member, step in zip(family, steps, strict=True) if member in hidden]
        outside = [(member, step) for member, step in zip(family, steps, strict=True) if member not in hidden]
        cells = torch.full((1,), offsets[variable], device=codes.device)
        for member, step in outside:
            cells = cells + codes[:, member] * step
        if not inside:
            closed.append(cells)
            continue
        for member, step in inside:
            cells = cells.unsqueeze(-1) + torch.arange(graph.sizes[member], device=codes.device) * step
        names = tuple(member for member, _ in inside)
        factors.append(Factor(names, table[cells], True) if outside else Factor(names, table[cells[0]]))
    for variable in plan.order:
        column = codes[:, variable]
        if (column >= 0).any():
            states = torch.arange(graph.sizes[variable], device=codes.device)
            possible = (column.unsqueeze(-1) == states) | (column < 0).unsqueeze(-1)
            factors.append(Factor((variable,), possible.to(table.dtype), True))
    total, log_scale = eliminate(factors, plan)
    log_evidence = total.values.log() + log_scale
    if closed:
        log_evidence = log_evidence + table[torch.stack(closed, -1)].log().sum(-1)
    return log_evidence.expand(len(codes))


def normalize(counts: Tensor, layout: TableLayout, otherwise: Tensor) -> Tensor:
    """Divide counts by the sums of their rows; a row without counts is taken from ``otherwise``."""
    parts = []
    for table, other in zip(layout.split(counts), layout.split(otherwise), strict=True):
        total = table.sum(-1, keepdim=True)
        parts.append(torch.where(total > 0, table / total.clamp_min(torch.finfo(total.dtype).tiny), other).flatten())
    return torch.cat(parts)


def random_counts(table: Tensor) -> Tensor:
    """Return exponential variables in the shape of a table: normalised, a uniform draw of each row."""
    return torch.empty_like(table).exponential_()
