"""Convolutional LSTMs over a map, a row or a diagonal at a time, with gradients written out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Tap(NamedTuple):
    """One matrix of a convolution along a step: it reads so many neighbours and writes as many.

    Attributes:
        weight: Which matrix.
        to: The first position that it writes, counted within the step.
        source: The first that it reads, counted within the step that is read.
        num: How many.
    """

    weight: int
    to: int
    source: int
    num: int


class Step(NamedTuple):
    """Positions that are computed together.

    Attributes:
        num: How many.
        inputs: What they read of the input, at positions of the same step; the first tap reads each its own.
        states: What they read of the states of the step before.
        cells: Whose cells, of the step before, they go on with: at most one tap.
    """

    num: int
    inputs: list[Tap]
    states: list[Tap]
    cells: list[Tap]


class Kept(NamedTuple):
    """What a step computes, each ``(..., num_positions * batch)``."""

    gates: Tensor
    cells: Tensor
    tanh: Tensor
    states: Tensor


def offset_tap(weight: int, offset: int, num: int, num_source: int) -> list[Tap]:
    """Return what reads position ``p + offset`` at position ``p``, as far as there is one."""
    to = max(0, -offset)
    length = min(num, num_source - offset) - to
    return [Tap(weight, to, to + offset, length)] if length > 0 else []


def lstm_scan(
    x: Tensor,
    input_weights: Tensor,
    state_weights: Tensor,
    bias: Tensor,
    steps: Sequence[Step],
    places: Tensor | None = None,
) -> Tensor:
    r"""Compute the states of an LSTM whose gates are convolutions along each step, one step after the other.

    .. math::
        o, f, i = \sigma(\cdot), \; g = \tanh(\cdot) \;\text{of}\; K^{ss} * h_{t-1} + K^{is} * x_t + b, \quad
        c_t = f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh c_t

    All products of a step gather in one block of memory, and so do those of its gradients, which are written out:
    layers of single operations and autograd take 1.6 (rows) to 2.7 times (diagonals) as long to train. There are no
    second derivatives, nor any of the transforms of :mod:`torch.func`.

    Args:
        x: ``(num_inputs, num_positions, batch)``.
        input_weights: :math:`K^{is}`, ``(num_taps, 4 * num_states, num_inputs)``, rows in the order o, f, i, g.
        state_weights: :math:`K^{ss}`, ``(num_taps, 4 * num_states, num_states)``.
        bias: :math:`b`, broadcast against ``(4 * num_states, num_positions, batch)``.
        steps: Which positions are computed together, and what they read.
        places: ``(num_positions,)``, where the positions of the first step stand in the map, then those of the second,
            and so on; in this order already if ``None``.

    Returns:
        :math:`h`, ``(num_states, num_positions, batch)``.

    References:
        van den Oord, Kalchbrenner, Kavukcuoglu (2016), Pixel Recurrent Neural Networks, eq. 3,
        https://arxiv.org/abs/1601.06759
    """
    x = x.to(state_weights.dtype)  # under autocast it is of another; the scan itself keeps to that of the weights
    if bias.shape[1:] != (1, 1):
        bias = bias.expand(-1, *x.shape[1:])
        bias = bias if places is None else bias.index_select(1, places)
    given = (x, input_weights, state_weights, bias.flatten(1), steps, places)
    with torch.autocast(x.device.type, enabled=False):
        if torch.is_grad_enabled():
            return _Scan.apply(*given)  # type: ignore[no-any-return, no-untyped-call]
        return _scan(*given, None)


def add_products(out: Tensor, weights: Sequence[Tensor], taps: Sequence[Tap], source: Tensor, batch: int) -> None:
    """Add the products of all taps to ``out``, ``(num_out, num_positions * batch)``, in place."""
    for weight, to, begin, num in taps:
        part(out, to, num, batch).addmm_(weights[weight], part(source, begin, num, batch))


def part(block: Tensor, begin: int, num: int, batch: int) -> Tensor:
    """Return some positions of a block ``(size, num_positions * batch)``."""
    return block if num * batch == block.shape[1] else block.narrow(1, begin * batch, num * batch)


def in_order(x: Tensor, places: Tensor | None) -> Tensor:
    """Return a map ``(size, num_positions, batch)`` in the order of the steps, ``(size, num_positions * batch)``."""
    return (x if places is None else x.index_select(1, places)).flatten(1)


def in_place(x: Tensor, places: Tensor | None, shape: Sequence[int]) -> Tensor:
    """Undo :func:`in_order`, to maps of shape ``(num_positions, batch)``."""
    x = x.unflatten(1, shape)
    return x if places is None else x.index_select(1, places.argsort())


def _scan(
    x: Tensor,
    inputs: Tensor,
    states: Tensor,
    bias: Tensor,
    steps: Sequence[Step],
    places: Tensor | None,
    record: list[Kept] | None,
) -> Tensor:
    batch, sizes = x.shape[2], [step.num * x.shape[2] for step in steps]
    out = x.new_empty(states.shape[2], x.shape[1] * batch)
    biases = [bias] * len(steps) if bias.shape[1] == 1 else bias.split(sizes, 1)
    input_weights, state_weights = inputs.unbind(), states.unbind()
    before: Kept | None = None
    for step, block, b, h in zip(steps, in_order(x, places).split(sizes, 1), biases, out.split(sizes, 1), strict=True):
        own, *others = step.inputs
        gates = torch.addmm(b, input_weights[own.weight], block)
        add_products(gates, input_weights, others, block, batch)
        if before is not None:
            add_products(gates, state_weights, step.states, before.states, batch)
        before = _cell(gates, before, step.cells, h, batch)
        if record is not None:
            record.append(before)
    return in_place(out, places, x.shape[1:])


def _cell(gates: Tensor, before: Kept | None, taps: Sequence[Tap], h: Tensor, batch: int) -> Kept:
    """Compute cells, and states into ``h``; gates become what they are after their nonlinearities."""
    size = len(h)
    o, f, i, g = gates.split(size)
    gates[: 3 * size].sigmoid_()
    cells = i * g.tanh_()
    if before is not None:
        for _, to, begin, num in taps:
            part(cells, to, num, batch).addcmul_(part(f, to, num, batch), part(before.cells, begin, num, batch))
    tanh = cells.tanh()
    return Kept(gates, cells, tanh, torch.mul(o, tanh, out=h))


class _Scan(torch.autograd.Function):
    """The scan; it keeps what each step computes, and goes back through the steps."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        inputs: Tensor,
        states: Tensor,
        bias: Tensor,
        steps: Sequence[Step],
        places: Tensor | None,
    ) -> Tensor:
        record: list[Kept] = []
        out = _scan(x, inputs, states, bias, steps, places, record)
        ctx.save_for_backward(x, inputs, states, bias, places, *(tensor for kept in record for tensor in kept))
        ctx.steps = steps
        return out

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, inputs, states, bias, places, *flat = ctx.saved_tensors
        batch, sizes = x.shape[2], [step.num * x.shape[2] for step in ctx.steps]
        record = [Kept(*flat[k : k + 4]) for k in range(0, len(flat), 4)]
        xs, grads = (in_order(maps, places).split(sizes, 1) for maps in (x, grad))
        dx, dinputs, dstates, dbias = (torch.zeros_like(tensor) for tensor in (x.flatten(1), inputs, states, bias))
        dxs, dbiases = dx.split(sizes, 1), None if bias.shape[1] == 1 else dbias.split(sizes, 1)
        dh = dc = None  # what the step after sends back
        for t in range(len(sizes) - 1, -1, -1):
            step, kept, before = ctx.steps[t], record[t], record[t - 1] if t else None
            dh = grads[t] if dh is None else dh.add_(grads[t])
            d, dc = _cell_backward(dh, dc, kept, before, step.cells, batch)
            if dbiases is None:
                dbias += d.sum(1, keepdim=True)
            else:
                dbiases[t].copy_(d)
            _products_backward(d, inputs, step.inputs, xs[t], dxs[t], dinputs, batch)
            if before is not None:
                dh = torch.zeros_like(before.cells)
                _products_backward(d, states, step.states, before.states, dh, dstates, batch)
        return in_place(dx, places, x.shape[1:]), dinputs, dstates, dbias, None, None


def _cell_backward(
    dh: Tensor, dc: Tensor | None, kept: Kept, before: Kept | None, taps: Sequence[Tap], batch: int
) -> tuple[Tensor, Tensor | None]:
    """Return the gradients to the gates before their nonlinearities, and to the cells of the step before."""
    size = len(dh)
    o, f, i, g = kept.gates.split(size)
    d = torch.empty_like(kept.gates)
    do, df, di, dg = d.split(size)
    from_states = torch.ops.aten.tanh_backward(torch.mul(dh, o, out=do), kept.tanh)
    dc = from_states if dc is None else from_states.add_(dc)
    torch.mul(dh, kept.tanh, out=do)
    torch.mul(dc, g, out=di)
    torch.mul(dc, i, out=dg)
    df.zero_()
    back = None
    if before is not None:
        back = torch.zeros_like(before.cells)
        for _, to, begin, num in taps:
            here = part(dc, to, num, batch)
            torch.mul(here, part(before.cells, begin, num, batch), out=part(df, to, num, batch))
            torch.mul(here, part(f, to, num, batch), out=part(back, begin, num, batch))
    gated, gates = d[: 3 * size], kept.gates[: 3 * size]
    torch.ops.aten.sigmoid_backward.grad_input(gated, gates, grad_input=gated)
    torch.ops.aten.tanh_backward.grad_input(dg, g, grad_input=dg)
    return d, back


def _products_backward(
    d: Tensor, weights: Tensor, taps: Sequence[Tap], source: Tensor, dsource: Tensor, dweights: Tensor, batch: int
) -> None:
    """Add the gradients of :func:`add_products` to those of its source and of the weights."""
    for weight, to, begin, num in taps:
        here = part(d, to, num, batch)
        dweights[weight].addmm_(here, part(source, begin, num, batch).t())
        part(dsource, begin, num, batch).addmm_(weights[weight].t(), here)
