"""Row LSTM: a causal network on images that goes down them row by row."""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from pyrodgm.nn.conv_lstm import ConvLSTM
from pyrodgm.nn.front_net import FrontNet
from pyrodgm.nn.lstm_scan import Step, offset_tap
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.pixel_rnn import PixelRNN, Widening, gate_mask
from pyrodgm.nn.row_lstm_steps import RowLSTMSteps


class RowLSTM(FrontNet, PixelRNN):
    r"""LSTMs that go down an image, a row at a time: a pixel's parameters see a triangle of pixels above it.

    .. math::
        [o, f, i, g] = \sigma(K^{ss} * h_{r-1} + K^{is} * x_r), \quad
        c_r = f \odot c_{r-1} + i \odot g, \quad h_r = o \odot \tanh c_r

    in row :math:`r`, with a tanh for :math:`g` and convolutions along the row, :math:`K^{is}` masked. Each state of
    :math:`h` is widened to two maps and added to what the layer read. Where the channels of a pixel are drawn one after
    the other, maps are shared out over them; the context enters the gates of every layer.

    Args:
        shape: Shape (channels, height, width) of one image.
        num_params: Number of parameters of one position.
        context_dim: Number of context features; ``(k, height, width)`` for a feature map; 0 for none.
        num_levels: Number of values of a variable, scaled from 0 .. num_levels - 1 to [-1, 1].
        num_layers: Number of recurrent layers.
        num_channels: Number of states of a layer; there are twice as many maps between layers.
        kernel_size: Width of the convolutions along a row, odd; the triangle opens by half of it a row.
        symbol_shape: ``()`` makes each channel of a pixel a position, ``(channels,)`` each whole pixel.

    Raises:
        ValueError: If a size is not positive, the kernel is even, or a pixel has more channels than there are states.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.RowLSTM((3, 8, 8), 256, num_levels=256, num_layers=2, num_channels=12)
        >>> net(torch.randint(256, (5, 3, 8, 8))).shape
        torch.Size([5, 3, 8, 8, 256])

    References:
        van den Oord, Kalchbrenner, Kavukcuoglu (2016), Pixel Recurrent Neural Networks, sections 3.1 and 3.3-3.4, eq. 3
        and table 1, https://arxiv.org/abs/1601.06759
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
        kernel_size: int = 3,
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
            num_directions=1,
        )
        if check_dim("kernel_size", kernel_size) % 2 == 0:
            raise ValueError(f"Expected kernel_size to be an odd integer; got {kernel_size}. Give 3, say.")
        self.radius = kernel_size // 2
        steps = row_steps(*self.shape[1:], self.radius)
        self.layers = nn.ModuleList(RowLayer(self.inner, self.outer, steps, self.radius) for _ in range(num_layers))

    @property
    def row_layers(self) -> list["RowLayer"]:
        """The layers, from the input to the output."""
        return cast(list[RowLayer], list(self.layers))

    def recur(self, h: Tensor, x: Tensor, contexts: Sequence[Sequence[Tensor | None]]) -> Tensor:
        """Run the layers."""
        for layer, (context,) in zip(self.row_layers, contexts, strict=True):
            h = layer(h, context)
        return h

    def steps(self, batch: int, context: Tensor | None, slope: int) -> RowLSTMSteps:
        """Return what computes the parameters front by front."""
        return RowLSTMSteps(self, batch, context, slope)


class RowLayer(nn.Module):
    """An LSTM down the rows, and what widens its states again.

    Args:
        inner: ``(h,)``, the image channel that each state belongs to.
        outer: ``(2 h,)``, the same of the maps between layers.
        steps: The rows.
        radius: Columns seen on either side of the row above, and on the left of the row itself.
    """

    def __init__(self, inner: Tensor, outer: Tensor, steps: Sequence[Step], radius: int) -> None:
        super().__init__()
        taps = (radius + 1, 2 * radius + 1)
        self.lstm = ConvLSTM(len(outer), len(inner), steps, taps, gate_mask(inner, outer))
        self.widen = Widening(inner, outer)

    def forward(self, h: Tensor, context: Tensor | None) -> Tensor:
        """Return ``h``, ``(2 h, num_pixels, batch)``, with the states widened and added."""
        return self.widen(h, self.lstm(h, context))  # type: ignore[no-any-return]


def row_steps(height: int, width: int, radius: int) -> list[Step]:
    """Return the rows of an image as steps: they read ``radius`` to the left, and to both sides of the row above."""
    inputs = [tap for k in range(radius, -1, -1) for tap in offset_tap(k, k - radius, width, width)]
    states = [tap for k in range(2 * radius + 1) for tap in offset_tap(k, k - radius, width, width)]
    step = Step(width, inputs, states, offset_tap(0, 0, width, width))
    return [step._replace(states=[], cells=[]), *[step] * (height - 1)]
