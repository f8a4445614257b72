"""WaveNet: a causal network on series, by dilated convolutions."""

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.causal import CausalNet, flatten_batches
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.wavenet_stepper import WaveNetStepper

FREQUENCY = 12.0  # standard deviation at the start, in radians; on spoken digits, 4 and 30 learned more slowly


class WaveNet(CausalNet):
    r"""Layers of dilated causal convolutions with gates, residual and skip connections.

    A layer with dilation :math:`d` adds :math:`R z_t` to its input :math:`h_t` and sends :math:`S z_t` to the output,

    .. math:: z_t = \tanh(W_f h_t + V_f h_{t-d} + U_f c) \odot \sigma(W_g h_t + V_g h_{t-d} + U_g c),

    with dilations :math:`1, 2, 4, \dots, 2^{\text{num\_layers} - 1}`, ``num_cycles`` times over. What comes in is
    :math:`\sin(w x_{t-1} + b)`, waves over the value of the sample before, of learned frequencies that start high: they
    tell fine differences of loudness apart, which the value itself does not.

    No parameter depends on ``length``: a state dict fits a network for any other one.

    Args:
        length: Number of samples of one series.
        num_params: Number of parameters of one sample.
        num_levels: Number of values of a sample, scaled from 0 .. num_levels - 1 to [-1, 1]; ``None`` for real
            numbers, which are best of such a size too.
        context_dim: Number of context features of a series, which all samples see (global conditioning); or the shape
            ``(k, length)`` of a context that goes along with it, of which sample ``t`` sees column ``t`` and earlier
            ones, but no later ones (local conditioning); 0 for none. For both, repeat the former along the latter.
        num_layers: Number of layers of a cycle.
        num_cycles: Number of cycles.
        num_channels: Width of the layers.
        skip_channels: Width of the sum of what layers send to the output.

    Raises:
        ValueError: If a size is too small, or the context is not as long as the series; and, when called, if the
            series or the context has another shape.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.WaveNet(100, 256, context_dim=10, num_layers=4, num_channels=8)
        >>> net(torch.randint(256, (5, 100)), torch.eye(10)[:5]).shape, net.receptive_field
        (torch.Size([5, 100, 256]), 16)

    References:
        van den Oord and others (2016), WaveNet, sections 2.1 and 2.3-2.5, https://arxiv.org/abs/1609.03499;
        Tancik and others (2020), Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional
        Domains, https://arxiv.org/abs/2006.10739 (the waves)
    """

    def __init__(
        self,
        length: int,
        num_params: int,
        *,
        num_levels: int | None = 256,
        context_dim: int | Sequence[int] = 0,
        num_layers: int = 10,
        num_cycles: int = 1,
        num_channels: int = 64,
        skip_channels: int = 128,
    ) -> None:
        super().__init__()
        self.grid_shape = (check_dim("length", length),)
        self.num_params = check_dim("num_params", num_params)
        self.num_levels = None if num_levels is None else check_dim("num_levels", num_levels, 2)
        self.context_shape = series_context_shape(context_dim, length)
        self.num_channels = check_dim("num_channels", num_channels)
        check_dim("skip_channels", skip_channels)
        self.num_layers = check_dim("num_layers", num_layers)
        self.num_cycles = check_dim("num_cycles", num_cycles)
        self.register_buffer("order", torch.arange(length), persistent=False)

        self.waves = nn.Linear(1, num_channels)
        nn.init.normal_(self.waves.weight, std=FREQUENCY)
        nn.init.uniform_(self.waves.bias, -math.pi, math.pi)
        dilations = [2**layer for layer in range(num_layers)] * num_cycles
        width = self.context_shape[0] if self.context_shape else 0
        self.layers = nn.ModuleList(WaveNetLayer(d, num_channels, skip_channels, width) for d in dilations)
        self.gated_layers[-1].residual = None  # nothing reads it
        self.hidden = nn.Linear(skip_channels, skip_channels)
        self.output = nn.Linear(skip_channels, num_params)

    @property
    def gated_layers(self) -> list["WaveNetLayer"]:
        """The layers, from the input to the output."""
        return cast(list[WaveNetLayer], list(self.layers))

    @property
    def receptive_field(self) -> int:
        r"""How many samples before it one sample sees: :math:`1 + \text{num\_cycles} (2^\text{num\_layers} - 1)`."""
        return 1 + sum(layer.dilation for layer in self.gated_layers)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(*batch, length, num_params)`` of ``x``, ``(*batch, length)``, in one pass."""
        self.check_inputs(x, context)
        x, context, batch = flatten_batches(x, 1, context, len(self.context_shape))
        # Time comes first, so that a layer's past is the same rows further up.
        if context is not None:
            context = context.to(self.waves.weight.dtype)
            context = context.permute(2, 0, 1) if context.dim() == 3 else context  # (length, num, k) or (num, k)
        h = shift(self.enter(x.t()), 1)  # (length, num, num_channels)
        first, *others = self.gated_layers
        h, skip = first(h, context)
        for layer in others:
            h, part = layer(h, context)
            skip = part.add_(skip)
        out = F.relu(self.hidden(F.relu(skip)))
        return self.output(out.transpose(0, 1)).reshape(*batch, *self.grid_shape, self.num_params)

    def enter(self, x: Tensor) -> Tensor:
        """Return what the layers get of samples ``(...)``: ``(..., num_channels)``."""
        slope, start = self.scale
        x = x.to(self.waves.weight.dtype) * slope + start
        return self.waves(x.unsqueeze(-1)).sin()  # type: ignore[no-any-return]

    @property
    def scale(self) -> tuple[float, float]:
        """The slope and the start of the line that takes integers to [-1, 1]; that of real numbers is the identity."""
        return (1.0, 0.0) if self.num_levels is None else (2 / (self.num_levels - 1), -1.0)

    def check_inputs(self, x: Tensor, context: Tensor | None) -> None:
        """Compare a series and a context with what the network was built for.

        Raises:
            ValueError: If the series has another length, or the context is missing, superfluous or of another shape.
        """
        if x.shape[-1:] != self.grid_shape:
            raise ValueError(
                f"Expected x of shape (*batch, {self.grid_shape[0]}); got {tuple(x.shape)}. "
                "Build the network for that length, and load the state dict of this one."
            )
        self.check_context(context)

    def flat_stepper(self, batch: int, context: Tensor | None) -> WaveNetStepper:
        """Return what computes the same outputs sample by sample, each unit once."""
        return WaveNetStepper(self, batch, context)


class WaveNetLayer(nn.Module):
    """One dilated convolution of two taps, its gates, and where they lead.

    Args:
        dilation: Distance between the taps.
        num_channels: Width of the input.
        skip_channels: Width of what goes to the output.
        context_dim: Number of context features of a sample; 0 means none.
    """

    residual: nn.Linear | None

    def __init__(self, dilation: int, num_channels: int, skip_channels: int, context_dim: int = 0) -> None:
        super().__init__()
        self.dilation = dilation
        self.gates = nn.Linear(2 * num_channels, 2 * num_channels)  # of (past, present), the filter first
        self.context = nn.Linear(context_dim, 2 * num_channels, bias=False) if context_dim else None
        self.residual = nn.Linear(num_channels, num_channels, bias=False)
        self.skip = nn.Linear(num_channels, skip_channels)

    def forward(self, h: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the next layer's input and what goes to the output, ``(length, num, skip_channels)``.

        Args:
            h: ``(length, num, num_channels)``.
            context: ``(num, k)``, ``(length, num, k)`` or ``None``.
        """
        gates = self.gates(torch.cat((shift(h, self.dilation), h), -1))
        if self.context is not None and context is not None:
            gates = gates.add_(self.context(context))
        filtered, gate = gates.chunk(2, -1)
        z = filtered.tanh() * gate.sigmoid()
        return h if self.residual is None else self.residual(z).add_(h), self.skip(z)


def shift(h: Tensor, steps: int) -> Tensor:
    """Move rows ``(length, ...)`` down by some steps, with zeros before the first."""
    steps = min(steps, len(h))
    return F.pad(h, (0, 0) * (h.dim() - 1) + (steps, -steps))


def series_context_shape(context_dim: int | Sequence[int], length: int) -> tuple[int, ...]:
    """Return the shape of one context of a series: ``()``, ``(k,)`` or ``(k, length)``.

    Raises:
        ValueError: If it is neither a size nor the shape of a series of that length.
    """
    if isinstance(context_dim, int):
        return (context_dim,) if check_dim("context_dim", context_dim, 0) else ()
    shape = tuple(context_dim)
    if len(shape) != 2 or shape[1] != length:
        raise ValueError(
            f"Expected context_dim to be a size, or (k, {length}), a series as long as x; got {shape}. "
            "Repeat each feature for the samples that it covers."
        )
    return (check_dim("context_dim", shape[0]), length)
