"""The graph of a Bayesian network: named variables, their states and parents, and what is checked of them."""

import difflib
import operator
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from math import prod
from typing import Any

import torch
from torch import Tensor

SUM_TOLERANCE = 2e-4  # thirds written with four digits are a row of a table
PLATE = "data"


@dataclass(frozen=True, eq=False)
class Variable:
    r"""A discrete variable of a :class:`BayesNet`, with its table :math:`p(x \mid \mathrm{parents})`.

    Args:
        states: Names of the states, or how many there are, which names them 0, 1, ...; by default as many as the table
            has columns.
        parents: Names of the parents, in the order of the table's dimensions.
        table: Probabilities, ``(*sizes of the parents, number of states)``, each row of the last dimension summing
            to 1; a tensor or nested lists. Without one, all states are equally probable.

    Example:
        >>> from pyrodgm import models
        >>> models.Variable(["dry", "wet"], ["rain"], [[0.9, 0.1], [0.2, 0.8]]).parents
        ['rain']
    """

    states: int | Sequence[Hashable] | None = None
    parents: Sequence[str] = ()
    table: Tensor | Sequence[Any] | None = None


class BayesNetGraph:
    """Names, states and parents by position, and an order in which parents come first.

    Args:
        variables: By name; their order is that of the columns of data.

    Raises:
        ValueError: If a name, a state or a parent is unknown or stands twice, or there is a cycle, which is named.
    """

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        if not variables:
            raise ValueError("Expected at least one variable; got none. Pass a dict of name: Variable(...).")
        for name in variables:
            check_name(name)
        self.names = tuple(variables)
        self.positions = {name: position for position, name in enumerate(self.names)}
        self.states = tuple(read_states(name, variable) for name, variable in variables.items())
        self.sizes = tuple(len(states) for states in self.states)
        self.parents = tuple(self._read_parents(name, variable.parents) for name, variable in variables.items())
        self.order = self._topological_order()

    def _read_parents(self, name: str, parents: Sequence[str]) -> tuple[int, ...]:
        if isinstance(parents, str):
            raise ValueError(
                f"Expected the parents of {name!r} as a list of names; got {parents!r}. Write [{parents!r}]."
            )
        found = tuple(self.position(parent, f"as a parent of {name!r}") for parent in parents)
        if len(set(found)) < len(found):
            raise ValueError(
                f"Expected each parent of {name!r} once; got {list(parents)}. Leave out what stands twice."
            )
        return found

    def _topological_order(self) -> tuple[int, ...]:
        try:
            return tuple(TopologicalSorter(dict(enumerate(self.parents))).static_order())
        except CycleError as error:
            cycle = " -> ".join(self.names[position] for position in error.args[1])
            raise ValueError(
                f"Expected a graph without cycles; got the cycle {cycle} (parent -> child). Remove one of these edges."
            ) from error

    def position(self, name: str, role: str = "") -> int:
        """Return the column of a variable.

        Raises:
            ValueError: If there is no such variable.
        """
        if isinstance(name, str) and name in self.positions:
            return self.positions[name]
        close = difflib.get_close_matches(str(name), self.names, 1)
        advice = f"Did you mean {close[0]!r}?" if close else f"There are {', '.join(map(repr, self.names[:40]))}."
        raise ValueError(f"Expected the name of a variable{' ' * bool(role)}{role}; got {name!r}. {advice}")

    def state(self, position: int, state: Any) -> int:
        """Return the number of a state, given by its name, or by its number where names are no integers.

        Raises:
            ValueError: If there is no such state.
        """
        states = self.states[position]
        if isinstance(state, Hashable) and state in states:
            return states.index(state)
        try:
            number = operator.index(state)
        except TypeError:
            number = -1
        if number in states:
            return states.index(number)
        if 0 <= number < len(states) and not any(isinstance(name, int) for name in states):
            return number
        raise ValueError(
            f"Expected a state of {self.names[position]!r}, one of {list(states)}; got {state!r}. "
            "Give a state's name or its number."
        )

    def read_evidence(self, evidence: Mapping[str, Any] | None) -> dict[int, int]:
        """Return states by position, of states by name.

        Raises:
            ValueError: If a variable or a state is unknown.
        """
        found = {}
        for name, state in (evidence or {}).items():
            position = self.position(name, "as evidence")
            found[position] = self.state(position, state)
        return found

    def ancestors(self, positions: Iterable[int]) -> list[int]:
        """Return these variables and all that they descend from, in their order."""
        found: set[int] = set()
        pending = list(positions)
        while pending:
            position = pending.pop()
            if position not in found:
                found.add(position)
                pending += self.parents[position]
        return sorted(found)

    def family(self, position: int) -> tuple[int, ...]:
        """Return the variables of a table: the parents, then the variable itself."""
        return (*self.parents[position], position)

    def shape(self, position: int) -> tuple[int, ...]:
        """Return the shape of a table."""
        return tuple(self.sizes[member] for member in self.family(position))

    def num_parameters(self) -> int:
        """Return how many numbers of the tables are free: all but one of each row."""
        return sum(prod(self.shape(v)[:-1]) * (self.sizes[v] - 1) for v in range(len(self.names)))

    def read_table(self, name: str, table: Tensor | Sequence[Any]) -> Tensor:
        """Return a table of probabilities in the default dtype.

        Raises:
            ValueError: If its shape does not fit the parents and states, or a row, which is named, is no distribution.
        """
        position = self.positions[name]
        probs = to_tensor(name, table)
        shape = self.shape(position)
        if probs.shape != shape:
            axes = ", ".join([*(self.names[parent] for parent in self.parents[position]), f"states of {name}"])
            raise ValueError(
                f"Expected a table of shape {shape} for {name!r}, dimensions ({axes}); got {tuple(probs.shape)}. "
                "The last dimension holds the states, those before it the parents in their order."
            )
        bad = ~(((probs >= 0).all(-1)) & ((probs.sum(-1) - 1).abs() <= SUM_TOLERANCE))
        if bad.any():
            row = tuple(bad.nonzero()[0].tolist())
            given = zip(self.parents[position], row, strict=True)
            where = ", ".join(f"{self.names[parent]}={self.states[parent][state]!r}" for parent, state in given)
            values = ", ".join(f"{value:.6g}" for value in probs[row].tolist())
            raise ValueError(
                f"Expected probabilities that sum to 1 in each row of the table of {name!r}; got [{values}], sum "
                f"{probs[row].sum().item():.6g}{', where ' if where else ''}{where}. Correct this row."
            )
        return probs


def check_name(name: str) -> None:
    """Refuse names that neither a parameter nor a site of Pyro can have."""
    if not isinstance(name, str) or not name or "." in name or name == PLATE:
        raise ValueError(
            f"Expected names of variables to be strings, without dots, other than {PLATE!r}; got {name!r}. Rename it."
        )


def read_states(name: str, variable: Variable) -> tuple[Hashable, ...]:
    """Return the names of the states.

    Raises:
        ValueError: If there are none, or one stands twice.
    """
    if not isinstance(variable, Variable):
        raise ValueError(
            f"Expected a Variable for {name!r}; got {type(variable).__name__}. "
            "Write models.Variable(states, parents, table)."
        )
    states = variable.states
    if states is None:
        if variable.table is None:
            raise ValueError(f"Expected states or a table of {name!r}; got neither. Give one of them.")
        table = to_tensor(name, variable.table)
        states = table.shape[-1] if table.dim() else 0
    if isinstance(states, int):
        states = range(states)
    if isinstance(states, str) or len(states) == 0 or len(set(states)) < len(states):
        raise ValueError(
            f"Expected states of {name!r} as a number of at least 1, or as different names; got {variable.states!r}. "
            "Name each state once."
        )
    return tuple(states)


def to_tensor(name: str, table: Tensor | Sequence[Any]) -> Tensor:
    """Return a table as a tensor of the default dtype."""
    try:
        return torch.as_tensor(table, dtype=torch.get_default_dtype()).detach()
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Expected the table of {name!r} as a tensor or evenly nested lists of numbers; got {table!r}. "
            "Give one row for each combination of the parents' states."
        ) from error


def variables_of(graph: Any, states: int | Sequence[Hashable] | None = None) -> dict[str, Variable]:
    """Return the variables that a directed networkx graph describes by the attributes of its nodes.

    Raises:
        ValueError: If the graph is not directed, or an attribute ``parents`` names other nodes than the edges do.
    """
    if not graph.is_directed() or graph.is_multigraph():
        raise ValueError(f"Expected a networkx.DiGraph; got {type(graph).__name__}. Edges go from parent to child.")
    variables = {}
    for node, attributes in graph.nodes(data=True):
        edges = list(graph.predecessors(node))
        parents = list(attributes.get("parents", edges))
        if sorted(map(str, parents)) != sorted(map(str, edges)):
            raise ValueError(
                f"Expected the attribute parents of {node!r} to order the parents {edges} that the edges give; "
                f"got {parents}. Name the same nodes."
            )
        table = attributes.get("table")
        found = attributes.get("states", states if table is None else None)
        variables[node] = Variable(found, parents, table)
    return variables
