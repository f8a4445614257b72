"""Draws of a Diagonal BiLSTM, pixel by pixel."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pyrodgm.nn.diagonal_bilstm_rows import DiagonalRows
from pyrodgm.nn.pixel_rnn_part import LayerPlace, PartWeights, PixelPart, Place

if TYPE_CHECKING:
    from pyrodgm.nn.diagonal_bilstm import DiagonalBiLSTM


class DiagonalBiLSTMStepper:
    """A :class:`DiagonalBiLSTM` position by position; called first with ``None``, then with each value drawn.

    What is known of a row beforehand is computed for the whole row. What remains for a pixel is, in each layer, one
    product of the states to its left and its own maps, the cell, and one product that widens the states.

    Args:
        net: The network.
        batch: Number of draws.
        context: ``(batch, *context_shape)`` or ``None``.
    """

    @torch.no_grad()
    def __init__(self, net: "DiagonalBiLSTM", batch: int, context: Tensor | None) -> None:
        self.num_parts, self.width, self.position = net.num_parts, net.shape[2], 0
        self.rows = DiagonalRows(net, batch, context)
        top = self.rows.memory.new_ones(2, batch, 1 + 2 * net.num_channels)
        layers = net.diagonal_layers
        lefts, widenings = [layer.left for layer in layers], [layer.widen for layer in layers]
        self.parts, self.places = [], []
        for index in range(net.num_parts):
            weights = PartWeights.of(net, index, lefts, widenings, slice(1, 2))
            weights = weights._replace(first=weights.first[len(self.rows.first_weight) :])  # the rows above are known
            part = PixelPart(weights, top, net.num_levels)
            self.parts.append(part)
            self.places.append([place(self.rows, part, column) for column in range(self.width)])

    @torch.no_grad()
    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the value just drawn, ``(batch, *symbol_shape)``, and return the next ``(batch, num_params)``."""
        pixel, part = divmod(self.position, self.num_parts)
        column = pixel % self.width
        if value is not None:
            self.parts[part - 1].write(self.places[part - 1][column if part else column - 1], value)
        if part == column == 0:
            self.rows.begin()
        self.position += 1
        return self.parts[part].params(self.places[part][column])


def place(rows: DiagonalRows, part: PixelPart, column: int) -> Place:
    """Cut what one part of the pixels of a column reads and writes, once for all rows."""
    weights, size, channels = part.weights, rows.size, rows.image.shape[2]
    image, memory = rows.image.flatten(1), rows.memory.flatten(2)
    left, here = 3 * size * column + 2 * size, 3 * size * (column + 1)  # the states to the left, then the maps
    own, window = (column + rows.radius) * channels, column * channels
    states, maps = weights.states, weights.maps
    written = [*memory[:, :, here + maps.start : here + maps.stop].unbind(), part.maps]
    layers = zip(
        rows.gates[:, :, column, weights.gates].unbind(),
        memory[:, :, left : here + maps.stop].unbind(),
        rows.cells[:, :, states].unbind(),
        memory[:, :, here + 2 * size + states.start : here + 2 * size + states.stop].unbind(),
        memory[:, :, here + 2 * size : here + 2 * size + states.stop].unbind(),
        written[:-1],
        written[1:],
        strict=True,
    )
    return Place(
        first=rows.first[:, column, maps],
        seen=image[:, window : window + len(weights.first)],
        image=image[:, own + weights.channels.start : own + weights.channels.stop],
        late=rows.late[:, column, maps],
        layers=[LayerPlace(*tensors) for tensors in layers],
    )
