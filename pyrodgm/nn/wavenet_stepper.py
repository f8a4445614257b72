"""One walk through a WaveNet, a sample at a time."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from pyrodgm.nn.wavenet import WaveNet


class WaveNetStepper:
    r"""Maps ``None``, then each sample just drawn, to the parameters of the next one. No graph is recorded.

    Each layer keeps its last inputs, as many as its dilation, in a ring: a step takes the oldest and leaves the new one
    in its place, so that all steps cost the same. What the past adds to the gates is known beforehand, and one product
    serves all layers; four calls a layer are left, on memory set aside once. Since
    :math:`\sigma(b) = (1 + \tanh(b / 2)) / 2`, one tanh makes filters and gates, and the halves go into the weights.

    Args:
        net: The network.
        batch: Number of draws.
        context: ``(batch, *context_shape)`` or ``None``.

    References:
        Paine and others (2016), Fast Wavenet Generation Algorithm, https://arxiv.org/abs/1611.09482 (the rings)
    """

    @torch.no_grad()
    def __init__(self, net: "WaveNet", batch: int, context: Tensor | None) -> None:
        self.position = 0
        layers, channels, (length,) = net.gated_layers, net.num_channels, net.grid_shape
        slope, start = net.scale
        self.frequencies = net.waves.weight.t() * slope
        self.phases = net.waves.bias + net.waves.weight[:, 0] * start
        self.sample = self.phases.new_zeros(batch)
        self.column = self.sample.view(batch, 1)
        halves = torch.ones_like(layers[0].gates.bias)
        halves[channels:] = 0.5
        weights = torch.stack([layer.gates.weight.t() for layer in layers]) * halves  # (layers, 2C, 2C), past first
        bias = torch.stack([layer.gates.bias for layer in layers]) * halves
        self.past_weights = weights[:, :channels].contiguous()
        self.base = bias.unsqueeze(1).repeat(1, batch, 1)  # the gates without their inputs, (layers, batch, 2C)
        self.series: tuple[Tensor, ...] | None = None
        if context is not None:
            linears = [layer.context for layer in layers if layer.context is not None]
            self.context_weights = torch.stack([linear.weight.t() for linear in linears]) * halves  # (layers, k, 2C)
            context = context.to(bias.dtype)
            if len(net.context_shape) == 1:
                self.base += context @ self.context_weights
            else:
                series = context.permute(2, 0, 1).contiguous()  # (length, batch, k)
                self.series = series.unsqueeze(1).expand(-1, len(layers), -1, -1).unbind(0)
                self.bias = self.base.clone()

        sizes = torch.tensor([min(layer.dilation, length) for layer in layers])
        slots = sizes.cumsum(0) - sizes + torch.arange(length)[:, None] % sizes  # (length, layers), in the rings
        self.slots = slots.to(bias.device).unbind(0)
        self.rings = bias.new_zeros(int(sizes.sum()), batch, channels)
        self.past = bias.new_zeros(len(layers), batch, channels)
        self.gates = torch.zeros_like(self.base)
        self.inputs = bias.new_zeros(len(layers), batch, channels)
        outputs = bias.new_zeros(batch, len(layers), channels)  # of the gates; all layers together enter the skip sum
        self.outputs = outputs.view(batch, len(layers) * channels)
        self.first = self.inputs[0]
        residuals = [layer.residual.weight.t() / 2 for layer in layers if layer.residual is not None]
        self.layers = list(
            zip(
                self.gates.unbind(0),
                *(half.unbind(0) for half in self.gates.split(channels, -1)),
                weights[:, channels:].contiguous().unbind(0),
                self.inputs.unbind(0),
                outputs.unbind(1),
                [*(weight.contiguous() for weight in residuals), None],
                [*self.inputs[1:].unbind(0), None],
                strict=True,
            )
        )
        self.skip = torch.cat([layer.skip.weight.t() for layer in layers]) / 2
        self.skip_bias = torch.stack([layer.skip.bias for layer in layers]).sum(0)
        self.hidden, self.output = (
            (layer.bias.detach(), layer.weight.t().contiguous()) for layer in (net.hidden, net.output)
        )

    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the sample just drawn, ``(batch,)``, and return the next one's ``(batch, num_params)``."""
        if value is not None:
            self.sample.copy_(value.detach())
            torch.addmm(self.phases, self.column, self.frequencies, out=self.first).sin_()
        slots = self.slots[self.position]
        torch.index_select(self.rings, 0, slots, out=self.past)
        if self.series is not None:
            torch.baddbmm(self.bias, self.series[self.position], self.context_weights, out=self.base)
        torch.baddbmm(self.base, self.past, self.past_weights, out=self.gates)
        for gates, filtered, gate, weight, h, z, residual, above in self.layers:
            gates.addmm_(h, weight).tanh_()
            torch.addcmul(filtered, filtered, gate, out=z)
            if residual is not None:
                torch.addmm(h, z, residual, out=above)
        self.rings.index_copy_(0, slots, self.inputs)
        self.position += 1
        skip = torch.addmm(self.skip_bias, self.outputs, self.skip).relu_()
        return torch.addmm(self.output[0], torch.addmm(self.hidden[0], skip, self.hidden[1]).relu_(), self.output[1])
