"""The arithmetic of a recurrent network at a pixel, in few operations on memory that is cut beforehand."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from pyrodgm.nn.conv_lstm import ConvLSTM
from pyrodgm.nn.masked_conv import share

if TYPE_CHECKING:
    from pyrodgm.nn.pixel_rnn import PixelRNN, Widening


class PartWeights(NamedTuple):
    """Weights of one part of a pixel, masked and cut once; and which maps are its own.

    Attributes:
        channels: Channels of the image.
        states: States of a layer.
        gates: Gates of a layer, in the order of :func:`gates_by_part`.
        maps: Maps between layers.
        first: ``(num_seen, num_maps)``, of the first convolution.
        seen: ``(num_seen, num_gates)`` of each layer.
        widen: ``(num_states, num_maps)`` of each layer.
        hidden: ``(1 + num_maps, num_maps)``, the bias first.
        last: ``(1 + num_maps, num_params)``, the bias first.
    """

    channels: slice
    states: slice
    gates: slice
    maps: slice
    first: Tensor
    seen: list[Tensor]
    widen: list[Tensor]
    hidden: Tensor
    last: Tensor

    @classmethod
    def of(
        cls, net: "PixelRNN", part: int, lstms: Sequence[ConvLSTM], widenings: Sequence["Widening"], taps: slice
    ) -> "PartWeights":
        """Cut the weights.

        Args:
            net: The network.
            part: Which part.
            lstms: The LSTM of each layer.
            widenings: What widens its states.
            taps: Which neighbours' states the gates see; these come before the maps.
        """
        size, num_parts = net.num_channels, net.num_parts
        states, maps = share(size, num_parts, part), share(2 * size, num_parts, part)
        gates = slice(4 * states.start, 4 * states.stop)
        rows, seen = gates_by_part(net)[gates], []
        for lstm in lstms:
            *before, own = lstm.masked_weight()
            seen.append(torch.cat((*lstm.state_weight[taps], *before, own[:, : maps.stop]), 1)[rows].t().contiguous())
        return cls(
            channels=share(net.shape[0], num_parts, part),
            states=states,
            gates=gates,
            maps=maps,
            first=net.first.matrix(part),
            seen=seen,
            widen=[w.masked_weight()[maps, : states.stop].t().contiguous() for w in widenings],
            hidden=net.hidden.biased_matrix(part),
            last=net.last.biased_matrix(part),
        )


class LayerPlace(NamedTuple):
    """What a recurrent layer reads and writes at some pixels, each ``(num, ...)``.

    Attributes:
        gates: What the gates get besides the product with ``seen``.
        seen: What the gates see.
        cells: The cells to go on with, which become the new ones.
        states: Where the states go.
        known: These, behind those of earlier parts.
        maps: What the layer reads at the pixel itself.
        above: Where its output goes.
    """

    gates: Tensor
    seen: Tensor
    cells: Tensor
    states: Tensor
    known: Tensor
    maps: Tensor
    above: Tensor


class Place(NamedTuple):
    """What one part of some pixels reads and writes, each ``(num, ...)``.

    Attributes:
        first: What the first convolution gets besides the product with ``seen``, its bias at least.
        seen: What it sees.
        image: Where values go, once drawn.
        late: What is added to the last maps, if anything.
        layers: The recurrent layers.
    """

    first: Tensor
    seen: Tensor
    image: Tensor
    late: Tensor | None
    layers: list[LayerPlace]


class PixelPart:
    """One part of some pixels: its weights, and memory for what is of use there alone.

    Args:
        weights: The weights.
        top: ``(2, num, 1 + num_maps)``, inputs of the last two layers, behind a one; other parts share it.
        num_levels: Number of values of a variable.
    """

    def __init__(self, weights: PartWeights, top: Tensor, num_levels: int) -> None:
        self.weights, maps = weights, weights.maps
        self.gates = top.new_empty(top.shape[1], weights.gates.stop - weights.gates.start)
        self.o, self.f, self.i, self.g = self.gates.chunk(4, 1)
        self.gated, self.tanh = self.gates[:, : -self.g.shape[1]], torch.empty_like(self.g)
        self.hidden_in, self.last_in = top[:, :, : 1 + maps.stop].unbind()
        self.maps, self.hidden = top[:, :, 1 + maps.start : 1 + maps.stop].unbind()
        self.scale, self.minus_one = 2 / (num_levels - 1), top.new_full((1,), -1.0)

    def params(self, place: Place) -> Tensor:
        """Return the parameters of this part, ``(num, num_params)``; the last layer writes to ``self.maps``."""
        weights = self.weights
        torch.addmm(place.first, place.seen, weights.first, out=place.layers[0].maps)
        for layer, seen_weight, widen in zip(place.layers, weights.seen, weights.widen, strict=True):
            gates, seen, cells, states, known, maps, above = layer
            torch.addmm(gates, seen, seen_weight, out=self.gates)
            self.gated.sigmoid_()
            cells.mul_(self.f).addcmul_(self.i, self.g.tanh_())
            torch.mul(self.o, torch.tanh(cells, out=self.tanh), out=states)
            torch.addmm(maps, known, widen, out=above)
        if place.late is not None:
            self.maps.add_(place.late)
        self.maps.relu_()
        torch.mm(self.hidden_in, weights.hidden, out=self.hidden).relu_()
        return torch.mm(self.last_in, weights.last)

    def write(self, place: Place, values: Tensor) -> None:
        """Take what was drawn for this part, scaled to [-1, 1]."""
        torch.add(self.minus_one, values.reshape(place.image.shape), alpha=self.scale, out=place.image)


def gates_by_part(net: "PixelRNN") -> Tensor:
    """Return the gates of a layer in another order: those of the first part of a pixel, each o, f, i, g, come first."""
    gates = torch.arange(4 * net.num_channels, device=net.order.device).view(4, -1)
    shares = [share(net.num_channels, net.num_parts, part) for part in range(net.num_parts)]
    return torch.cat([gates[:, states].flatten() for states in shares])
