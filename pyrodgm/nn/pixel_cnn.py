"""PixelCNN: a causal network on images made of masked convolutions."""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.front_net import FrontNet
from pyrodgm.nn.masked_conv import MaskedConv2d, share_channels
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.pixel_cnn_steps import PixelCNNSteps
from pyrodgm.nn.pixel_net import ContextLayer, CoordinateLayer, add_bias, check_kernel_sizes


class PixelCNN(FrontNet):
    r"""Masked convolutions: a pixel's parameters see the pixels before it, row by row, in a widening field above.

    One convolution with mask A, then residual blocks :math:`h + W_3\, r(W_2 *\, r(W_1\, r(h)))` of masked convolutions
    with mask B, :math:`r` the ReLU, and two more layers at the pixel itself. Feature maps are shared out evenly over
    the channels of a pixel where these are drawn one after the other; the context enters each layer as a bias.

    The field has a blind spot: above a pixel it opens to the right by one convolution's radius a row, and what lies
    beyond is never seen. :class:`GatedPixelCNN` has none. It is also what draws are fast for: pixels that do not see
    each other are drawn together, along lines through the image (:meth:`sweep`).

    Args:
        shape: Shape (channels, height, width) of one image.
        num_params: Number of parameters of one position.
        context_dim: Number of context features; ``(k, height, width)`` for a feature map; 0 for none.
        num_levels: Number of values of a variable, scaled from 0 .. num_levels - 1 to [-1, 1].
        num_layers: Number of layers that see neighbours: the first, and the residual blocks.
        num_channels: Number :math:`h` of feature maps inside a block; there are :math:`2h` between blocks.
        kernel_sizes: Width of the first convolution and of the others, odd.
        coordinates: Whether the first layer knows the pixel's row and column. The paper's network does not; a shallow
            one gains much, since it cannot see how far the image's edges are.
        symbol_shape: ``()`` makes each channel of a pixel a position, ``(channels,)`` each whole pixel.

    Raises:
        ValueError: If a size is not positive, a kernel is even, or a pixel has more channels than there are maps.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.PixelCNN((3, 8, 8), 256, num_levels=256, num_layers=3, num_channels=12)
        >>> net(torch.randint(256, (5, 3, 8, 8))).shape
        torch.Size([5, 3, 8, 8, 256])

    References:
        van den Oord, Kalchbrenner, Kavukcuoglu (2016), Pixel Recurrent Neural Networks, sections 3.3-3.5, figure 5 and
        table 1, https://arxiv.org/abs/1601.06759
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
        first_radius, radius = check_kernel_sizes(kernel_sizes)
        inputs = share_channels(self.shape[0], self.num_parts)
        inner, outer = (share_channels(size, self.num_parts) for size in (num_channels, 2 * num_channels))
        outputs = share_channels(self.num_parts * num_params, self.num_parts)
        self.num_channels, self.radius = num_channels, radius
        self.first = MaskedConv2d(inputs, outer, first_radius, strict=True)
        self.blocks = nn.ModuleList(ResidualBlock(inner, outer, radius) for _ in range(num_layers - 1))
        self.hidden = MaskedConv2d(outer, outer, 0)
        self.last = MaskedConv2d(outer, outputs, 0)
        sizes = [2 * num_channels, *[num_channels] * (num_layers - 1)]
        self.context_layer = ContextLayer(self.context_shape, sizes) if self.context_shape else None
        self.coordinate_layer = CoordinateLayer(self.shape, 2 * num_channels) if coordinates else None

    @property
    def residual_blocks(self) -> list["ResidualBlock"]:
        """The blocks, from the input to the output."""
        return cast(list[ResidualBlock], list(self.blocks))

    def biases(self, context: Tensor | None) -> list[Tensor | None]:
        """Return what the context and the coordinates add to the first layer, and the context to each block."""
        biases: list[Tensor | None] = [None] * (len(self.blocks) + 1)
        if self.context_layer is not None and context is not None:
            biases = list(self.context_layer(context))
        if self.coordinate_layer is not None:
            biases[0] = add_bias(self.coordinate_layer(), biases[0])
        return biases

    def maps(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Return the parameters of scaled images as maps."""
        first, *biases = self.biases(context)
        h = add_bias(self.first(x), first).contiguous(memory_format=torch.channels_last)
        for block, bias in zip(self.residual_blocks, biases, strict=True):
            h = h + block(h, bias)
        return self.last(self.hidden(h.relu()).relu_())  # type: ignore[no-any-return]

    def steps(self, batch: int, context: Tensor | None, slope: int) -> PixelCNNSteps:
        """Return what computes the parameters front by front."""
        return PixelCNNSteps(self, batch, context, slope)


class ResidualBlock(nn.Module):
    """What a block adds to ``2 h`` feature maps: narrow to ``h``, look around, widen again.

    Args:
        inner: ``(h,)``, the image channel that each of the maps inside belongs to.
        outer: ``(2 h,)``, the same of the maps outside.
        radius: Columns and rows seen.
    """

    def __init__(self, inner: Tensor, outer: Tensor, radius: int) -> None:
        super().__init__()
        self.narrow = MaskedConv2d(outer, inner, 0)
        self.above = MaskedConv2d(inner, inner, radius)
        self.widen = MaskedConv2d(inner, outer, 0)

    def forward(self, h: Tensor, bias: Tensor | None) -> Tensor:
        """Return what is added to ``h``, ``(batch, 2 h, height, width)``; the bias comes from the context."""
        a = self.above(F.relu_(self.narrow(h.relu())))
        return self.widen(add_bias(a, bias).relu())  # type: ignore[no-any-return]
