"""Row LSTM and Diagonal BiLSTM as one writes them down from the paper, over the weights of ours, by autograd."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm.nn import DiagonalBiLSTM, RowLSTM
from pyrodgm.nn.conv_lstm import ConvLSTM
from pyrodgm.nn.pixel_rnn import PixelRNN, Widening


def plain_row_lstm(net: RowLSTM, x: Tensor) -> Tensor:
    """Return the parameters of images of one channel, ``(batch, 1, height, width, num_params)``."""
    h, radius = net.first(net.scaled(x)), net.radius
    for layer in net.row_layers:
        lstm = layer.lstm
        inputs = lstm.masked_weight().permute(1, 2, 0).unsqueeze(2)  # (gates, maps, 1, columns)
        gates = F.conv2d(F.pad(h, (radius, 0)), inputs, lstm.bias)
        states = cells = torch.zeros_like(gates[:, : lstm.num_states, 0])
        rows = []
        for row in gates.unbind(2):
            from_above = F.conv1d(states, lstm.state_weight.permute(1, 2, 0), padding=radius)
            states, cells = cell(row + from_above, cells)
            rows.append(states)
        h = h + widen(layer.widen, torch.stack(rows, 2))
    return outputs(net, h)


def plain_diagonal_bilstm(net: DiagonalBiLSTM, x: Tensor) -> Tensor:
    """Return the parameters of images of one channel, ``(batch, 1, height, width, num_params)``."""
    x = net.scaled(x)
    h = net.first(x)
    late = torch.cat((h, x), 1)
    for layer in net.diagonal_layers:
        left, right = along_diagonals(layer.left, h), along_diagonals(layer.right, late.flip(3)).flip(3)
        h = late = h + widen(layer.widen, left + F.pad(right[:, :, :-1], (0, 0, 1, 0)))
    return outputs(net, h)


def along_diagonals(lstm: ConvLSTM, x: Tensor) -> Tensor:
    """Return the states from the upper left corner; a diagonal is a column of maps that are skewed."""
    gates = skew(F.conv2d(x, lstm.masked_weight()[0, :, :, None, None], lstm.bias))
    inside = skew(torch.ones_like(x[:1, :1]))
    states = cells = torch.zeros_like(gates[:, : lstm.num_states, :, 0])
    columns = []
    for column, mask in zip(gates.unbind(3), inside.unbind(3), strict=True):
        from_before = F.conv1d(F.pad(states, (1, 0)), lstm.state_weight.permute(1, 2, 0))
        states, cells = (tensor * mask for tensor in cell(column + from_before, cells))
        columns.append(states)
    return unskew(torch.stack(columns, 3), x.shape[3])


def cell(gates: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """Return new states and cells, of ``(batch, 4 * num_states, length)``."""
    o, f, i, g = gates.chunk(4, 1)
    cells = f.sigmoid() * cells + i.sigmoid() * g.tanh()
    return o.sigmoid() * cells.tanh(), cells


def skew(x: Tensor) -> Tensor:
    """Move each row one column further on than the one above, ``(batch, maps, height, height + width - 1)``."""
    height, width = x.shape[2:]
    return F.pad(x, (0, height)).flatten(2)[..., :-height].unflatten(2, (height, height + width - 1))


def unskew(x: Tensor, width: int) -> Tensor:
    """Move rows back."""
    height = x.shape[2]
    return F.pad(x.flatten(2), (0, height)).unflatten(2, (height, height + width))[..., :width]


def widen(layer: Widening, states: Tensor) -> Tensor:
    """Return the states widened."""
    return F.conv2d(states, layer.masked_weight()[:, :, None, None])


def outputs(net: PixelRNN, h: Tensor) -> Tensor:
    """Return what the last two layers make of the maps."""
    params: Tensor = net.last(net.hidden(h.relu()).relu())
    return params.movedim(1, -1).unsqueeze(1)
