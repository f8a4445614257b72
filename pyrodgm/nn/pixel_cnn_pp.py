"""PixelCNN++: two streams of shifted convolutions, over several resolutions."""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.causal import Draw, Track
from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.nn.mlp import check_dim, check_dropout
from pyrodgm.nn.pixel_cnn_pp_steps import PixelCNNPlusPlusStepper, sweep_rows
from pyrodgm.nn.pixel_net import PixelNet
from pyrodgm.nn.shifted_conv import ShiftedConv2d
from pyrodgm.nn.shifted_streams import Stream, signal


class PixelCNNPlusPlus(PixelNet):
    r"""Two streams over an image: of the rows above each pixel, and of these and what is to its left.

    Of several channels, a position is a whole pixel (``symbol_shape == (channels,)``): a head over the channels then
    says how they depend on each other. Of one channel, a position is one variable. Blocks are gated, and the left
    stream reads the upper one. A channel of ones tells the image from what surrounds it.

    There is no blind spot within the field of view, which depth widens. Coarser resolutions, of sizes that need not
    be even, widen it fast, but lag: in every other row, the left of the row itself and the right of the one above are
    seen through the finest resolution alone, ``4 * num_blocks + 2`` columns of them.

    The paper's weight normalization is left to :func:`torch.nn.utils.parametrizations.weight_norm`, which can be
    registered on the convolutions.

    Args:
        shape: Shape (channels, height, width) of one image.
        num_params: Number of parameters of one position.
        context_dim: Number of context features; ``(k, height, width)`` for a feature map; 0 for none. Every block sees
            it, coarser ones the averages of a map.
        num_levels: Number of values of a variable, scaled from 0 .. num_levels - 1 to [-1, 1].
        num_channels: Number of feature maps of each stream.
        num_blocks: Number of blocks a resolution on the way down; there are as many on the way up, and one more at
            each resolution but the coarsest.
        num_scales: Number of resolutions, each half of the one before, rounded up.
        dropout: Probability of dropping a unit inside of each block, in training; stepping and sweeping never drop.

    Raises:
        ValueError: If a size is not positive, a feature map does not fit the image, or ``dropout`` is not in [0, 1).

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.PixelCNNPlusPlus((3, 5, 7), 100, num_levels=256, num_channels=8)
        >>> net(torch.randint(256, (2, 3, 5, 7))).shape
        torch.Size([2, 5, 7, 100])

    References:
        Salimans, Karpathy, Chen, Kingma (2017), PixelCNN++, sections 2.3-2.5, https://arxiv.org/abs/1701.05517
    """

    def __init__(
        self,
        shape: Sequence[int],
        num_params: int,
        *,
        context_dim: int | Sequence[int] = 0,
        num_levels: int = 2,
        num_channels: int = 64,
        num_blocks: int = 2,
        num_scales: int = 3,
        dropout: float = 0.0,
    ) -> None:
        channels = check_image_shape(shape)[0]
        symbol_shape = (channels,) if channels > 1 else ()
        super().__init__(shape, num_params, context_dim=context_dim, num_levels=num_levels, symbol_shape=symbol_shape)
        self.num_channels = check_dim("num_channels", num_channels)
        check_dim("num_blocks", num_blocks)
        self.num_scales = check_dim("num_scales", num_scales)
        check_dropout(dropout)
        entering = channels + 1
        self.enter_above = ShiftedConv2d(entering, num_channels, (2, 3), both_sides=True, offset=(1, 0))
        self.enter_row_above = ShiftedConv2d(entering, num_channels, (1, 3), both_sides=True, offset=(1, 0))
        self.enter_left = ShiftedConv2d(entering, num_channels, (2, 1), both_sides=False, offset=(0, 1))
        features = self.context_shape[0] if self.context_shape else 0
        sizes = (num_channels, num_blocks, num_scales)
        self.above = Stream(*sizes, follows=False, context_dim=features, both_sides=True, dropout=dropout)
        self.left = Stream(*sizes, follows=True, context_dim=features, both_sides=False, dropout=dropout)
        self.output_layer = nn.Conv2d(2 * num_channels, num_params, 1)

    def maps(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Return ``(num, num_params, height, width)`` of scaled images."""
        x = torch.cat((x, torch.ones_like(x[:, :1])), 1)
        contexts = self.contexts(context)
        above = self.above(signal(self.enter_above(x)), contexts)
        left = self.left(signal(self.enter_row_above(x) + self.enter_left(x)), contexts, iter(above))
        return cast(Tensor, self.output_layer(left[-1].active))

    def contexts(self, context: Tensor | None) -> list[Tensor | None]:
        """Return the context at each resolution, ``(num, k, height, width)``, or ``(num, k, 1, 1)`` of a vector."""
        if context is None:
            return [None] * self.num_scales
        context = context.to(self.output_layer.weight.dtype)
        if len(self.context_shape) == 1:
            return [context[:, :, None, None]] * self.num_scales
        contexts = [context]
        for _ in range(self.num_scales - 1):
            contexts.append(F.avg_pool2d(contexts[-1], 2, ceil_mode=True))
        return list(contexts)

    def flat_stepper(self, batch: int, context: Tensor | None) -> PixelCNNPlusPlusStepper:
        """Return what computes the same outputs pixel by pixel, each unit once."""
        return PixelCNNPlusPlusStepper(self, batch, context)

    def prefers_sweep(self, num_draws: int) -> bool:
        """Whether few binary images are drawn: rows of many levels settle slowly, and passes cost by the draw."""
        return self.num_levels == 2 and num_draws <= 4

    def sweep(
        self, draw: Draw, sources: Sequence[Tensor], context: Tensor | None = None, track: Track = iter
    ) -> Tensor:
        """Solve for all pixels row by row, each row by iteration with all that is above it computed once.

        Args:
            draw: Deterministic and elementwise over positions.
            sources: What values are drawn from, each ``(batch, *grid_shape, ...)``.
            context: ``(batch, *context_shape)`` or ``None``.
            track: Wraps the rows.

        Returns:
            ``x``, ``(batch, *event_shape)``.

        Raises:
            UnsettledError: If a row did not settle in as many passes as it has pixels.
        """
        self.check_context(context)
        return sweep_rows(self, draw, sources, context, track)
