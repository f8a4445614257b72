"""Draws of a gated PixelCNN: the vertical stack a row at a time, the horizontal one pixel by pixel."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor

from pyrodgm.nn.causal import Draw, Track, UnsettledError
from pyrodgm.nn.masked_conv import share

if TYPE_CHECKING:
    from pyrodgm.nn.gated_pixel_cnn import GatedPixelCNN


class GatedPixelCNNStepper:
    """A :class:`GatedPixelCNN` position by position; called first with ``None``, then with each value drawn.

    What a row sees above is complete before it begins, so that the vertical stack takes the whole row at once. In the
    horizontal stack a layer keeps its inputs along the row, and each step reads a piece of that. All pieces are cut
    once, since in so small products a slice costs as much as arithmetic. No graph is recorded.

    Args:
        net: The network.
        batch: Number of draws.
        context: ``(batch, *context_shape)`` or ``None``.
    """

    @torch.no_grad()
    def __init__(self, net: "GatedPixelCNN", batch: int, context: Tensor | None) -> None:
        self.above = VerticalStack(net, batch, context)
        self.along = HorizontalStack(net, self.above.links)
        self.row_length = len(self.along.places)
        self.scale, self.minus_one = 2 / (net.num_levels - 1), self.above.links.new_full((1,), -1.0)
        self.position = 0

    @torch.no_grad()
    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the value just drawn, ``(batch, *symbol_shape)``, and return the next ``(batch, num_params)``."""
        row, place = divmod(self.position, self.row_length)
        if value is not None:
            cell = self.along.places[place - 1].image
            torch.add(self.minus_one, value.reshape(cell.shape), alpha=self.scale, out=cell)
        if place == 0:
            self.above.start_row(row, self.along.image_row)
        self.position += 1
        return self.along.params(place)


class VerticalStack:
    """The vertical stack a row at a time: what it adds to the horizontal one, with all biases.

    Args:
        net: The network.
        batch: Number of images.
        context: ``(batch, *context_shape)`` or ``None``.

    Attributes:
        links: ``(num_layers, width, batch, 2 * num_channels)``, for the row that was started; the maps part by part,
            and of each part those of the tangent before those of the sigmoid.
        by_part: ``(2 * num_channels,)``, where in the network's own order these maps are.
    """

    @torch.no_grad()
    def __init__(self, net: "GatedPixelCNN", batch: int, context: Tensor | None) -> None:
        layers, like = net.gated_layers, net.hidden.weight
        _, self.height, self.width = net.shape
        self.batch = batch
        self.radii = [layer.radius for layer in layers]
        self.inputs = [  # with zeros above and on both sides
            like.new_zeros(batch, self.height + radius, self.width + 2 * radius, layer.above.in_channels)
            for layer, radius in zip(layers, self.radii, strict=True)
        ]
        self.by_part = layers[0].along.out_channels.argsort(stable=True)
        self.above_matrices = [layer.above.weight.permute(2, 3, 1, 0).flatten(0, 2) for layer in layers]
        self.link_matrices = [layer.link.weight.flatten(1)[self.by_part].t().contiguous() for layer in layers]
        above, along = net.biases(context)
        self.above_biases = [
            self._rows(cast(Tensor, layer.above.bias), added) for layer, added in zip(layers, above, strict=True)
        ]
        self.along_biases = [
            self._rows(layer.along.bias, added)[..., self.by_part] for layer, added in zip(layers, along, strict=True)
        ]
        self.links = like.new_empty(len(layers), self.width, batch, 2 * net.num_channels)

    @torch.no_grad()
    def start_row(self, row: int, last: Tensor) -> None:
        """Compute ``links`` of a row.

        Args:
            row: Which.
            last: The scaled image's row before it, ``(batch, width, channels)``; not read before the first.
        """
        if row:
            self._keep(0, row - 1, last)
        above = self.links  # of the layer below
        for k, radius in enumerate(self.radii):
            if k:
                a, b = above.chunk(2, -1)
                self._keep(k, row, (a.tanh() * b.sigmoid()).unflatten(0, (self.width, self.batch)).transpose(0, 1))
            matrix = self.above_matrices[k]
            rows = self.inputs[k][:, row : row + (radius + 1 if k else radius)]
            windows = rows.unfold(2, 2 * radius + 1, 1).permute(2, 0, 1, 4, 3)  # (width, batch, row, column, map)
            windows = windows.reshape(self.width * self.batch, len(matrix))
            above = torch.addmm(self._row(self.above_biases[k], row), windows, matrix)
            bias = self._row(self.along_biases[k], row)
            torch.addmm(bias, above, self.link_matrices[k], out=self.links[k].flatten(0, 1))

    def _keep(self, layer: int, row: int, values: Tensor) -> None:
        radius = self.radii[layer]
        self.inputs[layer][:, row + radius, radius : radius + self.width] = values

    def _rows(self, bias: Tensor, context: Tensor | None) -> Tensor:
        """Return a bias and what a context adds, ``(height, width, batch, num_maps)``, or fewer that broadcast."""
        return bias[None, None, None] if context is None else bias + context.permute(2, 3, 0, 1)

    def _row(self, biases: Tensor, row: int) -> Tensor:
        """Return those of one row, ``(width * batch, num_maps)``."""
        each = biases[row if len(biases) > 1 else 0]
        return each.expand(self.width, self.batch, -1).flatten(0, 1)


@torch.no_grad()
def sweep_rows(
    net: "GatedPixelCNN", draw: Draw, sources: Sequence[Tensor], context: Tensor | None, track: Track
) -> Tensor:
    """Draw row by row, each by iteration; see :meth:`GatedPixelCNN.sweep`."""
    batch, (channels, height, width) = len(sources[0]), net.shape
    stack = VerticalStack(net, batch, context)
    in_order = stack.by_part.argsort()
    biases = torch.stack([layer.along.bias for layer in net.gated_layers])[:, None, :, None, None]
    row = stack.links.new_zeros(batch, channels, 1, width)
    rows = []
    for y in track(range(height)):
        stack.start_row(y, net.scaled(row)[:, :, 0].movedim(1, -1))
        links = stack.links[..., in_order].permute(0, 2, 3, 1).unsqueeze(3)  # (layer, batch, map, 1, width)
        links = links - biases  # which the convolutions add themselves
        here = [source[:, y] if net.symbol_shape else source[:, :, y] for source in sources]
        for _ in range(width * net.num_parts + 1):
            h = net.scaled(row)
            for layer, link in zip(net.gated_layers, links, strict=True):
                h = layer.along_row(h, link)
            params = net.readout(h).unflatten(1, (net.num_parts, net.num_params))[:, :, :, 0].movedim(2, -1)
            new = draw(params[:, 0], *here).movedim(-1, 1) if net.symbol_shape else draw(params, *here)
            new = new.unsqueeze(2)  # (batch, channel, 1, width)
            if torch.equal(new, row.to(new.dtype)):
                break
            row = new
        else:
            raise UnsettledError(
                f"Expected a row that settles in {width * net.num_parts} passes; got values that still change."
            )
        rows.append(new)  # the next row starts from this one, which it mostly resembles
    return torch.cat(rows, 2)


class HorizontalStack:
    """The horizontal stack along one row, pixel by pixel and part by part.

    The bias of a layer at the pixel itself is the weight of a one that stands before its inputs.

    Args:
        net: The network.
        links: What the vertical stack adds, ``(num_layers, width, batch, 2 * num_channels)``, read at each step.

    Attributes:
        places: What each step reads and writes, along the row.
        image_row: The scaled image's row, ``(batch, width, channels)``.
    """

    def __init__(self, net: "GatedPixelCNN", links: Tensor) -> None:
        layers, num_maps, num_parts = net.gated_layers, net.num_channels, net.num_parts
        width, batch = links.shape[1:3]
        self.inputs = [  # with zeros on the left
            links.new_zeros(batch, layer.radius + width, len(layer.along.in_channels)) for layer in layers
        ]
        self.cells = [inputs[:, layer.radius :] for inputs, layer in zip(self.inputs, layers, strict=True)]
        self.cells.append(links.new_empty(batch, width, num_maps))
        self.image_row = self.cells[0]
        self.sum = links.new_empty(batch, 2 * num_maps)
        self.gated = links.new_ones(len(layers), batch, 1 + num_maps)
        self.hidden = links.new_ones(2, batch, 1 + num_maps)
        parts = [self._cut(PartWeights.of(net, part), links) for part in range(num_parts)]
        self.places = [place for places in zip(*parts, strict=True) for place in places]

    def params(self, place: int) -> Tensor:
        """Return the parameters of one part of one pixel of the row, ``(batch, num_params)``."""
        here = self.places[place]
        weights, scratch, below = here.weights, here.scratch, here.scratch.nothing
        for layer, along, mix in zip(here.layers, weights.along, weights.mix, strict=True):
            torch.addmm(layer.link, layer.window, along, out=scratch.sum)
            torch.mul(scratch.tangent.tanh_(), scratch.sigmoid.sigmoid_(), out=layer.gated)
            below = torch.addmm(below, layer.gated_known, mix, out=layer.output)
        torch.clamp(below, min=0, out=scratch.hidden[0])
        torch.mm(scratch.hidden_known[0], weights.hidden, out=scratch.hidden[1]).relu_()
        return torch.mm(scratch.hidden_known[1], weights.last)

    def _cut(self, weights: "PartWeights", links: Tensor) -> list["Place"]:
        """Cut what one part of each pixel reads and writes."""
        own, width = weights.maps, links.shape[1]
        size, in_scratch, known = own.stop - own.start, slice(1 + own.start, 1 + own.stop), slice(0, 1 + own.stop)
        layers: list[list[LayerPlace]] = [[] for _ in range(width)]
        for k, (inputs, along) in enumerate(zip(self.inputs, weights.along, strict=True)):
            windows = inputs.flatten(1).unfold(1, len(along), inputs.shape[2]).unbind(1)
            outputs = self.cells[k + 1][:, :, own].unbind(1)
            gated, gated_known = self.gated[k, :, in_scratch], self.gated[k, :, known]
            each_link = links[k, :, :, 2 * own.start : 2 * own.stop].unbind()
            for x in range(width):
                layers[x].append(LayerPlace(each_link[x], windows[x], gated, gated_known, outputs[x]))
        total = self.sum[:, : 2 * size]
        tangent, sigmoid = total.chunk(2, 1)
        hidden, hidden_known = self.hidden[:, :, in_scratch].unbind(), self.hidden[:, :, known].unbind()
        scratch = Scratch(total, tangent, sigmoid, torch.zeros_like(tangent), hidden, hidden_known)
        images = self.image_row[:, :, weights.channels].unbind(1)
        return [Place(weights, scratch, layers[x], images[x]) for x in range(width)]


class LayerPlace(NamedTuple):
    """What one layer reads and writes for one part of one pixel; what is known holds earlier parts too."""

    link: Tensor
    window: Tensor
    gated: Tensor
    gated_known: Tensor
    output: Tensor


class PartWeights(NamedTuple):
    """Weights of one part of a pixel, masked and cut once; and which channels and maps are its own."""

    channels: slice
    maps: slice
    along: list[Tensor]
    mix: list[Tensor]
    hidden: Tensor
    last: Tensor

    @classmethod
    def of(cls, net: "GatedPixelCNN", part: int) -> "PartWeights":
        """Cut them."""
        return cls(
            channels=share(net.shape[0], net.num_parts, part),
            maps=share(net.num_channels, net.num_parts, part),
            along=[layer.along.matrix(part) for layer in net.gated_layers],
            mix=[layer.mix.biased_matrix(part) for layer in net.gated_layers],
            hidden=net.hidden.biased_matrix(part),
            last=net.last.biased_matrix(part),
        )


class Scratch(NamedTuple):
    """Memory for what is of use within a step of one part; what is known holds earlier parts too."""

    sum: Tensor
    tangent: Tensor
    sigmoid: Tensor
    nothing: Tensor  # is below the first layer
    hidden: tuple[Tensor, ...]
    hidden_known: tuple[Tensor, ...]


class Place(NamedTuple):
    """What all layers read and write for one part of one pixel."""

    weights: PartWeights
    scratch: Scratch
    layers: list[LayerPlace]
    image: Tensor
