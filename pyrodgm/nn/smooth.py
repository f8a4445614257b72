"""Activations with continuous derivatives, each with its slope."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn


def tanh_and_slope(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the hyperbolic tangent and its derivative."""
    value = x.tanh()
    return value, 1 - value * value


def softplus_and_slope(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the softplus and its derivative."""
    return F.softplus(x), x.sigmoid()


SMOOTH: dict[type[nn.Module], Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    nn.Tanh: tanh_and_slope,
    nn.Softplus: softplus_and_slope,
}
ALONE: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {nn.Tanh: Tensor.tanh, nn.Softplus: F.softplus}


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
