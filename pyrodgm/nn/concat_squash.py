"""What vector fields with gated layers share, whatever their layers are."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from pyrodgm.nn.smooth import SMOOTH
from pyrodgm.nn.time_gates import TimeGates
from pyrodgm.nn.vector_field import FieldAtTime, VectorField


@dataclass(frozen=True)
class GatedLayer:
    r"""One layer at one time, :math:`(W h + b) \odot g + s`; without a context the gate is a part of W and b.

    Args:
        weight: Of the linear map.
        bias: Of the linear map, ``(width,)``.
        gate: Broadcasts against the map's output; ``None`` where it is in the weight already.
        shift: Broadcasts against the map's output; ``None`` where it is in the bias already.
    """

    weight: Tensor
    bias: Tensor
    gate: Tensor | None = None
    shift: Tensor | None = None


class ConcatSquash(VectorField):
    r"""A vector field of layers :math:`h \leftarrow a\big((W h + b) \odot \sigma(G [t, c] + g) + S [t, c]\big)`.

    Subclasses set the attributes, and write what their linear maps do and which events they take.
    Without a context, the gates of a time are multiplied into the weights: a few numbers instead of every row's.

    Attributes:
        layers: Linear maps with ``weight`` and ``bias``.
        gates: Makes gates and shifts of all layers.
        activation: Class of the nonlinearity.
        context_dim: Number of context features.
    """

    layers: nn.ModuleList
    gates: TimeGates
    activation: type[nn.Module]
    context_dim: int

    @abstractmethod
    def check(self, z: Tensor) -> None:
        """Refuse events of a wrong shape.

        Raises:
            ValueError: Saying which is expected.
        """

    @abstractmethod
    def linear(self, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Apply one linear map to ``(*batch, *event)``."""

    def spread(self, part: Tensor) -> Tensor:
        """Return gates or shifts, ``(*batch, width)``, so that they broadcast against a layer's output."""
        return part

    def forward(self, t: Tensor, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the velocity."""
        return self.at_times(t.reshape(1), context)[0].velocity(z)

    def forward_and_jvp(
        self, t: Tensor, z: Tensor, tangents: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the velocity and the products of its Jacobian with tangents."""
        return self.at_times(t.reshape(1), context)[0].velocity_and_products(z, tangents)

    def at_times(self, times: Tensor, context: Tensor | None = None) -> Sequence[FieldAtTime]:
        """Return the field held at each of several times."""
        self._check_context(context)
        columns = []
        for layer, (gate, shift) in zip(self.layers, self.gates(times, context), strict=True):
            weight, bias = cast(Tensor, layer.weight), cast(Tensor, layer.bias)
            if context is None:
                weights = weight * gate.reshape(*gate.shape, *[1] * (weight.dim() - 1))
                parts = zip(weights.unbind(), torch.addcmul(shift, bias, gate).unbind(), strict=True)
                columns.append([GatedLayer(*part) for part in parts])
            else:
                parts = zip(self.spread(gate).unbind(), self.spread(shift).unbind(), strict=True)
                columns.append([GatedLayer(weight, bias, *part) for part in parts])
        return [
            FieldAtTime(partial(self._velocity, layers), partial(self._velocity_and_products, layers))
            for layers in zip(*columns, strict=True)
        ]

    def _check_context(self, context: Tensor | None) -> None:
        if context is None and self.context_dim == 0:
            return
        if context is None or self.context_dim == 0 or context.dim() == 0 or context.shape[-1] != self.context_dim:
            got = "None" if context is None else str(tuple(context.shape))
            raise ValueError(
                f"Expected {f'context of shape (*batch, {self.context_dim})' if self.context_dim else 'no context'}; "
                f"got {got}. Build the field with the width of the context."
            )

    def _velocity(self, layers: Sequence[GatedLayer], z: Tensor) -> Tensor:
        self.check(z)
        value, h = SMOOTH[self.activation].value, z
        for layer in layers[:-1]:
            h = value(self._gated(layer, h))
        return self._gated(layers[-1], h)

    def _velocity_and_products(
        self, layers: Sequence[GatedLayer], z: Tensor, tangents: Tensor
    ) -> tuple[Tensor, Tensor]:
        self.check(z)
        smooth, h, products = SMOOTH[self.activation], z, tangents
        for layer in layers[:-1]:
            inputs = self._gated(layer, h)
            h = smooth.value(inputs)
            products = smooth.times_slope(self._gated_product(layer, products), inputs, h)
        h = self._gated(layers[-1], h)
        return h, self._gated_product(layers[-1], products).expand(len(tangents), *h.shape)

    def _gated(self, layer: GatedLayer, h: Tensor) -> Tensor:
        h = self.linear(h, layer.weight, layer.bias)
        return h if layer.gate is None else torch.addcmul(cast(Tensor, layer.shift), h, layer.gate)

    def _gated_product(self, layer: GatedLayer, products: Tensor) -> Tensor:
        products = self.linear(products, layer.weight, None)
        return products if layer.gate is None else products * layer.gate
