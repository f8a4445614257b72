"""Who may depend on whom: the graph of a Bayesian network."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

import torch
from torch import Tensor


def read_adjacency(adjacency: Sequence[Sequence[int]] | Tensor, input_dim: int) -> Tensor:
    """Return the graph as a boolean matrix: feature ``i`` depends on feature ``j`` where ``[i, j]`` is true.

    Raises:
        ValueError: If it is not a square matrix of zeros and ones of that size.
    """
    matrix = torch.as_tensor(adjacency)
    if matrix.shape != (input_dim, input_dim) or not ((matrix == 0) | (matrix == 1)).all():
        raise ValueError(
            f"Expected adjacency as a ({input_dim}, {input_dim}) matrix of 0 and 1; got shape {tuple(matrix.shape)}. "
            "adjacency[i][j] = 1 lets feature i depend on feature j."
        )
    return matrix.bool()


def topological_order(adjacency: Tensor) -> list[int]:
    """Return an order of features in which each comes after all that it depends on.

    Raises:
        ValueError: If there is none, naming a cycle.

    Example:
        >>> topological_order(torch.tensor([[False, True], [False, False]]))
        [1, 0]
    """
    parents = {i: row.nonzero().flatten().tolist() for i, row in enumerate(adjacency)}
    try:
        return list(TopologicalSorter(parents).static_order())
    except CycleError as error:
        cycle = " -> ".join(map(str, reversed(error.args[1])))
        raise ValueError(
            f"Expected adjacency without a cycle; got the cycle {cycle} (i -> j: i depends on j). Remove one of these."
        ) from error


def check_transitive(adjacency: Tensor) -> None:
    """Refuse a graph in which a feature depends on what its parents depend on only through them.

    Each layer of a flow hands on what the layer below has seen, so that several layers keep to a graph only if
    whoever depends on a feature depends on that feature's parents too.

    Raises:
        ValueError: Naming three such features.
    """
    reach = adjacency.double()
    missing = ((reach @ reach) > 0) & ~adjacency
    if missing.any():
        i, k = missing.nonzero()[0].tolist()
        j = int((adjacency[i] & adjacency[:, k]).nonzero()[0])
        raise ValueError(
            f"Expected num_layers=1 with this adjacency; got more, by which feature {i} would see feature {k} through "
            f"feature {j}. Use one layer, or let adjacency[{i}][{k}] = 1."
        )
