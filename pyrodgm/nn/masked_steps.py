"""Drawing a short vector through a masked network, feature by feature."""

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm.nn.masked_net import MaskedNet


def masked_steps(
    net: MaskedNet, x: Tensor, move: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], context: Tensor | None = None
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
    layers, shape, order = net.sorted_layers(), x.shape[:-1], net.order.tolist()
    dim, num_params, biases = net.input_dim, net.num_params, list(layers.biases)
    if layers.context_weight is not None and context is not None:
        biases[0] = biases[0] + F.linear(context, layers.context_weight)
    blocks = []  # per hidden layer and position: the rows of the units that become known there
    for weight, bias, counts in zip(layers.weights[:-1], biases[:-1], layers.num_known, strict=True):
        sizes = [after - before for before, after in itertools.pairwise([0, *counts])]
        blocks.append(list(zip(weight.split(sizes), bias.split(sizes, -1), strict=True)))
    last = layers.weights[-1].unflatten(0, (num_params, dim)).unbind(1)
    last_bias = biases[-1].unflatten(-1, (num_params, dim)).unbind(-1)
    direct = None if layers.direct is None else layers.direct.unflatten(0, (num_params, dim)).unbind(1)

    moved = list(x.unbind(-1))
    ladjs = []
    known: list[Tensor | None] = [None] * len(biases)  # the values so far, and each hidden layer's units
    for position, feature in enumerate(order):
        for layer, block in enumerate(blocks):
            if len(block[position][0]):
                units = layers.activation(_rows(known[layer], *block[position], shape))
                known[layer + 1] = _grown(known[layer + 1], units)
        params = _rows(known[-1], last[feature], last_bias[feature], shape)
        if direct is not None and position:
            params = _rows(known[0], direct[feature], params, shape)
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
