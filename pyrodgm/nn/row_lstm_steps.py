"""Draws of a Row LSTM: each unit once, for one pixel after the other or for lines of pixels."""

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pyrodgm.nn.front_maps import Front, FrontMaps
from pyrodgm.nn.front_steps import FrontSteps
from pyrodgm.nn.front_windows import FrontWindows
from pyrodgm.nn.pixel_rnn_part import LayerPlace, PartWeights, PixelPart, Place, gates_by_part

if TYPE_CHECKING:
    from pyrodgm.nn.row_lstm import RowLSTM


class RowLSTMSteps(FrontSteps):
    """The parameters of a :class:`RowLSTM`, front by front, and part by part of the pixels of a front.

    What the gates of each layer see lies beside each other in ``seen``: the states of the row above, the maps to the
    left, and the maps of the pixel itself, which the layer below writes there.

    Args:
        net: The network.
        batch: Number of images.
        context: ``(batch, *context_shape)`` or ``None``.
        slope: Columns by which each row is behind the one above; the image's width makes each pixel a front.
    """

    @torch.no_grad()
    def __init__(self, net: "RowLSTM", batch: int, context: Tensor | None, slope: int) -> None:
        super().__init__(net, batch, slope)
        layers, size, radius, (channels, *shape) = net.row_layers, net.num_channels, net.radius, net.shape
        lstms, widenings = [layer.lstm for layer in layers], [layer.widen for layer in layers]
        self.weights = [PartWeights.of(net, part, lstms, widenings, slice(0, None)) for part in range(net.num_parts)]
        most, like = max(front.num_rows for front in self.fronts), net.first.weight
        lay = partial(FrontMaps, shape=shape, batch=batch, slope=slope, like=like)
        self.image = FrontWindows(lay(1, channels, radius=net.first.radius), most)
        make = partial(lay, len(layers), radius=radius, num_above=1)
        self.states, self.cells, self.maps = make(size), make(size), make(2 * size)
        num, num_states, num_left = most * batch, (2 * radius + 1) * size, 2 * radius * size
        self.seen = like.new_empty(len(layers), num, num_states + num_left + 2 * size)
        self.from_above, self.from_left, self.here = self.seen.split((num_states, num_left, 2 * size), 2)
        self.new_states, self.new_cells = like.new_empty(2, len(layers), num, size).unbind()
        self.top = like.new_ones(2, num, 1 + 2 * size)
        self.first_bias = net.first.bias.expand(num, -1)
        order = gates_by_part(net)
        pairs = zip(lstms, net.contexts(context), strict=True)
        bias = torch.stack([lstm.biases(added)[order] for lstm, (added,) in pairs]).permute(0, 2, 3, 1)
        self.biases: FrontMaps | None = None  # where the context adds something else at each pixel
        if bias.shape[1] > 1:
            self.biases = make(4 * size)
            self.biases.images().copy_(bias.unflatten(1, shape).transpose(2, 3))
        self.gates = bias[:, :1].expand(-1, most, batch, -1).flatten(1, 2).contiguous()
        self._cut: dict[tuple[int, int], tuple[PixelPart, Place]] = {}

    def begin(self, front: Front) -> None:
        """Gather what the pixels of a front see before themselves."""
        num, radius = front.num_rows * self.batch, self.states.radius
        self.image.load(front)
        self.from_above[:, :num].copy_(self.states.at(front, above=1, column=-radius, num_columns=2 * radius + 1))
        self.from_left[:, :num].copy_(self.maps.at(front, column=-radius, num_columns=radius))
        self.new_cells[:, :num].copy_(self.cells.at(front, above=1))
        if self.biases is not None:
            self.gates[:, :num].copy_(self.biases.at(front))

    def params(self, front: Front, part: int) -> Tensor:
        """Return the parameters of one part of the pixels of a front, ``(num_rows * batch, num_params)``."""
        arithmetic, place = self.place(front.num_rows, part)
        return arithmetic.params(place)

    def write(self, front: Front, part: int, values: Tensor) -> None:
        """Take what was drawn for one part of the pixels of a front, ``(num_rows, batch, *symbol_shape)``."""
        arithmetic, place = self.place(front.num_rows, part)
        arithmetic.write(place, values)

    def end(self, front: Front) -> None:
        """Keep what later fronts see."""
        num = front.num_rows * self.batch
        self.image.store(front)
        self.states.at(front).copy_(self.new_states[:, :num])
        self.cells.at(front).copy_(self.new_cells[:, :num])
        self.maps.at(front).copy_(self.here[:, :num])

    def place(self, num_rows: int, part: int) -> tuple[PixelPart, Place]:
        """Cut what one part of the pixels of fronts of so many rows reads and writes, once."""
        if (num_rows, part) in self._cut:
            return self._cut[num_rows, part]
        weights, num = self.weights[part], num_rows * self.batch
        states, maps, before = weights.states, weights.maps, self.seen.shape[2] - self.here.shape[2]
        arithmetic = PixelPart(weights, self.top[:, :num], self.net.num_levels)
        written = [*self.here[:, :num, maps].unbind(), arithmetic.maps]
        layers = zip(
            self.gates[:, :num, weights.gates].unbind(),
            self.seen[:, :num, : before + maps.stop].unbind(),
            self.new_cells[:, :num, states].unbind(),
            self.new_states[:, :num, states].unbind(),
            self.new_states[:, :num, : states.stop].unbind(),
            written[:-1],
            written[1:],
            strict=True,
        )
        image, own = self.image.windows[0, :num], self.image.num_before
        self._cut[num_rows, part] = (
            arithmetic,
            Place(
                first=self.first_bias[:num, maps],
                seen=image[:, : len(weights.first)],
                image=image[:, own + weights.channels.start : own + weights.channels.stop],
                late=None,
                layers=[LayerPlace(*tensors) for tensors in layers],
            ),
        )
        return self._cut[num_rows, part]
