"""The streams of a PixelCNN++: gated residual blocks of shifted convolutions, over several resolutions."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.shifted_conv import ShiftedConv2d, ShiftedConvTranspose2d, concat_elu


class Signal(NamedTuple):
    """Feature maps, and their activations, which are computed once for all who read them."""

    raw: Tensor
    active: Tensor


def signal(raw: Tensor) -> Signal:
    """Activate feature maps."""
    return Signal(raw, concat_elu(raw))


class GatedBlock(nn.Module):
    r"""A residual block :math:`x + a \odot \sigma(b)` with :math:`(a, b) = W_2 * f(W_1 * f(x) + V f(e)) + U c`.

    :math:`f` is :func:`concat_elu`, :math:`e` what the block reads besides, :math:`c` the context.

    Args:
        num_channels: Number of channels of :math:`x`.
        num_others: How many other signals of as many channels it reads.
        context_dim: Number of context features.
        both_sides: Whether it sees both sides (kernels of 2 x 3) or the left only (2 x 2).
        dropout: Probability of dropping a unit of the inner layer in training.
    """

    def __init__(
        self, num_channels: int, num_others: int, *, context_dim: int, both_sides: bool, dropout: float
    ) -> None:
        super().__init__()
        kernel = (2, 3 if both_sides else 2)
        self.first = ShiftedConv2d(2 * num_channels, num_channels, kernel, both_sides=both_sides)
        self.second = ShiftedConv2d(2 * num_channels, 2 * num_channels, kernel, both_sides=both_sides)
        width = 2 * num_channels * num_others
        self.others_layer = nn.Conv2d(width, num_channels, 1, bias=False) if num_others else None
        self.context_layer = nn.Conv2d(context_dim, 2 * num_channels, 1, bias=False) if context_dim else None
        self.dropout = nn.Dropout(dropout)
        with torch.no_grad():
            self.second.weight.mul_(0.1)  # a deep stack starts near the identity

    def forward(self, x: Signal, others: Sequence[Tensor], context: Tensor | None) -> Signal:
        """Return the next signal of the stream.

        Args:
            x: Maps of ``(batch, num_channels, height, width)``.
            others: Activations of what it reads besides, ``(batch, 2 * num_channels, height, width)`` each.
            context: ``(batch, context_dim, height, width)``, or of height and width 1.
        """
        h = self.first(x.active)
        if self.others_layer is not None:
            h = h + self.others_layer(torch.cat(list(others), 1))
        h = self.second(self.dropout(concat_elu(h)))
        if self.context_layer is not None and context is not None:
            h = h + self.context_layer(context)
        return signal(x.raw + F.glu(h, 1))


class Stream(nn.Module):
    """One of the two streams at one resolution, with the coarser ones inside.

    ``num_blocks`` blocks go down; the coarser stream follows on half the rows and columns, rounded up; then blocks go
    up, each of which also reads a signal of the way down, the latest first, until all are read.

    Args:
        num_channels: Number of channels.
        num_blocks: Number of blocks on the way down.
        num_scales: Number of resolutions.
        follows: Whether its blocks read the other stream.
        context_dim: Number of context features.
        both_sides: Whether it sees both sides or the left only.
        dropout: Probability of dropping a unit in training.
    """

    def __init__(
        self,
        num_channels: int,
        num_blocks: int,
        num_scales: int,
        *,
        follows: bool,
        context_dim: int,
        both_sides: bool,
        dropout: float,
    ) -> None:
        super().__init__()

        def blocks(number: int, num_others: int) -> nn.ModuleList:
            settings = {"context_dim": context_dim, "both_sides": both_sides, "dropout": dropout}
            return nn.ModuleList(GatedBlock(num_channels, num_others, **settings) for _ in range(number))  # type: ignore[arg-type]

        self.down = blocks(num_blocks, int(follows))
        self.inner: Stream | None = None
        if num_scales > 1:
            kernel = (2, 3 if both_sides else 2)
            self.shrink = ShiftedConv2d(num_channels, num_channels, kernel, both_sides=both_sides, stride=2)
            self.inner = Stream(
                num_channels,
                num_blocks,
                num_scales - 1,
                follows=follows,
                context_dim=context_dim,
                both_sides=both_sides,
                dropout=dropout,
            )
            self.grow = ShiftedConvTranspose2d(num_channels, both_sides=both_sides)
        self.up = blocks(num_blocks + (num_scales > 1), 1 + int(follows))

    @property
    def blocks(self) -> list[GatedBlock]:
        """The blocks at this resolution, on the way down and on the way up."""
        return cast(list[GatedBlock], [*self.down, *self.up])

    def forward(
        self, x: Signal, contexts: Sequence[Tensor | None], followed: Iterator[Signal] | None = None
    ) -> list[Signal]:
        """Return the signals that its blocks make, in turn.

        Args:
            x: What enters.
            contexts: The context at this and each coarser resolution.
            followed: The signals of the stream that this one follows.
        """
        kept, made = [x], []
        for block in self.down:
            x = block(x, [next(followed).active] if followed else (), contexts[0])
            kept.append(x)
            made.append(x)
        if self.inner is None:
            kept.pop()
        else:
            made += self.inner(signal(self.shrink(x.raw)), contexts[1:], followed)
            x = signal(self.grow.enlarge(made[-1].raw, x.raw.shape[-2:]))
        for block in self.up:
            skipped = kept.pop().active
            x = block(x, [next(followed).active, skipped] if followed else [skipped], contexts[0])
            made.append(x)
        return made
