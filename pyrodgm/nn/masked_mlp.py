"""Masked multilayer perceptron (MADE): a causal network on vectors."""

import itertools
from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.adjacency import read_adjacency, topological_order
from pyrodgm.nn.masked_net import MaskedNet
from pyrodgm.nn.mlp import add_linear, check_dim, check_inputs, shrink
from pyrodgm.nn.order import along, read_order
from pyrodgm.nn.sorted_layers import SortedLayers
from pyrodgm.nn.staircase import Block, staircase, staircase_linear


class MaskedMLP(MaskedNet):
    r"""An MLP whose output for feature ``i`` sees only features earlier in ``order``, and the whole context.

    Hidden units have sorted degrees, spread evenly; a unit of degree ``d`` sees the first ``d`` features. Masks are
    multiplied in at each call and never written into the weights.

    Args:
        input_dim: Number :math:`D` of features.
        num_params: Number of outputs a feature.
        hidden_dims: Widths of the hidden layers; without any, each output is linear in the features before it.
        context_dim: Number of context features, seen by every output, the first one included.
        order: ``order[k]`` is the feature that comes ``k``-th; ``0 .. D-1`` by default.
        adjacency: A graph instead of an order, ``(D, D)`` of 0 and 1: feature ``i`` sees feature ``j`` where ``[i][j]``
            is 1, and no other. A hidden unit sees what some feature may see, and is read by whoever may see as much.
            The ``state_dict`` holds the graph, and one with another graph is not loaded.
        activation: Class of the activation.
        zero_init: Whether the last layer starts near zero, so that a flow starts near the identity.
        direct: Whether features also reach the outputs directly, past the hidden layers.

    Raises:
        ValueError: If a size is not positive, ``order`` is not a permutation, ``adjacency`` is no such matrix or has a
            cycle (which is named), or a hidden layer has fewer units than there are different rows of it; or if
            ``direct`` has no hidden layers to pass by.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.MaskedMLP(3, 2, context_dim=4)
        >>> net(torch.randn(7, 5, 3), torch.randn(5, 4)).shape
        torch.Size([7, 5, 3, 2])

    References:
        Germain, Gregor, Murray, Larochelle (2015), MADE, eq. 8-10 and section 4, https://arxiv.org/abs/1502.03509
    """

    order: Tensor
    adjacency: Tensor | None

    def __init__(
        self,
        input_dim: int,
        num_params: int,
        *,
        hidden_dims: Sequence[int] = (64, 64),
        context_dim: int = 0,
        order: Sequence[int] | Tensor | None = None,
        adjacency: Sequence[Sequence[int]] | Tensor | None = None,
        activation: type[nn.Module] = nn.ReLU,
        zero_init: bool = False,
        direct: bool = False,
    ) -> None:
        super().__init__()
        check_dim("input_dim", input_dim)
        check_dim("num_params", num_params)
        check_dim("context_dim", context_dim, 0)
        for width in hidden_dims:
            check_dim("hidden_dims", width)
        if direct and not hidden_dims:
            raise ValueError("Expected hidden layers with direct=True; got hidden_dims=(). Leave direct out.")
        graph = None if adjacency is None else read_adjacency(adjacency, input_dim)
        if graph is not None:
            if order is not None:
                raise ValueError("Expected order or adjacency; got both. A graph has an order of its own.")
            order = topological_order(graph)
        given = read_order(order, input_dim)
        self.input_dim, self.num_params, self.context_dim = input_dim, num_params, context_dim
        self.input_shape = self.grid_shape = (input_dim,)
        self.context_shape = (context_dim,) if context_dim else ()
        self.activation = activation(inplace=True) if activation is nn.ReLU else activation()
        self.register_buffer("order", given)
        self.register_buffer("adjacency", None if graph is None else graph.clone())

        # A unit of the lowest degree sees no feature: it is of use where the context or nothing feeds the first output.
        lowest = 0 if context_dim else 1
        if graph is None:
            self._sees = [
                even_degrees(input_dim, width, lowest)[:, None] > torch.arange(input_dim) for width in hidden_dims
            ]
        else:
            self._sees = [graph_units(graph[given][:, given], width) for width in hidden_dims]
        self._degrees = [degrees(sees) for sees in self._sees]
        self.num_known = [num_known(rising, input_dim) for rising in self._degrees]
        num_outputs = num_params * input_dim  # rows kind by kind: (num_params, input_dim)
        sizes = [input_dim, *hidden_dims, num_outputs]
        self.layers = nn.ModuleList(nn.Linear(below, above) for below, above in itertools.pairwise(sizes))
        self.context_layer = nn.Linear(context_dim, sizes[1], bias=False) if context_dim else None
        self.direct_layer = nn.Linear(input_dim, num_outputs, bias=False) if direct else None
        masks = self._masks()
        for name, mask in masks.items():
            self.register_buffer(name, mask.to(torch.get_default_dtype()), persistent=False)
        self._blocks = self._staircases(masks)
        self._mask_names = [f"mask_{index}" for index in range(len(self.layers))]
        if zero_init:
            last = [self.linears[-1], self.direct_layer, None if hidden_dims else self.context_layer]
            for layer in last:
                if layer is not None:
                    shrink(layer)

    @property
    def dependencies(self) -> Tensor:
        """Which features each feature sees, ``(input_dim, input_dim)``, boolean."""
        if self.adjacency is not None:
            return self.adjacency
        position = self.order.argsort()
        return position[:, None] > position

    def _masks(self) -> dict[str, Tensor]:
        order = self.order.cpu()
        outputs = self.dependencies.cpu()
        masks = [self._sees[0][:, order.argsort()]] if self._sees else []
        masks += [read_by(below, above) for below, above in itertools.pairwise(self._sees)]
        masks += [read_by(self._sees[-1], outputs[:, order]) if self._sees else outputs]
        masks[-1] = masks[-1].repeat(self.num_params, 1)
        named = {f"mask_{index}": mask for index, mask in enumerate(masks)}
        return named if self.direct_layer is None else named | {"direct_mask": outputs.repeat(self.num_params, 1)}

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        if self.adjacency is not None:
            check_graph(state_dict, prefix, self.adjacency, self.order)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        masks = self._masks()  # of the order that was loaded
        for name, mask in masks.items():
            self.get_buffer(name).copy_(mask)
        self._blocks = self._staircases(masks)

    def _staircases(self, masks: dict[str, Tensor]) -> list[list[Block]]:
        *hidden, last = [masks[f"mask_{index}"] for index in range(len(self.layers))]
        return [staircase(mask, 1) for mask in hidden] + [staircase(last, self.num_params)]

    @property
    def linears(self) -> list[nn.Linear]:
        """The layers, from the input to the output."""
        return cast(list[nn.Linear], list(self.layers))

    def masked_weights(self) -> list[Tensor]:
        """Return the weights of each layer, masked."""
        masks = [cast(Tensor, self._buffers[name]) for name in self._mask_names]
        return [layer.weight * mask for layer, mask in zip(self.linears, masks, strict=True)]

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(*batch, input_dim, num_params)`` of ``x``, ``(*batch, input_dim)``, in one pass."""
        if (context is None) != (self.context_dim == 0) or x.shape[-1:] != self.input_shape:
            check_inputs(self.input_dim, self.context_dim, x, context)
        if not x.is_floating_point():
            x = x.to(self.linears[0].weight.dtype)
        activation = torch.relu_ if isinstance(self.activation, nn.ReLU) else self.activation
        h = self._linear(0, x)
        if self.context_layer is not None and context is not None:
            h = add_linear(h, context, self.context_layer.weight)
        for index in range(1, len(self._mask_names)):
            h = self._linear(index, activation(h))
        if self.direct_layer is not None:
            h = add_linear(h, x, self.direct_layer.weight * self.get_buffer("direct_mask"))
        return h.view(*h.shape[:-1], self.num_params, self.input_dim).mT

    def _linear(self, index: int, h: Tensor) -> Tensor:
        layer, mask = self.linears[index], cast(Tensor, self._buffers[self._mask_names[index]])
        blocks = self._blocks[index]
        if blocks and not torch.is_grad_enabled():
            return staircase_linear(h, layer.weight, mask, layer.bias, blocks)
        return F.linear(h, layer.weight * mask, layer.bias)

    def sorted_layers(self) -> SortedLayers:
        """Return the layers with features in the order and hidden units sorted by degree."""
        is_graph = self.adjacency is not None  # slices keep to the order; only a graph needs its masks besides
        weights = self.masked_weights() if is_graph else [layer.weight for layer in self.linears]
        weights[0] = along(weights[0], self.order, 1)
        direct = None if self.direct_layer is None else self.direct_layer.weight
        if direct is not None:
            direct = along(direct * self.get_buffer("direct_mask") if is_graph else direct, self.order, 1)
        return SortedLayers(
            self.order,
            self.num_params,
            weights,
            [layer.bias for layer in self.linears],
            [rising.to(self.order.device) for rising in self._degrees],
            self.num_known,
            self.activation,
            None if self.context_layer is None else self.context_layer.weight,
            direct,
        )


def check_graph(state_dict: dict[str, Any], prefix: str, adjacency: Tensor, order: Tensor) -> None:
    """Refuse to load a network of another graph, whose hidden units see other features.

    Raises:
        ValueError: If the graph differs, or the order that was made of it.
    """
    for name, own in (("adjacency", adjacency), ("order", order)):
        given = state_dict.get(prefix + name)
        if given is not None and not torch.equal(given.to(own.device), own):
            raise ValueError(
                f"Expected a state dict with this network's {name}, {own.int().tolist()}; got {given.int().tolist()}. "
                "Build the network with the adjacency of what it loads."
            )


def even_degrees(input_dim: int, width: int, lowest: int) -> Tensor:
    """Return sorted degrees of so many units, spread evenly between the lowest and ``input_dim - 1``."""
    lowest = min(lowest, input_dim - 1)
    return torch.linspace(lowest, input_dim - 1, width).round().long()


def num_known(rising: Tensor, input_dim: int) -> list[int]:
    """Return how many units have a degree of at most 0, 1, ... ``input_dim - 1``; ``rising`` are sorted degrees."""
    return torch.bucketize(torch.arange(input_dim, device=rising.device), rising, right=True).tolist()  # type: ignore[no-any-return]


def degrees(sees: Tensor) -> Tensor:
    """Return how far into the order each unit sees, ``(num_units,)``; ``sees`` is ``(num_units, position)``."""
    return (sees * torch.arange(1, sees.shape[1] + 1)).amax(1)


def read_by(below: Tensor, above: Tensor) -> Tensor:
    """Return which units ``above`` may read which ``below``: those that see nothing beyond, ``(above, below)``."""
    beyond = below.float() @ (~above).float().t()  # (below, above): how many features below sees and above must not
    return beyond.t() == 0


def graph_units(graph: Tensor, width: int) -> Tensor:
    """Return what hidden units see, ``(width, position)``: the different rows of a graph, evenly, sorted by degree.

    Raises:
        ValueError: If there are fewer units than different rows.
    """
    rows = torch.unique(graph, dim=0)
    if width < len(rows):
        raise ValueError(
            f"Expected hidden_dims of at least {len(rows)}, the different rows of adjacency; got {width}. "
            "Give wider hidden layers."
        )
    rows = rows[degrees(rows).argsort(stable=True)]
    return rows[torch.arange(width) * len(rows) // width]
