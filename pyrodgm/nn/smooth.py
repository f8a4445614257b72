"""Activations with continuous derivatives, each with the product of its slope and other numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Smooth:
    """An activation and its derivative.

    Args:
        value: Maps inputs to values.
        times_slope: Maps ``(products, input, value)`` to products times the derivative at the input.
    """

    value: Callable[[Tensor], Tensor]
    times_slope: Callable[[Tensor, Tensor, Tensor], Tensor]


def times_slope_of_tanh(products: Tensor, x: Tensor, value: Tensor) -> Tensor:
    """Multiply by one minus the squared value, in one pass."""
    products, value = torch.broadcast_tensors(products, value)  # which torch's own rule asks for
    return torch.ops.aten.tanh_backward(products, value)  # type: ignore[no-any-return]


def times_slope_of_softplus(products: Tensor, x: Tensor, value: Tensor) -> Tensor:
    """Multiply by the sigmoid of the input."""
    return products * x.sigmoid()


SMOOTH: dict[type[nn.Module], Smooth] = {
    nn.Tanh: Smooth(Tensor.tanh, times_slope_of_tanh),
    nn.Softplus: Smooth(F.softplus, times_slope_of_softplus),
}


def check_smooth(activation: type[nn.Module]) -> type[nn.Module]:
    """Return the class of an activation, or say which there are.

    Raises:
        ValueError: If it is not known to be smooth: a kink costs an adaptive solver many small steps.
    """
    if activation not in SMOOTH:
        known = ", ".join(f"torch.nn.{kind.__name__}" for kind in SMOOTH)
        name = getattr(activation, "__name__", repr(activation))
        raise ValueError(f"Expected a smooth activation, one of {known}; got {name}. Adaptive solvers need smoothness.")
    return activation
