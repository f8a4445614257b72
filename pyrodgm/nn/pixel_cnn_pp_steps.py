"""Drawing from a PixelCNN++: pixel by pixel, or row by row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pyrodgm.nn.causal import Draw, Track, UnsettledError, symbols_first
from pyrodgm.nn.shifted_rows import WHOLE, StreamRows, as_matrix, columns_and_row

if TYPE_CHECKING:
    from pyrodgm.nn.pixel_cnn_pp import PixelCNNPlusPlus


class PixelCNNPlusPlusRows:
    """The network, a row at a time; each unit is computed once, when the pixels that it sees are complete.

    Args:
        net: The network.
        batch: Number of draws.
        context: ``(batch, *context_shape)`` or ``None``.
    """

    @torch.no_grad()
    def __init__(self, net: "PixelCNNPlusPlus", batch: int, context: Tensor | None) -> None:
        channels, _, width = net.shape
        contexts, like = net.contexts(context), net.output_layer.weight
        self.above = StreamRows(net.above, contexts, width, batch)
        self.left = StreamRows(net.left, contexts, width, batch, self.above)
        self.features = columns_and_row(self.left.last.reader())
        self.above.connect()
        self.left.connect()
        self.output_weight, self.output_bias = like.detach().flatten(1).t(), net.output_layer.bias.detach()  # type: ignore[union-attr]
        self._read_entry(net)
        self.bases = columns_and_row(like.new_empty(width, batch, net.num_channels))
        self.pixels = like.new_zeros(width + 2, batch, channels + 1)  # of the row, or of the one above till it begins
        self.lefts = columns_and_row(self.pixels[:-2])
        values = self.pixels[1:-1, :, :channels]
        self.values = [*values.unbind(0), values]
        self.window_before = like.new_zeros(width * batch, 3 * (channels + 1))  # of two rows above
        self.step, self.origin = 2 / (net.num_levels - 1), like.new_tensor(-1.0)
        self.row = 0

    def _read_entry(self, net: "PixelCNNPlusPlus") -> None:
        upper, left = net.enter_above.weight.detach(), net.enter_left.weight.detach()
        row_above = net.enter_row_above.weight.detach()[:, :, 0].clone()
        row_above[:, :, 0] += left[:, :, 0, 0]  # both see the column to the left in the row above
        self.upper_bias = net.enter_above.bias.detach()  # type: ignore[union-attr]
        self.left_bias = (net.enter_row_above.bias + net.enter_left.bias).detach()  # type: ignore[operator, union-attr]
        self.upper_from_two_above, self.upper_from_above = (as_matrix(row) for row in upper.unbind(2))
        self.left_from_above, self.left_from_beside = as_matrix(row_above), left[:, :, 1, 0].t()

    def begin(self) -> None:
        """Compute for a new row what the rows above contribute."""
        self.above.begin(self.row)
        window = torch.cat((self.pixels[:-2], self.pixels[1:-1], self.pixels[2:]), 2).flatten(0, 1)
        entering = self.above.entering.raw[WHOLE]
        torch.addmm(self.upper_bias, self.window_before, self.upper_from_two_above, out=entering)
        torch.addmm(entering, window, self.upper_from_above, out=entering)
        self.above.entering.activate(WHOLE)
        self.above(WHOLE)
        torch.addmm(self.left_bias, window, self.left_from_above, out=self.bases[WHOLE])
        self.left.begin(self.row)
        self.window_before = window
        self.pixels[1:-1, :, -1] = 1.0
        self.row += 1

    def params(self, at: int) -> Tensor:
        """Return the parameters at a column, ``(batch, num_params)``, or of the row, ``(width * batch, ...)``."""
        entering = self.left.entering
        torch.addmm(self.bases[at], self.lefts[at], self.left_from_beside, out=entering.raw[at])
        entering.activate(at)
        self.left(at)
        return torch.addmm(self.output_bias, self.features[at], self.output_weight)

    def take(self, value: Tensor, at: int) -> None:
        """Take values at a column, ``(batch, channels)``, or of the row, ``(width, batch, channels)``."""
        torch.add(self.origin, value, alpha=self.step, out=self.values[at])


class PixelCNNPlusPlusStepper:
    """One sweep through a :class:`PixelCNNPlusPlus`; called first with ``None``, then with each value drawn.

    Args:
        net: The network.
        batch: Number of draws.
        context: ``(batch, *context_shape)`` or ``None``.
    """

    def __init__(self, net: "PixelCNNPlusPlus", batch: int, context: Tensor | None) -> None:
        self.channels, _, self.width = net.shape
        self.rows = PixelCNNPlusPlusRows(net, batch, context)
        self.batch, self.position = batch, 0

    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the value just drawn, ``(batch, *symbol_shape)``, and return the next ``(batch, num_params)``."""
        column = self.position % self.width
        if value is not None:
            self.rows.take(value.detach().reshape(self.batch, self.channels), (self.position - 1) % self.width)
        if column == 0:
            self.rows.begin()
        self.position += 1
        return self.rows.params(column)


@torch.no_grad()
def sweep_rows(
    net: "PixelCNNPlusPlus", draw: Draw, sources: Sequence[Tensor], context: Tensor | None, track: Track
) -> Tensor:
    """Solve for all pixels row by row; a row is guessed to be like the one above, and iterated until it stays.

    After ``k`` passes over a row its first ``k`` pixels are final.

    Args:
        net: The network.
        draw: Deterministic and elementwise over positions.
        sources: What values are drawn from, each ``(batch, *grid_shape, ...)``.
        context: ``(batch, *context_shape)`` or ``None``.
        track: Wraps the rows.

    Returns:
        ``x``, ``(batch, *event_shape)``.

    Raises:
        UnsettledError: If a row did not settle in as many passes as it has pixels.
    """
    (channels, height, width), grid_dim = net.shape, len(net.grid_shape)
    batch = len(sources[0])
    rows = PixelCNNPlusPlusRows(net, batch, context)
    grids = [source.flatten(1, grid_dim).unflatten(1, (height, width)) for source in sources]
    values: list[Tensor] = []
    value: Tensor | None = None
    for row in track(range(height)):
        rows.begin()
        parts = [grid[:, row] for grid in grids]
        for _ in range(width + 1):
            params = rows.params(WHOLE).view(width, batch, net.num_params).transpose(0, 1)
            new = draw(params, *parts)
            if value is not None and torch.equal(new, value):
                break
            value = new
            rows.take(value.reshape(batch, width, channels).transpose(0, 1), WHOLE)
        else:
            raise UnsettledError(f"Expected a row that settles in {width} passes; got values that still change.")
        values.append(new)
    x = torch.stack(values, 1).reshape(batch, *net.grid_shape, *net.symbol_shape)
    return symbols_first(x, len(net.symbol_shape), grid_dim)
