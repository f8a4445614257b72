"""Exact conditionals of a Bayesian network by variable elimination."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pyrodgm.models.bayes_net_graph import BayesNetGraph
from pyrodgm.models.query_result import QueryResult
from pyrodgm.models.variable_elimination import Factor, eliminate, plan_elimination


def conditional(
    graph: BayesNetGraph, tables: Sequence[Tensor], target: str | Sequence[str], evidence: Mapping[str, Any] | None
) -> QueryResult:
    """Return the conditional of one or several variables; what neither they nor the evidence descend from is left out.

    Raises:
        ValueError: As :meth:`pyrodgm.models.BayesNet.query`.
    """
    names = (target,) if isinstance(target, str) else tuple(target)
    targets = tuple(graph.position(name, "as target") for name in names)
    observed = graph.read_evidence(evidence)
    if not targets or len(set(targets)) < len(targets) or observed.keys() & set(targets):
        raise ValueError(
            f"Expected different targets, none of them in the evidence; got {target!r} given {list(evidence or {})}. "
            "Name each variable once."
        )
    relevant = graph.ancestors({*targets, *observed})
    factors = factors_of(graph, tables, relevant, observed)
    hidden = set(relevant) - {*targets, *observed}
    plan = plan_elimination([factor.variables for factor in factors], hidden, graph.sizes)
    joint, log_scale = eliminate(factors, plan, targets)
    total = joint.values.sum()
    check_evidence(total, evidence)
    asked = target if isinstance(target, str) else names
    return QueryResult.make(graph, asked, targets, joint.values / total, total.log() + log_scale, tables[0].dtype)


def all_marginals(
    graph: BayesNetGraph, tables: Sequence[Tensor], evidence: Mapping[str, Any] | None
) -> dict[str, QueryResult]:
    """Return the conditionals of all variables that are not observed, from one elimination and one pass back.

    Each is the gradient of the evidence's log-probability to weights of 1 at the variable's states.

    Raises:
        ValueError: As :meth:`pyrodgm.models.BayesNet.marginals`.
    """
    observed = graph.read_evidence(evidence)
    everything = range(len(graph.names))
    hidden = [variable for variable in everything if variable not in observed]
    factors = factors_of(graph, [table.detach() for table in tables], everything, observed)
    weights = [factors[0].values.new_ones(graph.sizes[variable]).requires_grad_() for variable in hidden]
    factors += [Factor((variable,), weight) for variable, weight in zip(hidden, weights, strict=True)]
    plan = plan_elimination([factor.variables for factor in factors], hidden, graph.sizes)
    with torch.enable_grad():
        total, log_scale = eliminate(factors, plan)
        check_evidence(total.values, evidence)
        log_evidence = total.values.log() + log_scale
        found = torch.autograd.grad(log_evidence, weights) if weights else ()
    log_evidence, dtype = log_evidence.detach(), tables[0].dtype
    return {
        graph.names[variable]: QueryResult.make(graph, graph.names[variable], (variable,), table, log_evidence, dtype)
        for variable, table in zip(hidden, found, strict=True)
    }


def factors_of(
    graph: BayesNetGraph, tables: Sequence[Tensor], variables: Iterable[int], observed: Mapping[int, int]
) -> list[Factor]:
    """Return the tables of variables, at the states that are observed, in double precision."""
    factors = []
    for variable in variables:
        family = graph.family(variable)
        chosen = tables[variable].double()[tuple(observed.get(member, slice(None)) for member in family)]
        factors.append(Factor(tuple(member for member in family if member not in observed), chosen))
    return factors


def check_evidence(total: Tensor, evidence: Mapping[str, Any] | None) -> None:
    """Refuse evidence of probability zero.

    Raises:
        ValueError: Naming it.
    """
    if not total.detach() > 0:
        given = ", ".join(f"{name}={state!r}" for name, state in (evidence or {}).items())
        raise ValueError(
            f"Expected evidence of positive probability; got {given}, of probability 0. There is no conditional: leave "
            "out some of it, or give tables without zeros."
        )
