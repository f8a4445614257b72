"""The streams of a PixelCNN++ in drawing: a row at a time, and within a row by columns or all of them together."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm.nn.shifted_streams import GatedBlock, Stream

WHOLE = -1  # in the place of a column: the whole row


class RowMaps:
    """A row of one signal: its values, and its activations wherever they are read.

    Tensors are laid out (column, batch, channel). Views of each column, and last of the whole row, are cut once: in so
    small products a slice costs as much as the arithmetic.

    Args:
        width: Number of columns.
        batch: Number of draws.
        num_channels: Number of channels.
        like: A tensor of the parameters' dtype and device.
    """

    def __init__(self, width: int, batch: int, num_channels: int, like: Tensor) -> None:
        self.padded = like.new_zeros(width + 2, batch, num_channels)  # a column of zeros on either side
        self.raw = columns_and_row(self.padded[1:-1])
        self.signs = like.new_tensor([[1.0], [-1.0]])
        self.readers: list[Tensor] = []  # (width, batch, 2 * num_channels) each
        self.values: list[Tensor]
        self.active: list[Tensor]
        self.copies: list[list[Tensor]]

    def reader(self) -> Tensor:
        """Return a row of activations, one that is read in any case if there is one."""
        if not self.readers:
            width, batch, num_channels = self.padded.shape
            self.readers.append(self.padded.new_zeros(width - 2, batch, 2 * num_channels))
        return self.readers[0]

    def connect(self) -> None:
        """Cut the views, when all readers are known."""
        values = self.padded[1:-1].unsqueeze(2)
        self.values = [*values.unbind(0), values]
        if self.readers:
            active = self.readers[0].unflatten(2, (2, -1))
            self.active = [*active.unbind(0), active]
            self.copies = [[*reader.unbind(0), reader] for reader in self.readers]

    def activate(self, at: int) -> None:
        """Compute activations from values at a column, and hand them to all readers."""
        if self.readers:
            active = self.active[at]
            torch.mul(self.values[at], self.signs, out=active)
            F.elu_(active)
            first, *others = self.copies
            for copy in others:
                copy[at].copy_(first[at])


class RowBlock:
    """A block at one row; what the row above contributes is computed for all columns at once.

    A window holds the activations of the columns that a column sees, then those of a signal of the way down, so that
    each layer of one column is one product on contiguous memory. Windows still hold the row above when a row begins.

    Args:
        block: The block.
        width: Number of columns.
        batch: Number of draws.
        context: The context, ``(batch, k, height, width)`` or of height and width 1.
        upper: Activations of the block of the other stream that it reads, if it does.
    """

    def __init__(self, block: GatedBlock, width: int, batch: int, context: Tensor | None, upper: Tensor | None) -> None:
        first, second = block.first.weight.detach(), block.second.weight.detach()
        self.num_channels = num_channels = len(first)
        self.first_above, self.second_above = as_matrix(first[:, :, 0]), as_matrix(second[:, :, 0])
        self.first_beside, self.second_beside = as_matrix(first[:, :, 1]), as_matrix(second[:, :, 1])
        self.first_bias = block.first.bias.detach()  # type: ignore[union-attr]
        self.second_biases = second_biases(block, width, context)
        self.upper = None if upper is None else upper.flatten(0, 1)
        if block.others_layer is not None:
            others = block.others_layer.weight.detach()[:, :, 0, 0]
            self.from_upper, skipped = others.t().tensor_split([0 if upper is None else 2 * num_channels])
            self.first_beside = torch.cat((self.first_beside, skipped))

        def row(channels: int, columns: int = width) -> Tensor:
            return first.new_zeros(columns, batch, channels)

        self.first_window, second_window = (
            row(len(weight), width + 2) for weight in (self.first_beside, self.second_beside)
        )
        self.first_windows, self.second_windows = (
            columns_and_row(window[1:-1]) for window in (self.first_window, second_window)
        )
        self.first_bases, self.second_bases = columns_and_row(row(num_channels)), columns_and_row(row(2 * num_channels))
        self.gates = columns_and_row(row(2 * num_channels))
        self.halves = [part.chunk(2, -1) for part in self.gates]
        self.entering: list[Tensor]
        self.hidden, self.made = (RowMaps(width, batch, num_channels, first) for _ in range(2))
        self.hidden.readers += windowed(second_window, num_channels, first.shape[3])
        self.num_columns = first.shape[3]

    def reads(self, entering: RowMaps, skipped: RowMaps | None = None) -> None:
        """Connect the block to what enters it, and to a signal of the way down."""
        self.entering = entering.raw
        entering.readers += windowed(self.first_window, self.num_channels, self.num_columns)
        if skipped is not None:
            skipped.readers.append(self.first_window[1:-1, :, -2 * self.num_channels :])

    def begin(self, row: int) -> None:
        """Compute what the row above, the other stream and the context contribute to a new row."""
        base, window = self.first_bases[WHOLE], self.first_windows[WHOLE]
        torch.addmm(self.first_bias, window[:, : len(self.first_above)], self.first_above, out=base)
        if self.upper is not None:
            torch.addmm(base, self.upper, self.from_upper, out=base)
        bias = self.second_biases[row if len(self.second_biases) > 1 else 0]
        torch.addmm(bias, self.second_windows[WHOLE], self.second_above, out=self.second_bases[WHOLE])

    def __call__(self, at: int) -> None:
        """Compute one column, or the whole row."""
        torch.addmm(self.first_bases[at], self.first_windows[at], self.first_beside, out=self.hidden.raw[at])
        self.hidden.activate(at)
        torch.addmm(self.second_bases[at], self.second_windows[at], self.second_beside, out=self.gates[at])
        value, gate = self.halves[at]
        torch.addcmul(self.entering[at], value, gate.sigmoid_(), out=self.made.raw[at])
        self.made.activate(at)


class StreamRows:
    """One stream, a row at a time; a stream that sees both sides takes whole rows only.

    Args:
        stream: The stream.
        contexts: The context at this and each coarser resolution.
        width: Number of columns.
        batch: Number of draws.
        upper: The stream that it follows, which has to be a row ahead.
    """

    def __init__(
        self,
        stream: Stream,
        contexts: Sequence[Tensor | None],
        width: int,
        batch: int,
        upper: "StreamRows | None" = None,
    ) -> None:
        followed = [None] * len(stream.blocks) if upper is None else [block.made.reader() for block in upper.blocks]
        self.blocks: list[RowBlock] = [
            RowBlock(block, width, batch, contexts[0], other)
            for block, other in zip(stream.blocks, followed, strict=True)
        ]
        self.down, self.up = self.blocks[: len(stream.down)], self.blocks[len(stream.down) :]
        like, num_channels = self.blocks[0].first_bias, self.blocks[0].num_channels
        self.width = width
        self.entering = x = RowMaps(width, batch, num_channels, like)
        kept = [x]
        for block in self.down:
            block.reads(x)
            x = block.made
            kept.append(x)
        self.coarse = None
        if stream.inner is None:
            kept.pop()
        else:
            beyond = upper.coarse.inner if upper is not None and upper.coarse is not None else None
            inner = StreamRows(stream.inner, contexts[1:], (width + 1) // 2, batch, beyond)
            self.coarse = CoarseRows(stream, inner, x, RowMaps(width, batch, num_channels, like))
            x = self.coarse.grown
        for block in self.up:
            block.reads(x, kept.pop())
            x = block.made
        self.last = x

    def connect(self) -> None:
        """Cut the views, when all readers are known."""
        self.entering.connect()
        for block in self.blocks:
            block.hidden.connect()
            block.made.connect()
        if self.coarse is not None:
            self.coarse.grown.connect()
            self.coarse.inner.connect()

    def begin(self, row: int) -> None:
        """Compute what the row above and the other stream contribute to a new row."""
        for block in self.blocks:
            block.begin(row)
        if self.coarse is not None:
            self.coarse.begin(row)

    def __call__(self, at: int) -> None:
        """Compute one column, or the whole row."""
        for block in self.down:
            block(at)
        if self.coarse is not None:
            self.coarse(at)
        for block in self.up:
            block(at)


class CoarseRows:
    """The coarser stream between the way down and the way up.

    Its units are computed at every other column of every other row, as soon as what they see is there.

    Args:
        stream: The finer stream.
        inner: The coarser one.
        bottom: The last signal of the way down.
        grown: What enters the way up.
    """

    def __init__(self, stream: Stream, inner: StreamRows, bottom: RowMaps, grown: RowMaps) -> None:
        self.inner, self.grown = inner, grown
        shrink, grow = stream.shrink.weight.detach(), stream.grow.weight.detach()
        self.shrink_bias, self.grow_bias = stream.shrink.bias.detach(), stream.grow.bias.detach()  # type: ignore[union-attr]
        self.shrink = [[kernel.t() for kernel in row.unbind(2)] for row in shrink.unbind(2)]
        self.grow = [list(row.unbind(2)) for row in grow.unbind(2)]
        seen = [bottom.padded[j::2][: inner.width] for j in range(shrink.shape[3])]  # columns 2 j - 1, 2 j, (2 j + 1)
        self.seen = list(zip(*([*columns.unbind(0), columns] for columns in seen), strict=True))
        self.bases = columns_and_row(torch.empty_like(inner.entering.padded[1:-1]))
        self.row = 0

    def begin(self, row: int) -> None:
        """Start a coarse row at an even row; at an odd one, all that comes from below is known."""
        self.row = row
        if row % 2 == 0:
            self._shrink(0, WHOLE, self.shrink_bias, self.bases[WHOLE])
            self.inner.begin(row // 2)
        else:
            self._enlarge_row()

    def __call__(self, at: int) -> None:
        """Compute what belongs to a column, or to the whole row."""
        if self.row % 2 == 1:
            return
        if at == WHOLE or at % 2 == 0:
            half = at // 2  # of the whole, the whole
            entering = self.inner.entering
            self._shrink(1, half, self.bases[half], entering.raw[half])
            entering.activate(half)
            self.inner(half)
        if at == WHOLE:
            self._enlarge_row()
        else:
            torch.addmm(self.grow_bias, self.inner.last.raw[at // 2], self.grow[0][at % 2], out=self.grown.raw[at])
            self.grown.activate(at)

    def _shrink(self, kernel_row: int, at: int, base: Tensor, out: Tensor) -> None:
        for columns, kernel in zip(self.seen[at], self.shrink[kernel_row], strict=True):
            base = torch.addmm(base, columns.reshape(out.shape), kernel, out=out)

    def _enlarge_row(self) -> None:
        weights, coarse = self.grow[self.row % 2], self.inner.last.padded[1:]  # ends with a column of zeros
        even, odd = self.grown.padded[1:-1:2], self.grown.padded[2:-1:2]
        even.copy_(coarse[: len(even)] @ weights[-2] + self.grow_bias)
        odd.copy_(coarse[: len(odd)] @ weights[-1] + self.grow_bias)
        if len(weights) == 3:
            odd += coarse[1 : len(odd) + 1] @ weights[0]
        self.grown.activate(WHOLE)


def second_biases(block: GatedBlock, width: int, context: Tensor | None) -> list[Tensor]:
    """Return bias and context of a block's second layer: ``(width * batch, channels)`` a row, or one for all rows."""
    bias = block.second.bias.detach()  # type: ignore[union-attr]
    if block.context_layer is None or context is None:
        return [bias]
    biases = block.context_layer(context).detach() + bias[:, None, None]
    biases = biases.expand(-1, -1, -1, width).permute(2, 3, 0, 1)  # (height or 1, width, batch, channels)
    return list(biases.flatten(1, 2).unbind(0))


def windowed(window: Tensor, num_channels: int, num_columns: int) -> list[Tensor]:
    """Return where windows ``(width + 2, batch, ...)`` take a row of activations.

    As the column's own first, then as those to the left of the next column, and to the right of the one before.
    """
    width, size = len(window) - 2, 2 * num_channels
    places = (1, 2, 0)[:num_columns]
    parts = (1, 0, 2)[:num_columns]
    return [
        window[place : place + width, :, part * size : (part + 1) * size]
        for place, part in zip(places, parts, strict=True)
    ]


def columns_and_row(x: Tensor) -> list[Tensor]:
    """Cut ``(width, batch, channels)`` into columns ``(batch, channels)``; last is the row ``(width * batch, ...)``."""
    return [*x.unbind(0), x.flatten(0, 1)]


def as_matrix(weight: Tensor) -> Tensor:
    """Turn one row of a kernel, ``(out, in, columns)``, into a matrix from windows ``(columns * in)`` to ``out``."""
    return weight.permute(2, 1, 0).flatten(0, 1)
