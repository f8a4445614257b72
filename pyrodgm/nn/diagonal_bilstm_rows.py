"""What a Diagonal BiLSTM knows of a row of pixels before the first of them is drawn."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pyrodgm.nn.pixel_rnn_part import gates_by_part

if TYPE_CHECKING:
    from pyrodgm.nn.diagonal_bilstm import DiagonalBiLSTM


class DiagonalRows:
    r"""Goes down the images row by row, with all layers and columns at once.

    Known beforehand are what the first convolution sees above, the states from the right, which are a row late, and
    what the gates from the left get from the row above. The maps between layers are kept without the share of the
    states from the right: gates are linear in the maps, so that this share is added to the gates of the whole row, and
    once to the last maps.

    Args:
        net: The network.
        batch: Number of images.
        context: ``(batch, *context_shape)`` or ``None``.

    Attributes:
        image: ``(batch, width + 2 * radius, channels)``, the row's pixels with zeros around, scaled; filled in while
            they are drawn.
        memory: ``(num_layers, batch, width + 1, 3 * num_states)``, of each pixel what each layer reads and its states
            from the left, filled in as well, and zeros before the first pixel. A pixel's states and the maps of the
            next pixel lie beside each other.
        cells: ``(num_layers, batch, num_states)``, of the pixel last drawn, from the left.
        first: ``(batch, width, 2 * num_states)``, what the first convolution gets from above.
        gates: ``(num_layers, batch, width, 4 * num_states)``, what the gates from the left get from above, part by part
            of a pixel.
        late: ``(batch, width, 2 * num_states)``, the share of the states from the right in the last maps.
    """

    def __init__(self, net: "DiagonalBiLSTM", batch: int, context: Tensor | None) -> None:
        layers, size, conv = net.diagonal_layers, net.num_channels, net.first
        channels, _, self.width = net.shape
        self.row, self.radius, self.size = 0, conv.radius, size
        weight, order = conv.masked_weight(), gates_by_part(net)
        make = weight.new_zeros
        self.first_weight = weight[:, :, :-1].permute(2, 3, 1, 0).flatten(0, 2)  # (row, column, channel), map
        self.first_bias = conv.bias
        pairs = list(zip(layers, net.contexts(context), strict=True))
        self.left_bias = torch.stack([layer.left.biases(contexts[0])[order] for layer, contexts in pairs])
        self.left_input = torch.stack([layer.left.masked_weight()[0, order].t() for layer in layers])
        self.left_above = torch.stack([layer.left.state_weight[0, order].t() for layer in layers])
        rights = [layer.right for layer in layers]
        self.right_bias = torch.stack([layer.right.biases(contexts[1]) for layer, contexts in pairs])
        self.right_input = torch.stack([right.input_weight[0, :, : 2 * size].t() for right in rights])
        self.right_image = rights[0].input_weight[0, :, 2 * size :].t()
        self.right_above, self.right_beside = (
            torch.stack([right.state_weight[tap].t() for right in rights]) for tap in range(2)
        )
        self.widen = torch.stack([layer.widen.masked_weight().t() for layer in layers])

        self.images = make(conv.num_above + 1, batch, self.width + 2 * conv.radius, channels)  # the newest row last
        self.image = self.images[-1]
        self.memory = make(len(layers), batch, self.width + 1, 3 * size)
        self.cells = make(len(layers), batch, size)
        self.right = make(len(layers), batch, self.width, size)  # states from the right of the row above
        self.shares = make(len(layers) + 1, batch, self.width, 2 * size)  # what they add to what each layer reads
        self.late = self.shares[-1]
        self.first = make(batch, self.width, 2 * size)
        self.gates = make(len(layers), batch, self.width, 4 * size)

    def begin(self) -> None:
        """Go on to the next row, the first one at the first call."""
        if self.row:
            self._scan_right()
            torch.cumsum(_products(self.right, self.widen), 0, out=self.shares[1:])
            self.images.copy_(self.images.roll(-1, 0))
            self.image.zero_()
        seen = self.images[:-1].unfold(2, 2 * self.radius + 1, 1)  # (row, batch, column, channel, column of the window)
        seen = seen.permute(1, 2, 0, 4, 3).flatten(2)
        torch.add(seen @ self.first_weight, self.first_bias, out=self.first)
        states = self.memory[:, :, 1:, 2 * self.size :]
        from_above = _products(states, self.left_above) + _products(self.shares[:-1], self.left_input)
        torch.add(from_above, self._at_row(self.left_bias, self.row), out=self.gates)
        self.cells.zero_()
        self.row += 1

    def _at_row(self, bias: Tensor, row: int) -> Tensor:
        """Turn ``(num_layers, num_gates, 1 or num_pixels, 1 or batch)`` into what is added to gates of a row."""
        bias = bias if bias.shape[2] == 1 else bias[:, :, row * self.width : (row + 1) * self.width]
        return bias.permute(0, 3, 2, 1)

    def _scan_right(self) -> None:
        """Compute the states from the right of the row that has just been drawn, from those of the row above it."""
        maps = self.memory[:, :, 1:, : 2 * self.size] + self.shares[:-1]
        gates = _products(maps, self.right_input) + _products(self.right, self.right_above)
        gates += self._at_row(self.right_bias, self.row - 1)
        gates[0] += self.image[:, self.radius : self.radius + self.width] @ self.right_image
        cells = torch.zeros_like(self.cells)
        beside = torch.zeros_like(cells)
        for gate, states in zip(gates.unbind(2)[::-1], self.right.unbind(2)[::-1], strict=True):
            gate = torch.baddbmm(gate, beside, self.right_beside)
            o, f, i, g = gate.chunk(4, 2)
            gate[..., : 3 * self.size].sigmoid_()
            cells.mul_(f).addcmul_(i, g.tanh_())
            beside = torch.mul(o, cells.tanh(), out=states)


def _products(x: Tensor, weights: Tensor) -> Tensor:
    """Multiply ``(num_layers, batch, width, num_in)`` by a matrix of each layer, ``(num_layers, num_in, num_out)``."""
    return torch.bmm(x.flatten(1, 2), weights).unflatten(1, x.shape[1:3])
