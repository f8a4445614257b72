"""Masked multilayer perceptrons of several orders and connectivities, with one set of weights."""

import itertools
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.masked_mlp import even_degrees, num_known
from pyrodgm.nn.masked_net import MaskedNet
from pyrodgm.nn.mlp import add_linear, check_dim, check_inputs
from pyrodgm.nn.sorted_layers import SortedLayers

NUM_EVALUATED = 8  # orders that are kept where training takes a new one at each call


class MaskedEnsemble(nn.Module):
    r"""The weights of many masked networks: a member has an order of the features and degrees of the hidden units.

    A unit of degree ``d`` sees the first ``d`` features of the member's order. Each set of degrees is the evenly
    spread one, dealt to the units anew, so that every member has units of each degree. Orders and degrees come from
    torch's global generator and are kept in the ``state_dict``; masks are multiplied in at each call and never written
    into the weights.

    Args:
        input_dim: Number :math:`D` of features.
        num_params: Number of outputs a feature.
        hidden_dims: Widths of the hidden layers.
        context_dim: Number of context features, seen by every output, the first one included.
        num_orders: Number of orders, the natural one first; ``None`` for a new one at every :meth:`draw`, and eight
            that are members.
        num_masks: Number of sets of degrees, each combined with each order.
        direct: Whether features also reach the outputs directly, past the hidden layers.
        activation: Class of the activation.

    Raises:
        ValueError: If a size is not positive, or there is no hidden layer.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> nets = nn.MaskedEnsemble(6, 1, hidden_dims=(32,), num_orders=3, num_masks=2)
        >>> nets.num_members, nets.member(5)(torch.zeros(7, 6)).shape
        (6, torch.Size([7, 6, 1]))

    References:
        Germain, Gregor, Murray, Larochelle (2015), MADE, sections 4.2-4.3, https://arxiv.org/abs/1502.03509
    """

    orders: Tensor

    def __init__(
        self,
        input_dim: int,
        num_params: int,
        *,
        hidden_dims: Sequence[int] = (64, 64),
        context_dim: int = 0,
        num_orders: int | None = 1,
        num_masks: int = 1,
        direct: bool = False,
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        self.input_dim = check_dim("input_dim", input_dim)
        self.num_params = check_dim("num_params", num_params)
        self.context_dim = check_dim("context_dim", context_dim, 0)
        self.num_masks = check_dim("num_masks", num_masks)
        self.any_order = num_orders is None
        num = NUM_EVALUATED if num_orders is None else check_dim("num_orders", num_orders)
        widths = [check_dim("hidden_dims", width) for width in hidden_dims]
        if not widths:
            raise ValueError("Expected at least one hidden layer; got hidden_dims=(). Give their widths.")
        self.context_shape = (context_dim,) if context_dim else ()
        self.activation = activation(inplace=True) if activation is nn.ReLU else activation()

        orders = [torch.arange(input_dim), *(torch.randperm(input_dim) for _ in range(num - 1))]
        self.register_buffer("orders", torch.stack(orders))  # (num_orders, input_dim)
        self.num_hidden = len(widths)
        for layer, width in enumerate(widths):
            even = even_degrees(input_dim, width, 0 if context_dim else 1)
            degrees = [even, *(even[torch.randperm(width)] for _ in range(num_masks - 1))]
            self.register_buffer(f"degrees_{layer}", torch.stack(degrees))  # (num_masks, width)
        num_outputs = num_params * input_dim  # rows kind by kind: (num_params, input_dim)
        sizes = [input_dim, *widths, num_outputs]
        self.layers = nn.ModuleList(nn.Linear(below, above) for below, above in itertools.pairwise(sizes))
        self.context_layer = nn.Linear(context_dim, widths[0], bias=False) if context_dim else None
        self.direct_layer = nn.Linear(input_dim, num_outputs, bias=False) if direct else None

    @property
    def num_members(self) -> int:
        """Number of orders times number of masks."""
        return len(self.orders) * self.num_masks

    @property
    def linears(self) -> list[nn.Linear]:
        """The layers, from the input to the output."""
        return cast(list[nn.Linear], list(self.layers))

    def member(self, index: int) -> "EnsembleMember":
        """Return a member, ``0 <= index < num_members``; masks vary fastest."""
        order, mask = divmod(index, self.num_masks)
        return EnsembleMember(self, self.orders[order], mask)

    def draw(self) -> "EnsembleMember":
        """Draw a member, with torch's global generator: one of all, or with an order of its own."""
        if not self.any_order:
            return self.member(int(torch.randint(self.num_members, ())))
        mask = int(torch.randint(self.num_masks, ()))
        return EnsembleMember(self, torch.randperm(self.input_dim).to(self.orders.device), mask)

    def fitting(self, observed: Tensor) -> "list[EnsembleMember]":
        """Return the members in whose order the observed features come first.

        Where every order is trained, these are all members, with the observed features moved to the front.

        Args:
            observed: ``(input_dim,)``, boolean.
        """
        seen = observed[self.orders]  # (num_orders, input_dim), in each order
        orders = self.orders
        if self.any_order:
            orders = orders.gather(1, (~seen).int().argsort(dim=1, stable=True))
        else:
            orders = orders[~(seen[:, 1:] & ~seen[:, :-1]).any(1)]
        return [EnsembleMember(self, order, mask) for order in orders for mask in range(self.num_masks)]


class EnsembleMember(MaskedNet):
    """One order and one set of degrees of a :class:`MaskedEnsemble`: a causal network with the ensemble's weights.

    Args:
        ensemble: Whose weights these are.
        order: ``(D,)``; ``order[k]`` is the feature that comes ``k``-th.
        mask: Which set of degrees.
    """

    def __init__(self, ensemble: MaskedEnsemble, order: Tensor, mask: int) -> None:
        super().__init__()
        self.ensemble = ensemble
        self.order = order
        self.mask = mask
        self.input_dim, self.num_params = ensemble.input_dim, ensemble.num_params
        self.context_dim, self.context_shape = ensemble.context_dim, ensemble.context_shape
        self.grid_shape = self.input_shape = (ensemble.input_dim,)

    @property
    def owner(self) -> MaskedEnsemble:
        """The ensemble."""
        return self.ensemble

    @property
    def degrees(self) -> list[Tensor]:
        """How many features each hidden unit sees, ``(width,)`` a layer."""
        buffers = self.ensemble.get_buffer
        return [buffers(f"degrees_{layer}")[self.mask] for layer in range(self.ensemble.num_hidden)]

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(*batch, input_dim, num_params)`` of ``x``, ``(*batch, input_dim)``, in one pass."""
        shared = self.ensemble
        if (context is None) != (self.context_dim == 0) or x.shape[-1:] != self.input_shape:
            check_inputs(self.input_dim, self.context_dim, x, context)
        position = self.order.argsort()
        inputs, outputs = position + 1, position.repeat(self.num_params)  # what a feature needs; what an output sees
        levels = [inputs, *self.degrees, outputs]
        h = x = x if x.is_floating_point() else x.to(shared.linears[0].weight.dtype)
        for index, (layer, (below, above)) in enumerate(zip(shared.linears, itertools.pairwise(levels), strict=True)):
            h = F.linear(shared.activation(h) if index else h, masked(layer.weight, below, above), layer.bias)
            if index == 0 and shared.context_layer is not None and context is not None:
                h = add_linear(h, context, shared.context_layer.weight)
        if shared.direct_layer is not None:
            h = add_linear(h, x, masked(shared.direct_layer.weight, inputs, outputs))
        return h.view(*h.shape[:-1], self.num_params, self.input_dim).mT

    def sorted_layers(self) -> SortedLayers:
        """Return the layers with features in the order and hidden units sorted by degree."""
        shared, order = self.ensemble, self.order
        ranks = [degrees.argsort(stable=True) for degrees in self.degrees]
        rising = [degrees[rank] for degrees, rank in zip(self.degrees, ranks, strict=True)]
        weights, biases = [], []
        for layer, below, above in zip(shared.linears, [order, *ranks], [*ranks, None], strict=True):
            weight = layer.weight.index_select(1, below)
            weights.append(weight if above is None else weight.index_select(0, above))
            biases.append(layer.bias if above is None else layer.bias.index_select(0, above))
        known = [num_known(one, self.input_dim) for one in rising]
        context_weight = None if shared.context_layer is None else shared.context_layer.weight.index_select(0, ranks[0])
        direct = None
        if shared.direct_layer is not None:
            direct = shared.direct_layer.weight.index_select(1, order)
        return SortedLayers(
            order, self.num_params, weights, biases, rising, known, shared.activation, context_weight, direct
        )


def masked(weight: Tensor, below: Tensor, above: Tensor) -> Tensor:
    """Return a weight ``(above, below)`` without what joins a unit to one that sees less than the other needs."""
    dtype = torch.promote_types(weight.dtype, torch.float32)  # half of the precision could not tell degrees apart
    # Of whole numbers this is 1 where above >= below, else 0, and faster than a comparison.
    mask = torch.sub(above.to(dtype).add_(1).unsqueeze(1), below.to(dtype)).clamp_(0, 1)
    return weight * mask.to(weight.dtype)
