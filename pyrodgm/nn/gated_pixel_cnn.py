"""Gated PixelCNN: two stacks of convolutions, one over the rows above and one along the row, without a blind spot."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from pyrodgm.nn.causal import Draw, Track
from pyrodgm.nn.gated_pixel_cnn_steps import GatedPixelCNNStepper, sweep_rows
from pyrodgm.nn.masked_conv import MaskedConv2d, share_channels
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.pixel_net import ContextLayer, CoordinateLayer, PixelNet, add_bias, check_kernel_sizes


class GatedPixelCNN(PixelNet):
    r"""Two stacks of gated convolutions: a pixel's parameters see all pixels before it, to the width of the field.

    The vertical stack sees the rows above; the horizontal one what is left of the pixel in its own row, and the maps of
    the vertical stack at the pixel. Each layer is :math:`\tanh(W_f * h + V_f c) \odot \sigma(W_g * h + V_g c)`, with a
    residual connection in the horizontal stack. Feature maps of that stack are shared out evenly over the channels of a
    pixel where these are drawn one after the other.

    Args:
        shape: Shape (channels, height, width) of one image.
        num_params: Number of parameters of one position.
        context_dim: Number of context features; ``(k, height, width)`` for a feature map; 0 for none.
        num_levels: Number of values of a variable, scaled from 0 .. num_levels - 1 to [-1, 1].
        num_layers: Number of layers.
        num_channels: Number of feature maps of each stack.
        kernel_sizes: Width of the first convolutions, at least 3, and of the others; odd.
        coordinates: Whether the first layer knows the pixel's row and column. The paper's network does not; a shallow
            one gains much, since it cannot see how far the image's edges are.
        symbol_shape: ``()`` makes each channel of a pixel a position, ``(channels,)`` each whole pixel.

    Raises:
        ValueError: If a size is not positive, a kernel is even, or a pixel has more channels than there are maps.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.GatedPixelCNN((1, 8, 8), 1, context_dim=10, num_layers=3, num_channels=8)
        >>> net(torch.zeros(5, 1, 8, 8), torch.zeros(5, 10)).shape
        torch.Size([5, 1, 8, 8, 1])

    References:
        van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu (2016), Conditional Image Generation with
        PixelCNN Decoders, sections 2.1-2.4, eq. 4 and figure 2, https://arxiv.org/abs/1606.05328
    """

    def __init__(
        self,
        shape: Sequence[int],
        num_params: int,
        *,
        context_dim: int | Sequence[int] = 0,
        num_levels: int = 2,
        num_layers: int = 7,
        num_channels: int = 64,
        kernel_sizes: tuple[int, int] = (7, 3),
        coordinates: bool = True,
        symbol_shape: Sequence[int] = (),
    ) -> None:
        super().__init__(shape, num_params, context_dim=context_dim, num_levels=num_levels, symbol_shape=symbol_shape)
        check_dim("num_layers", num_layers)
        check_dim("num_channels", num_channels, self.num_parts)
        first_radius, radius = check_kernel_sizes(kernel_sizes, 3)
        inputs = share_channels(self.shape[0], self.num_parts)
        maps = share_channels(num_channels, self.num_parts)
        outputs = share_channels(self.num_parts * num_params, self.num_parts)
        self.num_channels = num_channels
        layers = [GatedLayer(inputs, maps, first_radius, is_first=True)]
        layers += [GatedLayer(maps, maps, radius) for _ in range(num_layers - 1)]
        self.layers = nn.ModuleList(layers)
        self.hidden = MaskedConv2d(maps, maps, 0)
        self.last = MaskedConv2d(maps, outputs, 0)
        sizes = [2 * num_channels] * (2 * num_layers)
        self.context_layer = ContextLayer(self.context_shape, sizes) if self.context_shape else None
        self.coordinate_layer = CoordinateLayer(self.shape, 4 * num_channels) if coordinates else None

    @property
    def gated_layers(self) -> list["GatedLayer"]:
        """The layers, from the input to the output."""
        return cast(list[GatedLayer], list(self.layers))

    def biases(self, context: Tensor | None) -> tuple[list[Tensor | None], list[Tensor | None]]:
        """Return what context and coordinates add to each layer of the vertical stack and of the horizontal one."""
        num = len(self.layers)
        biases: list[Tensor | None] = [None] * (2 * num)
        if self.context_layer is not None and context is not None:
            biases = list(self.context_layer(context))
        if self.coordinate_layer is not None:
            above, along = self.coordinate_layer().chunk(2, 1)
            biases[0], biases[num] = add_bias(above, biases[0]), add_bias(along, biases[num])
        return biases[:num], biases[num:]

    def maps(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Return the parameters of scaled images as maps."""
        v = h = x
        for layer, above_bias, along_bias in zip(self.gated_layers, *self.biases(context), strict=True):
            v, h = layer(v, h, above_bias, along_bias)
        return self.readout(h)

    def readout(self, h: Tensor) -> Tensor:
        """Return the parameters from the maps of the horizontal stack."""
        return self.last(self.hidden(h.relu()).relu_())  # type: ignore[no-any-return]

    def flat_stepper(self, batch: int, context: Tensor | None) -> GatedPixelCNNStepper:
        """Return what computes the same outputs position by position, each unit once."""
        return GatedPixelCNNStepper(self, batch, context)

    def sweep(
        self, draw: Draw, sources: Sequence[Tensor], context: Tensor | None = None, track: Track = iter
    ) -> Tensor:
        """Iterate over a row at a time, with what it sees above computed once.

        Args:
            draw: Deterministic and elementwise over positions.
            sources: What values are drawn from, each ``(batch, *grid_shape, ...)``.
            context: ``(batch, *context_shape)`` or ``None``.
            track: Wraps the rows.

        Raises:
            UnsettledError: If a row did not settle in as many passes as it has positions.
        """
        return sweep_rows(self, draw, sources, context, track)


class GatedLayer(nn.Module):
    """One layer of both stacks.

    Args:
        inputs: ``(num_in,)``, the image channel that each input map belongs to.
        maps: ``(num_channels,)``, the same of the output maps.
        radius: Columns seen on either side, and rows seen above.
        is_first: Whether the input is the image: then the vertical stack leaves the pixel's own row out, the horizontal
            one the pixel's own channel and later ones, and nothing is added to the input.
    """

    def __init__(self, inputs: Tensor, maps: Tensor, radius: int, *, is_first: bool = False) -> None:
        super().__init__()
        self.radius, self.is_first = radius, is_first
        both = torch.cat([maps, maps])
        num_rows = radius if is_first else radius + 1
        self.above = nn.Conv2d(len(inputs), len(both), (num_rows, 2 * radius + 1), padding=radius)
        weight = self.above.weight.detach().contiguous(memory_format=torch.channels_last)  # faster on a processor
        self.above.weight = nn.Parameter(weight)
        self.link = nn.Conv2d(len(both), len(both), 1, bias=False)
        self.along = MaskedConv2d(inputs, both, radius, num_above=0, strict=is_first)
        self.mix = MaskedConv2d(maps, maps, 0)

    def forward(
        self, v: Tensor, h: Tensor, above_bias: Tensor | None, along_bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the vertical stack's maps before their gate, and the horizontal stack's.

        Args:
            v: The vertical stack's maps of the layer below, before their gate; or the image.
            h: The horizontal stack's maps of the layer below; or the image.
            above_bias: What context and coordinates add to the vertical stack, broadcast against its maps.
            along_bias: What they add to the horizontal stack.
        """
        v = v if self.is_first else gate(v)
        above = self.above(v)[:, :, : v.shape[2]]  # rows beyond see the last rows of the image from below
        above = add_bias(above, above_bias)
        return above, self.along_row(h, add_bias(self.link(above), along_bias))

    def along_row(self, h: Tensor, added: Tensor) -> Tensor:
        """Return the horizontal stack's maps, given those of the layer below and what is added from above."""
        mixed: Tensor = self.mix(gate(self.along(h) + added))
        return mixed if self.is_first else h + mixed


def gate(x: Tensor) -> Tensor:
    r"""Return :math:`\tanh(a) \odot \sigma(b)` of maps ``[a, b]``."""
    a, b = x.chunk(2, 1)
    return a.tanh() * b.sigmoid()
