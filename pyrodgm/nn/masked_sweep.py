"""Drawing a whole vector through a masked network, block by block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm.nn.causal import Draw, Track
from pyrodgm.nn.order import along
from pyrodgm.nn.sorted_layers import SortedLayers

if TYPE_CHECKING:
    from pyrodgm.nn.masked_net import MaskedNet

BLOCK = 64  # positions solved together: few and large products, and still few iterations a block

Part = tuple[Tensor, Tensor]  # what earlier blocks contribute to a layer, and its weights within the block


@torch.no_grad()
def masked_sweep(
    net: "MaskedNet", x: Tensor, draw: Callable[[Tensor, Tensor], Tensor], context: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    r"""Solve :math:`y_i = \mathrm{draw}(x_i, \mathrm{net}(y_{<i}, c)_i)` for all features, without gradients.

    Hidden units are sorted by degree, so the features of a block of positions depend on earlier blocks through one
    product a layer, made once, and on each other through a small triangular part. That part is iterated from the
    block's features at once until nothing changes: after ``k`` iterations the first ``k`` features of the block are
    final, so it ends after at most as many as the block has features, and mostly after five to ten. The result is
    that of the loop over all features, to rounding, at the cost of two or three passes of the network.

    Args:
        net: The network.
        x: What each feature is drawn from, ``(*batch, D)``.
        draw: Elementwise: values ``(*shape)`` and parameters ``(*shape, num_params)`` to values ``(*shape)``.
        context: ``(*batch, context_dim)`` or ``None``.

    Returns:
        ``y``, ``(*batch, D)``, and the parameters that drew it, ``(*batch, D, num_params)``.
    """
    layers, dim, batch_shape = net.sorted_layers(), net.input_dim, x.shape[:-1]
    u = x.reshape(batch_shape.numel(), dim).t()
    u = along(u, layers.order, 0)
    if context is not None:
        context = context.expand(*batch_shape, context.shape[-1]).reshape(-1, context.shape[-1])
    values, params = solve_in_blocks(layers, lambda params, u: draw(u, params), [u], context, block=BLOCK)
    back = layers.order.argsort()
    y = values.index_select(0, back).t().reshape(*batch_shape, dim)
    return y, params.index_select(1, back).permute(2, 1, 0).reshape(*batch_shape, dim, layers.num_params)


@torch.no_grad()
def solve_in_blocks(
    layers: SortedLayers,
    draw: Draw,
    sources: Sequence[Tensor],
    context: Tensor | None = None,
    track: Track = iter,
    *,
    block: int,
) -> tuple[Tensor, Tensor]:
    """Solve as :func:`masked_sweep` does, with everything in the order and the batch last.

    Args:
        layers: The network's.
        draw: Parameters ``(*lead, num_params)`` and sources ``(*lead, ...)`` to values ``(*lead)``.
        sources: Each ``(D, batch, ...)``.
        context: ``(batch, context_dim)`` or ``None``.
        track: Wraps the blocks.
        block: How many positions are solved together.

    Returns:
        Values, ``(D, batch)``, and parameters, ``(num_params, D, batch)``.
    """
    dim, num_params, batch = layers.input_dim, layers.num_params, sources[0].shape[1]
    weights, biases = layers.weights, [bias.unsqueeze(-1) for bias in layers.biases]
    device = weights[0].device
    if layers.context_weight is not None and context is not None:
        biases[0] = biases[0] + F.linear(context, layers.context_weight).t()
    out_weight, out_bias = (
        along(t.unflatten(0, (num_params, dim)), layers.order, 1) for t in (weights[-1], biases[-1])
    )
    direct_weight = None
    if layers.direct is not None:
        direct_weight = along(layers.direct.unflatten(0, (num_params, dim)), layers.order, 1)
    units = [weights[0].new_empty(width, batch) for width in (dim, *map(len, weights[:-1]))]
    params = weights[0].new_empty(num_params, dim, batch)
    degrees = [torch.arange(1, dim + 1, device=device), *layers.degrees]

    solved = []
    for first in track(range(0, dim, block)):
        stop = min(first + block, dim)
        hidden = []
        known, end = first, stop  # columns of earlier blocks, and the end of this one's
        for layer, counts in enumerate(layers.num_known):
            begin, last = counts[first - 1] if first else 0, counts[stop - 1]
            within = degrees[layer + 1][begin:last, None] >= degrees[layer][known:end]
            bias = biases[layer][begin:last]
            hidden.append(_part(weights[layer][begin:last], bias, units[layer], known, end, within))
            known, end = begin, last
        within = (degrees[0][first:stop, None] > degrees[-1][known:end]).repeat(num_params, 1)
        weight, bias = (t[:, first:stop].flatten(0, 1) for t in (out_weight, out_bias))
        outputs, direct = _part(weight, bias, units[-1], known, end, within), None
        if direct_weight is not None:
            within = (degrees[0][first:stop, None] > degrees[0][first:stop]).repeat(num_params, 1)
            weight = direct_weight[:, first:stop].flatten(0, 1)
            fixed, direct = _part(weight, outputs[0], units[0], first, stop, within)
            outputs = fixed, outputs[1]

        part = _Block(hidden, outputs, direct, layers.activation)
        value, *known_units, block_params = part.solve(draw, [source[first:stop] for source in sources], num_params)
        solved.append(value)
        units[0][first:stop] = value
        for layer, h in enumerate(known_units):
            begin = layers.num_known[layer][first - 1] if first else 0
            units[layer + 1][begin : begin + len(h)] = h
        params[:, first:stop] = block_params.view(num_params, stop - first, batch)
    return torch.cat(solved), params


def _part(weight: Tensor, bias: Tensor, source: Tensor, known: int, end: int, within: Tensor) -> Part:
    return torch.addmm(bias, weight[:, :known], source[:known]), weight[:, known:end] * within


@dataclass(frozen=True)
class _Block:
    """The triangular part of a network within a block, given what earlier blocks contribute."""

    hidden: list[Part]
    outputs: Part
    direct: Tensor | None
    activation: Callable[[Tensor], Tensor]

    def layers_of(self, value: Tensor) -> list[Tensor]:
        """Return the hidden units, and last the parameters, of a block's values ``(block, batch)``."""
        fixed, inside = self.outputs
        h = value = value.to(inside.dtype)
        units = []
        for before, weight in self.hidden:
            h = self.activation(torch.addmm(before, weight, h))
            units.append(h)
        params = torch.addmm(fixed, inside, h)
        return [*units, params if self.direct is None else params.addmm_(self.direct, value)]

    def solve(self, draw: Draw, sources: list[Tensor], num_params: int) -> list[Tensor]:
        """Return the block's values ``(block, batch)``, hidden units and parameters."""
        size = len(sources[0])

        def drawn(params: Tensor) -> Tensor:
            return draw(params.view(num_params, size, -1).permute(1, 2, 0), *sources)

        value = drawn(self.outputs[0])  # as if the block's features did not see each other
        for _ in range(size):
            layers = self.layers_of(value)
            new = drawn(layers[-1])
            if torch.equal(new, value):
                return [value, *layers]
            value = new
        if not torch.isfinite(value).all():  # a guess overflowed on the way, and 0 * inf reached earlier features
            value = torch.zeros_like(value)
            for k in range(size):
                value[k] = drawn(self.layers_of(value)[-1])[k]
        return [value, *self.layers_of(value)]
