"""Masked multilayer perceptron (MADE): a causal network on vectors, with a stepper."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.adjacency import read_adjacency, topological_order
from pyrodgm.nn.causal import CausalNet
from pyrodgm.nn.mlp import add_linear, check_dim, check_inputs, shrink
from pyrodgm.nn.staircase import Block, staircase, staircase_linear


class MaskedMLP(CausalNet):
    r"""An MLP whose output for feature ``i`` sees only features earlier in ``order``, and the whole context.

    Hidden units have sorted degrees, spread evenly; a unit of degree ``d`` sees the first ``d`` features. Masks are
    multiplied in at each call and never written into the weights.

    Args:
        input_dim: Number :math:`D` of features.
        num_params: Number of outputs a feature.
        hidden_dims: Widths of the hidden layers.
        context_dim: Number of context features, seen by every output, the first one included.
        order: ``order[k]`` is the feature that comes ``k``-th; ``0 .. D-1`` by default.
        adjacency: A graph instead of an order, ``(D, D)`` of 0 and 1: feature ``i`` sees feature ``j`` where ``[i][j]``
            is 1, and no other. A hidden unit sees what some feature may see, and is read by whoever may see as much.
        activation: Class of the activation.
        zero_init: Whether the last layer starts near zero, so that a flow starts near the identity.

    Raises:
        ValueError: If a size is not positive, ``order`` is not a permutation, ``adjacency`` is no such matrix or has a
            cycle (which is named), or a hidden layer has fewer units than there are different rows of it.

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
    ) -> None:
        super().__init__()
        check_dim("input_dim", input_dim)
        check_dim("num_params", num_params)
        check_dim("context_dim", context_dim, 0)
        for width in hidden_dims:
            check_dim("hidden_dims", width)
        if not hidden_dims:
            raise ValueError("Expected at least one hidden layer; got hidden_dims=(). Give their widths.")
        graph = None if adjacency is None else read_adjacency(adjacency, input_dim)
        if graph is not None:
            if order is not None:
                raise ValueError("Expected order or adjacency; got both. A graph has an order of its own.")
            order = topological_order(graph)
        given = torch.arange(input_dim) if order is None else torch.as_tensor(order)
        if given.is_floating_point() or sorted(given.tolist()) != list(range(input_dim)):
            raise ValueError(
                f"Expected order to hold each of 0 .. {input_dim - 1} once; got {given.tolist()}. "
                "order[k] is the feature that comes k-th."
            )
        self.input_dim, self.num_params, self.context_dim = input_dim, num_params, context_dim
        self.input_shape = self.grid_shape = (input_dim,)
        self.context_shape = (context_dim,) if context_dim else ()
        self.activation = activation(inplace=True) if activation is nn.ReLU else activation()
        self.register_buffer("order", given.long())
        self.adjacency = graph

        # A unit of the lowest degree sees no feature: it is of use where the context or nothing feeds the first output.
        lowest = 0 if context_dim or input_dim == 1 else 1
        if graph is None:
            self._sees = [
                torch.linspace(lowest, max(input_dim - 1, lowest), width).round().long()[:, None]
                > torch.arange(input_dim)
                for width in hidden_dims
            ]
        else:
            self._sees = [graph_units(graph[given][:, given], width) for width in hidden_dims]
        self.num_known = [  # num_known[l][d]: how many units of layer l + 1 have a degree of at most d
            torch.bucketize(torch.arange(input_dim), degrees(sees), right=True).tolist() for sees in self._sees
        ]
        sizes = [input_dim, *hidden_dims]
        self.layers = nn.ModuleList(nn.Linear(below, above) for below, above in itertools.pairwise(sizes))
        self.layers.append(nn.Linear(sizes[-1], num_params * input_dim))  # kind by kind: (num_params, input_dim) rows
        self.context_layer = nn.Linear(context_dim, sizes[1], bias=False) if context_dim else None
        masks = self._masks()
        for index, mask in enumerate(masks):
            self.register_buffer(f"mask_{index}", mask.to(torch.get_default_dtype()), persistent=False)
        self._blocks = self._staircases(masks)
        self._mask_names = [f"mask_{index}" for index in range(len(self.layers))]
        if zero_init:
            shrink(self.linears[-1])

    @property
    def dependencies(self) -> Tensor:
        """Which features each feature sees, ``(input_dim, input_dim)``, boolean."""
        if self.adjacency is not None:
            return self.adjacency.to(self.order.device)
        position = self.order.argsort()
        return position[:, None] > position

    def _masks(self) -> list[Tensor]:
        order = self.order.cpu()
        masks = [self._sees[0][:, order.argsort()]]
        masks += [read_by(below, above) for below, above in itertools.pairwise(self._sees)]
        outputs = self.dependencies.cpu()[:, order]  # (feature, position)
        return [*masks, read_by(self._sees[-1], outputs).repeat(self.num_params, 1)]

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        masks = self._masks()  # of the order that was loaded
        for index, mask in enumerate(masks):
            self.get_buffer(f"mask_{index}").copy_(mask)
        self._blocks = self._staircases(masks)

    def _staircases(self, masks: list[Tensor]) -> list[list[Block]]:
        return [staircase(mask, 1) for mask in masks[:-1]] + [staircase(masks[-1], self.num_params)]

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
        if (context is None) != (self.context_dim == 0):
            check_inputs(self.input_dim, self.context_dim, x, context)
        activation = torch.relu_ if isinstance(self.activation, nn.ReLU) else self.activation
        h = self._linear(0, x)
        if self.context_layer is not None and context is not None:
            h = add_linear(h, context, self.context_layer.weight)
        for index in range(1, len(self._mask_names)):
            h = self._linear(index, activation(h))
        return h.view(*h.shape[:-1], self.num_params, self.input_dim).mT

    def _linear(self, index: int, h: Tensor) -> Tensor:
        layer, mask = self.linears[index], cast(Tensor, self._buffers[self._mask_names[index]])
        blocks = self._blocks[index]
        if blocks and not torch.is_grad_enabled():
            return staircase_linear(h, layer.weight, mask, layer.bias, blocks)
        return F.linear(h, layer.weight * mask, layer.bias)

    def stepper(self, batch_shape: Sequence[int], context: Tensor | None = None) -> "MaskedStepper":
        """Return what computes the same outputs feature by feature, each hidden unit once.

        Args:
            batch_shape: Shape of the batch to draw.
            context: ``(*batch', context_dim)``, broadcast against ``batch_shape``.
        """
        return MaskedStepper(self, batch_shape, context)


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


class MaskedStepper:
    """One sweep through a :class:`MaskedMLP` in its order; called first with ``None``, then with each value drawn.

    Position ``k`` needs only the units of degree ``k`` beyond those that are known, and sorted degrees make these one
    block of rows. Tensors are laid out (unit, batch), so that each block is one thin product on contiguous memory;
    the blocks are cut once, since in so small products a slice costs as much as arithmetic. No graph is recorded.
    """

    @torch.no_grad()
    def __init__(self, net: MaskedMLP, batch_shape: Sequence[int], context: Tensor | None) -> None:
        self.batch_shape = torch.Size(batch_shape)
        self.num_known = net.num_known
        self.activation: Callable[[Tensor], Tensor] = net.activation
        if isinstance(net.activation, nn.ReLU):
            self.activation = torch.relu_  # a module's call costs as much as this
        self.position = 0
        batch, input_dim, num_params = self.batch_shape.numel(), net.input_dim, net.num_params
        weights, biases = net.masked_weights(), [layer.bias.detach() for layer in net.linears]
        weights[0] = weights[0][:, net.order].contiguous()
        rows = torch.arange(num_params * input_dim, device=net.order.device).view(num_params, input_dim)
        rows = rows[:, net.order].t().reshape(-1)  # the parameters of one feature together, in the order
        weights[-1], biases[-1] = weights[-1][rows], biases[-1][rows]
        biases = [bias.unsqueeze(-1) for bias in biases]
        if net.context_layer is not None and context is not None:
            width = len(weights[0])
            projected = net.context_layer(context).expand(*self.batch_shape, width).reshape(batch, width)
            biases[0] = biases[0] + projected.t()
        self.known = [weights[0].new_empty(width, batch) for width in (input_dim, *map(len, weights))]
        self.drawn = self.known[0].unbind(0)
        sizes = [[after - before for before, after in zip([0, *c[:-1]], c, strict=True)] for c in net.num_known]
        sizes.append([num_params] * input_dim)
        # blocks[layer][k]: the rows of bias, weight and units that position k computes
        self.blocks = [
            list(zip(*(tensor[: sum(size)].split(size) for tensor in tensors), strict=True))
            for size, *tensors in zip(sizes, biases, weights, self.known[1:], strict=True)
        ]

    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the value just drawn, ``(*batch)``, and return the next feature's ``(*batch, num_params)``."""
        k = self.position
        if value is not None:
            self.drawn[k - 1].copy_(value.detach().reshape(-1))
        num_known = k
        for layer, counts in enumerate(self.num_known):
            bias, weight, units = self.blocks[layer][k]
            if len(units):
                torch.addmm(bias, weight.narrow(1, 0, num_known), self.known[layer].narrow(0, 0, num_known), out=units)
                active = self.activation(units)
                if active is not units:
                    units.copy_(active)
            num_known = counts[k]
        bias, weight, params = self.blocks[-1][k]
        torch.addmm(bias, weight.narrow(1, 0, num_known), self.known[-2].narrow(0, 0, num_known), out=params)
        self.position += 1
        return params.t() if len(self.batch_shape) == 1 else params.t().reshape(*self.batch_shape, len(params))
