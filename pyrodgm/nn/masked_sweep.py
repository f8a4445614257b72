"""Drawing a whole vector through a masked network, block by block."""

from collections.abc import Callable

import torch
from torch import Tensor

from pyrodgm.nn.masked_mlp import MaskedMLP

BLOCK = 64  # positions solved together: few and large products, and still few iterations a block


@torch.no_grad()
def masked_sweep(
    net: MaskedMLP, x: Tensor, draw: Callable[[Tensor, Tensor], Tensor], context: Tensor | None = None
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
    dim, num_params, batch_shape = net.input_dim, net.num_params, x.shape[:-1]
    order = net.order
    linears = net.linears
    # The blocks below keep to an order; only a graph needs its masks besides.
    weights = net.masked_weights() if net.adjacency is not None else [layer.weight for layer in linears]
    weights[0] = torch.index_select(weights[0], 1, order)
    biases = [layer.bias.unsqueeze(-1) for layer in linears]
    u = x.reshape(batch_shape.numel(), dim).t().index_select(0, order)  # (D, batch), in the order, as everything below
    if net.context_layer is not None and context is not None:
        biases[0] = (
            biases[0]
            + net.context_layer(context).expand(*batch_shape, len(weights[0])).reshape(-1, len(weights[0])).t()
        )
    rows = torch.arange(num_params * dim, device=order.device).view(num_params, dim).index_select(1, order)
    units = [torch.empty_like(u)] + [u.new_empty(layer.out_features, u.shape[1]) for layer in linears[:-1]]
    params = u.new_empty(num_params, dim, u.shape[1])
    degrees = [torch.arange(1, dim + 1, device=u.device)]
    degrees += [_degrees(counts).to(u.device) for counts in net.num_known]

    for first in range(0, dim, BLOCK):
        stop = min(first + BLOCK, dim)
        parts = []  # per layer: what earlier blocks contribute, and the weights within the block
        known, end = first, stop  # columns of earlier blocks, and the end of this one's
        for layer, counts in enumerate(net.num_known):
            begin, last = counts[first - 1] if first else 0, counts[stop - 1]
            within = degrees[layer + 1][begin:last, None] >= degrees[layer][known:end]
            parts.append(_part(weights[layer][begin:last], biases[layer][begin:last], units[layer], known, end, within))
            known, end = begin, last
        block_rows = rows[:, first:stop].reshape(-1)
        within = (degrees[0][first:stop, None] > degrees[-1][known:end]).repeat(num_params, 1)
        weight, bias = weights[-1].index_select(0, block_rows), biases[-1].index_select(0, block_rows)
        parts.append(_part(weight, bias, units[-1], known, end, within))

        value, layers = _solve_block(net, parts, u[first:stop], draw)
        units[0][first:stop] = value
        for layer, h in enumerate(layers[:-1]):
            begin = net.num_known[layer][first - 1] if first else 0
            units[layer + 1][begin : begin + len(h)] = h
        params[:, first:stop] = layers[-1].view(num_params, stop - first, -1)
    back = order.argsort()
    y = units[0].index_select(0, back).t().reshape(*batch_shape, dim)
    return y, params.index_select(1, back).permute(2, 1, 0).reshape(*batch_shape, dim, num_params)


def _degrees(num_known: list[int]) -> Tensor:
    """Return the degree of each unit of a layer, from how many have at most each degree."""
    edges = torch.tensor([0, *num_known])
    return torch.repeat_interleave(torch.arange(len(num_known)), edges.diff())


def _part(weight: Tensor, bias: Tensor, source: Tensor, known: int, end: int, within: Tensor) -> tuple[Tensor, Tensor]:
    return torch.addmm(bias, weight[:, :known], source[:known]), weight[:, known:end] * within


def _solve_block(
    net: MaskedMLP, parts: list[tuple[Tensor, Tensor]], u: Tensor, draw: Callable[[Tensor, Tensor], Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Return a block's values ``(block, batch)`` and the layers that they give, the last being the parameters."""

    def layers_of(value: Tensor) -> list[Tensor]:
        layers = [value]
        for index, (fixed, inside) in enumerate(parts):
            h = torch.addmm(fixed, inside, layers[-1])
            layers.append(net.activation(h) if index < len(parts) - 1 else h)
        return layers[1:]

    def drawn(params: Tensor) -> Tensor:
        return draw(u, params.view(net.num_params, len(u), -1).permute(1, 2, 0))

    value = drawn(parts[-1][0])  # as if the block's features did not see each other
    for _ in range(len(u)):
        layers = layers_of(value)
        new = drawn(layers[-1])
        if torch.equal(new, value):
            return value, layers
        value = new
    if not torch.isfinite(value).all():  # a guess overflowed on the way, and 0 * inf reached earlier features
        value = torch.zeros_like(u)
        for k in range(len(u)):
            value[k] = drawn(layers_of(value)[-1])[k]
    return value, layers_of(value)
