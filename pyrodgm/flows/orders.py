"""Orders of features for the layers of an autoregressive flow."""

from collections.abc import Sequence

import torch

from pyrodgm.transforms.bijection import check_input_dim

Orders = Sequence[Sequence[int]]


def reversed_orders(order: Sequence[int], num_layers: int) -> list[list[int]]:
    """Return one order a layer: ``order`` and its reversal in turn.

    In the layer nearest to the base each feature sees those before it, in the next one those after it.
    Which densities can be reached depends on the order, most of all with a single layer.

    Args:
        order: ``order[k]`` is the feature that comes ``k``-th in the first layer, the nearest to the base.
        num_layers: Number of layers.

    Raises:
        ValueError: If ``num_layers`` is not positive.

    Example:
        >>> reversed_orders([0, 2, 1], 3)
        [[0, 2, 1], [1, 2, 0], [0, 2, 1]]
    """
    check_input_dim(num_layers, what="num_layers")
    return [list(order) if layer % 2 == 0 else list(order)[::-1] for layer in range(num_layers)]


def random_orders(input_dim: int, num_layers: int) -> list[list[int]]:
    """Return a random order for each layer, from torch's global generator; a flow's ``state_dict`` keeps its orders.

    Args:
        input_dim: Number of features.
        num_layers: Number of layers.

    Raises:
        ValueError: If a size is not positive.

    Example:
        >>> [sorted(order) for order in random_orders(3, 2)]
        [[0, 1, 2], [0, 1, 2]]
    """
    check_input_dim(input_dim)
    check_input_dim(num_layers, what="num_layers")
    return [torch.randperm(input_dim).tolist() for _ in range(num_layers)]


def orders_of_layers(orders: Orders | None, input_dim: int, num_layers: int) -> list[Sequence[int]]:
    """Return the given orders, or the natural one and its reversal in turn.

    Raises:
        ValueError: If there are not as many orders as layers.
    """
    if orders is None:
        return list(reversed_orders(range(input_dim), num_layers))
    if len(orders) != num_layers:
        raise ValueError(
            f"Expected one order for each of the {num_layers} layers; got {len(orders)}. "
            "flows.reversed_orders and flows.random_orders make them."
        )
    return list(orders)
