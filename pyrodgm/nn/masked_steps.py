"""Drawing a short vector through a masked network, feature by feature."""

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm.nn.masked_mlp import MaskedMLP


def masked_steps(
    net: MaskedMLP, x: Tensor, move: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], context: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    r"""Compute :math:`y_i, \ell_i = \mathrm{move}(x_i, \mathrm{net}(y_{<i}, c)_i)` for all features, with gradients.

    Each hidden unit is computed once, right after the last feature that it sees: the work of one pass in ``D`` thin
    slices. Of few features that is faster than :func:`~pyrodgm.nn.masked_sweep`, whose blocks first have to be cut and
    then iterated; and the graph is that of one pass, so gradients need no solution of a triangular system.

    Args:
        net: The network.
        x: What each feature is made from, ``(*batch, D)``.
        move: Values ``(*batch)`` and parameters ``(*batch, num_params)`` to values and log-derivatives ``(*batch)``.
        context: ``(*batch', context_dim)``, broadcast against ``batch``, or ``None``.

    Returns:
        ``y``, ``(*batch, D)``, and the sum of the log-derivatives, ``(*batch)``.
    """
    linears, shape, order = net.linears, x.shape[:-1], net.order.tolist()
    # Slices keep to the order; only a graph needs its masks besides.
    weights = net.masked_weights() if net.adjacency is not None else [layer.weight for layer in linears]
    weights[0] = weights[0].index_select(1, net.order)
    biases = [layer.bias for layer in linears]
    if net.context_layer is not None and context is not None:
        biases[0] = biases[0] + net.context_layer(context)
    blocks = []  # per hidden layer and position: the rows of the units that become known there
    for weight, bias, counts in zip(weights[:-1], biases[:-1], net.num_known, strict=True):
        sizes = [after - before for before, after in itertools.pairwise([0, *counts])]
        blocks.append(list(zip(weight.split(sizes), bias.split(sizes, -1), strict=True)))
    last = weights[-1].view(net.num_params, net.input_dim, -1).unbind(1)
    last_bias = biases[-1].view(net.num_params, net.input_dim).unbind(1)

    moved = list(x.unbind(-1))
    ladjs = []
    known: list[Tensor | None] = [None] * len(linears)  # the values so far, and each hidden layer's units
    for position, feature in enumerate(order):
        for layer, block in enumerate(blocks):
            if len(block[position][0]):
                units = net.activation(_rows(known[layer], *block[position], shape))
                known[layer + 1] = _grown(known[layer + 1], units)
        params = _rows(known[-1], last[feature], last_bias[feature], shape)
        moved[feature], ladj = move(moved[feature], params)
        ladjs.append(ladj)
        known[0] = _grown(known[0], moved[feature].unsqueeze(-1))
    return torch.stack(moved, -1), torch.stack(ladjs, -1).sum(-1)


def _rows(known: Tensor | None, weight: Tensor, bias: Tensor, shape: torch.Size) -> Tensor:
    if known is None:
        return bias.expand(*shape, len(weight)).clone()
    weight = weight[:, : known.shape[-1]]
    return F.linear(known, weight, bias) if bias.dim() == 1 else F.linear(known, weight) + bias


def _grown(known: Tensor | None, more: Tensor) -> Tensor:
    return more if known is None else torch.cat((known, more), -1)
