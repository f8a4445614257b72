"""Draws of a PixelCNN: each unit once, for one pixel after the other or for lines of pixels."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from pyrodgm.nn.front_maps import Front, FrontMaps
from pyrodgm.nn.front_steps import FrontSteps
from pyrodgm.nn.front_windows import FrontWindows
from pyrodgm.nn.masked_conv import MaskedConv2d, share

if TYPE_CHECKING:
    from pyrodgm.nn.pixel_cnn import PixelCNN


class PixelCNNSteps(FrontSteps):
    """The parameters of a :class:`PixelCNN`, each unit computed once.

    What layers that see neighbours take in is kept for the whole image, the rest within a front alone. The bias of a
    layer at the pixel itself is the weight of a one that stands before its inputs.

    Args:
        net: The network.
        batch: Number of images.
        context: ``(batch, *context_shape)`` or ``None``.
        slope: Columns by which each row is behind the one above; the image's width makes each pixel a front.
    """

    @torch.no_grad()
    def __init__(self, net: "PixelCNN", batch: int, context: Tensor | None, slope: int) -> None:
        super().__init__(net, batch, slope)
        channels, *shape = net.shape
        like, blocks, num_maps = net.first.weight, net.residual_blocks, net.num_channels
        self.weights = [PartWeights.of(net, part) for part in range(net.num_parts)]
        most = max(front.num_rows for front in self.fronts)
        make = partial(FrontMaps, shape=shape, batch=batch, slope=slope, like=like)
        self.images = FrontWindows(make(1, channels, radius=net.first.radius), most)
        self.inner = FrontWindows(make(len(blocks), num_maps, radius=net.radius), most)
        first, *others = net.biases(context)
        inner = [block.above for block in blocks]
        self.first_bias = Biases(make(1, 2 * num_maps, radius=0), most, [net.first], [first])
        self.inner_bias = Biases(make(len(blocks), num_maps, radius=0), most, inner, others)
        self.stream = like.new_empty(most * batch, 2 * num_maps)
        self.wide = like.new_ones(len(blocks) + 2, most * batch, 1 + 2 * num_maps)
        self.seen = like.new_ones(len(blocks), most * batch, 1 + num_maps)
        self.scale, self.minus_one = 2 / (net.num_levels - 1), like.new_full((1,), -1.0)
        self._scratch: dict[tuple[int, int], Scratch] = {}

    def begin(self, front: Front) -> None:
        """Gather what the pixels of a front see before themselves."""
        for maps in (self.images, self.inner):
            maps.load(front)
        for biases in (self.first_bias, self.inner_bias):
            biases.load(front)

    def params(self, front: Front, part: int) -> Tensor:
        """Return the parameters of one part of the pixels of a front, ``(num_rows * batch, num_params)``."""
        weights, key = self.weights[part], (front.num_rows, part)
        if key not in self._scratch:  # fronts of equal length share it, since a slice costs as much as a small product
            self._scratch[key] = Scratch.of(self, *key)
        scratch = self._scratch[key]
        stream, wide, wide_known = scratch.stream, scratch.wide, scratch.wide_known
        torch.addmm(scratch.first_bias, scratch.image_window, weights.first, out=stream)
        for k, seen in enumerate(scratch.seen):
            torch.clamp(stream, min=0, out=wide[k])
            torch.mm(wide_known[k], weights.narrow[k], out=scratch.narrow[k]).relu_()
            torch.addmm(scratch.inner_bias[k], scratch.inner_window[k], weights.above[k], out=seen).relu_()
            stream.addmm_(scratch.seen_known[k], weights.widen[k])
        torch.clamp(stream, min=0, out=wide[-2])
        torch.mm(wide_known[-2], weights.hidden, out=wide[-1]).relu_()
        return torch.mm(wide_known[-1], weights.last)

    def write(self, front: Front, part: int, values: Tensor) -> None:
        """Take what was drawn for one part of the pixels of a front, ``(num_rows, batch, *symbol_shape)``."""
        cells = self._scratch[front.num_rows, part].image
        torch.add(self.minus_one, values.reshape(cells.shape), alpha=self.scale, out=cells)

    def end(self, front: Front) -> None:
        """Keep what later fronts see."""
        self.images.store(front)
        self.inner.store(front)


class Biases:
    """Biases of layers at the pixels of a front: their own, and what context and coordinates add.

    Args:
        maps: As many maps as the layers have; kept only where something else is added at each pixel.
        most: Largest number of rows of a front.
        layers: The layers.
        added: What is added to each, that broadcasts against ``(batch, num_out, height, width)``; or ``None``.

    Attributes:
        rows: ``(num_layers, most * batch, num_out)``.
    """

    def __init__(
        self, maps: FrontMaps, most: int, layers: Sequence[MaskedConv2d], added: Sequence[Tensor | None]
    ) -> None:
        self.rows = maps.data.new_empty(maps.num_layers, most * maps.batch, maps.num_maps)
        self.maps: FrontMaps | None = None
        for k, (layer, one) in enumerate(zip(layers, added, strict=True)):
            if one is None:
                self.rows[k] = layer.bias
            elif one.shape[2:] == maps.shape:
                maps.images()[k] = layer.bias + one.permute(2, 0, 3, 1)
                self.maps = maps
            else:
                num_rows = self.rows.shape[1] // max(len(one), 1)
                self.rows[k] = (layer.bias + one.flatten(1)).repeat(num_rows, 1)

    def load(self, front: Front) -> None:
        """Make ``rows`` those of a front."""
        if self.maps is not None:
            cells = self.maps.at(front)
            self.rows[:, : cells.shape[1]].copy_(cells)


class Scratch(NamedTuple):
    """Memory for what is of use within a front, cut for one number of rows and one part.

    What a part reads (``..._window``, ``..._known``) holds earlier parts too, and what it writes is a piece of that.
    """

    image_window: Tensor
    image: Tensor
    first_bias: Tensor
    stream: Tensor
    wide_known: tuple[Tensor, ...]
    wide: tuple[Tensor, ...]
    inner_window: tuple[Tensor, ...]
    narrow: tuple[Tensor, ...]
    inner_bias: tuple[Tensor, ...]
    seen_known: tuple[Tensor, ...]
    seen: tuple[Tensor, ...]

    @classmethod
    def of(cls, steps: PixelCNNSteps, num_rows: int, part: int) -> "Scratch":
        """Cut it."""
        weights, num = steps.weights[part], num_rows * steps.batch
        outer, inner, channels = weights.outer, weights.inner, weights.channels
        windows, before = steps.inner.windows[:, :num], steps.inner.num_before
        image, start = steps.images.windows[0, :num], steps.images.num_before
        wide, seen = steps.wide[:, :num], steps.seen[:, :num]
        return cls(
            image_window=image[:, : len(weights.first)],
            image=image[:, start + channels.start : start + channels.stop],
            first_bias=steps.first_bias.rows[0, :num, outer],
            stream=steps.stream[:num, outer],
            wide_known=wide[:, :, : 1 + outer.stop].unbind(),
            wide=wide[:, :, 1 + outer.start : 1 + outer.stop].unbind(),
            inner_window=windows[:, :, : before + inner.stop].unbind(),
            narrow=windows[:, :, before + inner.start : before + inner.stop].unbind(),
            inner_bias=steps.inner_bias.rows[:, :num, inner].unbind(),
            seen_known=seen[:, :, : 1 + inner.stop].unbind(),
            seen=seen[:, :, 1 + inner.start : 1 + inner.stop].unbind(),
        )


class PartWeights(NamedTuple):
    """Weights of one part of a pixel, masked and cut once; and which maps are its own."""

    channels: slice
    outer: slice
    inner: slice
    first: Tensor
    narrow: list[Tensor]
    above: list[Tensor]
    widen: list[Tensor]
    hidden: Tensor
    last: Tensor

    @classmethod
    def of(cls, net: "PixelCNN", part: int) -> "PartWeights":
        """Cut them."""
        blocks = net.residual_blocks
        return cls(
            channels=share(net.shape[0], net.num_parts, part),
            outer=share(2 * net.num_channels, net.num_parts, part),
            inner=share(net.num_channels, net.num_parts, part),
            first=net.first.matrix(part),
            narrow=[block.narrow.biased_matrix(part) for block in blocks],
            above=[block.above.matrix(part) for block in blocks],
            widen=[block.widen.biased_matrix(part) for block in blocks],
            hidden=net.hidden.biased_matrix(part),
            last=net.last.biased_matrix(part),
        )
