"""The answer to a query of a Bayesian network."""

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from pyrodgm.models.bayes_net_graph import BayesNetGraph


class StateProbabilities(dict[Hashable, float]):
    """Probabilities by state, or by a tuple of states where several variables were asked for.

    Looked up by names, or by numbers where names are no integers.

    Args:
        graph: The variables of the net.
        targets: Those that were asked for.
        table: Their probabilities.
        joint: Whether keys are tuples.
    """

    def __init__(self, graph: BayesNetGraph, targets: tuple[int, ...], table: Tensor, *, joint: bool) -> None:
        self.graph, self.targets, self.joint = graph, targets, joint
        keys = product(*(graph.states[target] for target in targets))
        super().__init__(zip((key if joint else key[0] for key in keys), table.flatten().tolist(), strict=True))

    def __missing__(self, key: Any) -> float:
        states = key if self.joint else (key,)
        if not isinstance(states, tuple) or len(states) != len(self.targets):
            names = ", ".join(self.graph.names[target] for target in self.targets)
            raise ValueError(f"Expected one state for each of ({names}); got {key!r}. Give a tuple of states.")
        pairs = zip(self.targets, states, strict=True)
        found = tuple(self.graph.states[target][self.graph.state(target, state)] for target, state in pairs)
        return self[found if self.joint else found[0]]


@dataclass(frozen=True, eq=False)
class QueryResult:
    r"""The conditional :math:`p(\mathrm{target} \mid \mathrm{evidence})`.

    Attributes:
        target: What was asked for: a name, or several.
        probs: Probabilities by state; by tuples of states, in the order of ``target``, if several names were given.
        table: The same as a tensor, one dimension a variable, with gradients to the net's tables.
        log_evidence: Logarithm of the evidence's probability in nats, a scalar with gradients; 0 without evidence.
    """

    target: str | tuple[str, ...]
    probs: StateProbabilities
    table: Tensor
    log_evidence: Tensor

    @classmethod
    def make(
        cls,
        graph: BayesNetGraph,
        target: str | tuple[str, ...],
        positions: tuple[int, ...],
        table: Tensor,
        log_evidence: Tensor,
        dtype: torch.dtype,
    ) -> "QueryResult":
        """Make a result of a normalised table in double precision; its tensors get the dtype of the net."""
        probs = StateProbabilities(graph, positions, table.detach(), joint=not isinstance(target, str))
        return cls(target, probs, table.to(dtype), log_evidence.to(dtype))

    def __getitem__(self, state: Any) -> float:
        """Return the probability of a state, as ``probs`` does."""
        return self.probs[state]

    def __repr__(self) -> str:
        shares = ", ".join(f"{state!r}: {prob:.4f}" for state, prob in self.probs.items())
        return f"QueryResult({self.target!r}: {{{shares}}})"
