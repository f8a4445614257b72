"""Diagonal BiLSTM: a causal network on images that sees all of what comes before a pixel in every layer."""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.conv_lstm import ConvLSTM
from pyrodgm.nn.diagonal_bilstm_stepper import DiagonalBiLSTMStepper
from pyrodgm.nn.lstm_scan import Step, offset_tap
from pyrodgm.nn.pixel_rnn import PixelRNN, Widening, gate_mask


class DiagonalBiLSTM(PixelRNN):
    r"""Two LSTMs that go through an image from its upper corners, a diagonal at a time: a pixel sees all before it.

    .. math::
        [o, f, i, g] = \sigma(K^{ss} * h_{t-1} + K^{is} x_t), \quad
        c_t = f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh c_t

    on diagonal :math:`t`, with a tanh for :math:`g`; :math:`K^{ss}` reads the states of two neighbours, the one above
    and the one before in the row, :math:`K^{is}` the pixel itself. Pixels are brought into the order of the diagonals,
    so that nothing outside of the image is computed. The states from the right, a row late so that no pixel sees what
    follows it, are added to those from the left; each is widened to two maps and added to what the layer read. Where
    the channels of a pixel are drawn one after the other, maps are shared out over them; the context enters the gates
    of every layer and direction.

    The LSTM from the right in the first layer also reads the image, which it may, being late. It could not see the last
    pixel of the row above otherwise: the first convolution leaves out a pixel itself, and nothing follows that one.

    Args:
        shape: Shape (channels, height, width) of one image.
        num_params: Number of parameters of one position.
        context_dim: Number of context features; ``(k, height, width)`` for a feature map; 0 for none.
        num_levels: Number of values of a variable, scaled from 0 .. num_levels - 1 to [-1, 1].
        num_layers: Number of recurrent layers.
        num_channels: Number of states of a layer and direction; there are twice as many maps between layers.
        symbol_shape: ``()`` makes each channel of a pixel a position, ``(channels,)`` each whole pixel.

    Raises:
        ValueError: If a size is not positive, or a pixel has more channels than there are states.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.DiagonalBiLSTM((3, 8, 8), 256, num_levels=256, num_layers=2, num_channels=12)
        >>> net(torch.randint(256, (5, 3, 8, 8))).shape
        torch.Size([5, 3, 8, 8, 256])

    References:
        van den Oord, Kalchbrenner, Kavukcuoglu (2016), Pixel Recurrent Neural Networks, sections 3.2-3.4, figure 3 and
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
        num_channels: int = 16,
        symbol_shape: Sequence[int] = (),
    ) -> None:
        super().__init__(
            shape,
            num_params,
            context_dim=context_dim,
            num_levels=num_levels,
            num_layers=num_layers,
            num_channels=num_channels,
            symbol_shape=symbol_shape,
            num_directions=2,
        )
        height, width = self.shape[1:]
        steps, left = diagonal_steps(height, width), diagonals(height, width)
        right = left // width * width + (width - 1 - left % width)
        self.layers = nn.ModuleList(
            DiagonalLayer(self.inner, self.outer, steps, (left, right), self.shape[0] if index == 0 else 0)
            for index in range(num_layers)
        )

    @property
    def diagonal_layers(self) -> list["DiagonalLayer"]:
        """The layers, from the input to the output."""
        return cast(list[DiagonalLayer], list(self.layers))

    def recur(self, h: Tensor, x: Tensor, contexts: Sequence[Sequence[Tensor | None]]) -> Tensor:
        """Run the layers."""
        late = torch.cat((h, x))
        for layer, context in zip(self.diagonal_layers, contexts, strict=True):
            h = late = layer(h, late, context, self.shape[2])
        return h

    def flat_stepper(self, batch: int, context: Tensor | None) -> DiagonalBiLSTMStepper:
        """Return what computes the same outputs position by position, each unit once."""
        return DiagonalBiLSTMStepper(self, batch, context)


class DiagonalLayer(nn.Module):
    """LSTMs from both upper corners, and what widens the sum of their states again.

    Args:
        inner: ``(h,)``, the image channel that each state belongs to.
        outer: ``(2 h,)``, the same of the maps between layers.
        steps: The diagonals.
        places: Where their pixels stand, from the left and from the right.
        num_more: Number of maps that the LSTM from the right reads besides.
    """

    def __init__(
        self, inner: Tensor, outer: Tensor, steps: Sequence[Step], places: tuple[Tensor, Tensor], num_more: int
    ) -> None:
        super().__init__()
        num, size = len(outer), len(inner)
        self.left = ConvLSTM(num, size, steps, (1, 2), gate_mask(inner, outer), places[0])
        self.right = ConvLSTM(num + num_more, size, steps, (1, 2), places=places[1])
        self.widen = Widening(inner, outer)

    def forward(self, h: Tensor, late: Tensor, contexts: Sequence[Tensor | None], width: int) -> Tensor:
        """Return ``h``, ``(2 h, num_pixels, batch)``, with the states widened and added.

        Args:
            h: What the LSTM from the left reads.
            late: What the LSTM from the right reads, ``(2 h + num_more, num_pixels, batch)``.
            contexts: What the context adds to the gates of both.
            width: Number of pixels of a row.
        """
        left, right = self.left(h, contexts[0]), self.right(late, contexts[1])
        return self.widen(h, left + F.pad(right[:, :-width], (0, 0, width, 0)))  # type: ignore[no-any-return]


def diagonals(height: int, width: int) -> Tensor:
    """Return the pixels of an image along its diagonals from the upper left corner, ``(height * width,)``.

    This is what is left of an image whose rows are skewed, each one column further on than the one above, column by
    column. From top to bottom on each diagonal.
    """
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (rows + columns).flatten().argsort(stable=True)


def diagonal_steps(height: int, width: int) -> list[Step]:
    """Return the diagonals of an image as steps.

    A pixel reads two states of the diagonal before: tap 0 that of the row above, tap 1 that of its own row.
    """
    steps: list[Step] = []
    old_top = old_num = 0
    for diagonal in range(height + width - 1):
        top, bottom = max(0, diagonal - width + 1), min(height - 1, diagonal)
        num, beside = bottom - top + 1, top - old_top
        states = [tap for k in range(2) for tap in offset_tap(k, beside + k - 1, num, old_num)]
        steps.append(Step(num, offset_tap(0, 0, num, num), states, offset_tap(0, beside, num, old_num)))
        old_top, old_num = top, num
    return steps
