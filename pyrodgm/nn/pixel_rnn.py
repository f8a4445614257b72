"""What the recurrent networks on images share: a masked convolution, residual recurrent layers, and the output."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.masked_conv import MaskedConv2d, share_channels
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.pixel_net import ContextLayer, PixelNet


class PixelRNN(PixelNet):
    r"""A masked convolution, residual recurrent layers, and two more layers at the pixel itself.

    Maps lie ``(num_maps, num_pixels, batch)`` in memory, so that a row or diagonal of all images is one matrix.

    Args:
        shape: Shape (channels, height, width) of one image.
        num_params: Number of parameters of one position.
        context_dim: Number of context features; ``(k, height, width)`` for a feature map; 0 for none.
        num_levels: Number of values of a variable, scaled from 0 .. num_levels - 1 to [-1, 1].
        num_layers: Number of recurrent layers.
        num_channels: Number :math:`h` of states of a layer; there are :math:`2h` maps between layers.
        symbol_shape: ``()`` makes each channel of a pixel a position, ``(channels,)`` each whole pixel.
        num_directions: Number of scans of a layer.
    """

    layers: nn.ModuleList

    def __init__(
        self,
        shape: Sequence[int],
        num_params: int,
        *,
        context_dim: int | Sequence[int],
        num_levels: int,
        num_layers: int,
        num_channels: int,
        symbol_shape: Sequence[int],
        num_directions: int,
    ) -> None:
        super().__init__(shape, num_params, context_dim=context_dim, num_levels=num_levels, symbol_shape=symbol_shape)
        check_dim("num_layers", num_layers)
        self.num_channels = check_dim("num_channels", num_channels, self.num_parts)
        self.num_directions = num_directions
        inputs = share_channels(self.shape[0], self.num_parts)
        self.inner, self.outer = (share_channels(size, self.num_parts) for size in (num_channels, 2 * num_channels))
        outputs = share_channels(self.num_parts * num_params, self.num_parts)
        self.first = MaskedConv2d(inputs, self.outer, 3, strict=True)
        self.hidden = MaskedConv2d(self.outer, self.outer, 0)
        self.last = MaskedConv2d(self.outer, outputs, 0)
        sizes = [4 * num_channels] * (num_layers * num_directions)
        self.context_layer = ContextLayer(self.context_shape, sizes) if self.context_shape else None

    @abstractmethod
    def recur(self, h: Tensor, x: Tensor, contexts: Sequence[Sequence[Tensor | None]]) -> Tensor:
        """Run the recurrent layers.

        Args:
            h: ``(2 * num_channels, num_pixels, batch)``.
            x: The images, ``(channels, num_pixels, batch)``.
            contexts: What the context adds to the gates of each layer and direction.

        Returns:
            As ``h``.
        """

    def maps(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Return the parameters of scaled images as maps."""
        x = x.movedim(0, -1).contiguous()  # (channels, height, width, batch)
        h = self.recur(around_pixels(self.first, x), x.flatten(1, 2), self.contexts(context)).flatten(1)
        h = at_pixels(self.last, at_pixels(self.hidden, h.relu()).relu_())
        return h.view(len(h), *x.shape[1:]).movedim(-1, 0)

    def contexts(self, context: Tensor | None) -> list[tuple[Tensor | None, ...]]:
        """Return what a context adds to the gates of each layer and direction, ``(num, 4 * num_channels, ...)``."""
        num = len(self.layers)
        if self.context_layer is None or context is None:
            return [(None,) * self.num_directions] * num
        flat = self.context_layer(context)
        return [tuple(flat[self.num_directions * k : self.num_directions * (k + 1)]) for k in range(num)]


class Widening(nn.Module):
    """What a recurrent layer adds to the maps that it read: its states, widened to as many, ``(2 h, h)``.

    It has no bias, since whatever reads the maps has one.

    Args:
        inner: ``(h,)``, the image channel that each state belongs to.
        outer: ``(2 h,)``, the same of the maps.
    """

    mask: Tensor

    def __init__(self, inner: Tensor, outer: Tensor) -> None:
        super().__init__()
        bound = len(inner) ** -0.5
        self.weight = nn.Parameter(torch.empty(len(outer), len(inner)).uniform_(-bound, bound))
        self.register_buffer("mask", (outer[:, None] >= inner).to(self.weight.dtype), persistent=False)

    def masked_weight(self) -> Tensor:
        """Return the weight with zeros where nothing may be seen."""
        return self.weight * self.mask

    def forward(self, h: Tensor, states: Tensor) -> Tensor:
        """Return ``h``, ``(2 h, num_pixels, batch)``, with the states widened and added."""
        return torch.addmm(h.flatten(1), self.masked_weight(), states.flatten(1)).view_as(h)


def gate_mask(inner: Tensor, outer: Tensor) -> Tensor:
    """Return which maps of its own pixel each gate sees, ``(4 * num_states, num_maps)``: those of mask B."""
    return (inner[:, None] >= outer).repeat(4, 1).to(torch.get_default_dtype())


def at_pixels(layer: MaskedConv2d, h: Tensor) -> Tensor:
    """Apply a convolution of one pixel to ``(num_maps, num)``."""
    return torch.addmm(layer.bias[:, None], layer.masked_weight().flatten(1), h)


def around_pixels(layer: MaskedConv2d, x: Tensor) -> Tensor:
    """Apply a convolution to images ``(channels, height, width, batch)``; returns ``(num_maps, num_pixels, batch)``.

    One product with all that is seen, laid out beside each other: few channels make that small.
    """
    height, width = x.shape[1:3]
    above, radius = layer.num_above, layer.radius
    places = [(row, column) for row in range(above) for column in range(2 * radius + 1)]
    places += [(above, column) for column in range(radius + 1)]
    padded = F.pad(x, (0, 0, radius, radius, above, 0))
    seen = [padded[:, row : row + height, column : column + width] for row, column in places]
    weight = layer.masked_weight().flatten(2)[:, :, : len(places)].flatten(1)
    h = torch.addmm(layer.bias[:, None], weight, torch.stack(seen, 1).flatten(0, 1).flatten(1))
    return h.view(len(h), height * width, x.shape[3])
