"""The order in which the features of a vector come."""

from collections.abc import Sequence

import torch
from torch import Tensor


def read_order(order: Sequence[int] | Tensor | None, input_dim: int) -> Tensor:
    """Return an order as integers ``(input_dim,)``: ``order[k]`` is the feature that comes ``k``-th.

    Raises:
        ValueError: If it does not hold each feature once.

    Example:
        >>> read_order(None, 3)
        tensor([0, 1, 2])
    """
    given = torch.arange(input_dim) if order is None else torch.as_tensor(order)
    if given.is_floating_point() or sorted(given.tolist()) != list(range(input_dim)):
        raise ValueError(
            f"Expected order to hold each of 0 .. {input_dim - 1} once; got {given.tolist()}. "
            "order[k] is the feature that comes k-th."
        )
    return given.long()


def along(x: Tensor, order: Tensor, dim: int) -> Tensor:
    """Return ``x`` with one dimension in the order: itself where that is the natural one, else a copy."""
    natural = torch.equal(order, torch.arange(len(order), device=order.device))
    return x if natural else x.index_select(dim, order)
