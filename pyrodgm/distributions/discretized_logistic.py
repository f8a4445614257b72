"""What a logistic variable gives to the levels of a grid: exact in the tails, in the middle, and compiled."""

from typing import Any

import torch
from torch import Tensor

# The outer edge of the first and of the last level. Finite, so that the tail beyond it is zero and not NaN.
FAR_OUT = 1e30


def scale_levels(levels: Tensor, num_levels: int) -> Tensor:
    r"""Return :math:`2 x / (L - 1) - 1`: the levels on an axis where they fill :math:`[-1, 1]`."""
    return (2 * levels - (num_levels - 1)) / (num_levels - 1)


def level_edges(levels: Tensor, num_levels: int) -> tuple[Tensor, Tensor]:
    """Return the lower and upper edges of levels on the scaled axis; those of the first and last level lie far out."""
    last = num_levels - 1
    doubled = 2 * levels - num_levels  # whole, so that neighbours round to one and the same edge
    lower = (doubled / last).add((levels - 1).clamp(max=0), alpha=FAR_OUT)
    upper = ((doubled + 2) / last).add((levels - (last - 1)).clamp(min=0), alpha=FAR_OUT)
    return lower, upper


def level_of(scaled: Tensor, num_levels: int) -> Tensor:
    """Return the level whose interval on the scaled axis holds a value, infinite ones included."""
    return ((scaled * (num_levels - 1) + num_levels) / 2).floor().clamp(0, num_levels - 1)


def logistic_log_mass(lower: Tensor, upper: Tensor, loc: Tensor, log_scale: Tensor) -> Tensor:
    r"""Return :math:`\log\left(\sigma(a) - \sigma(b)\right)`, with :math:`a, b` the edges minus ``loc`` over the scale.

    It is :math:`\min(a, 0) - \max(b, 0) + \log\left((1 - e^{b - a})\, \sigma(|a|)\, \sigma(|b|)\right)`, where no
    term overflows or cancels. Gradients reach ``loc`` and ``log_scale`` alone.

    Args:
        lower: Lower edges, broadcast with the others.
        upper: Upper edges, above the lower ones.
        loc: Locations.
        log_scale: Logarithms of the scales, between -7 and 60: beyond, products with far edges overflow or vanish.

    Returns:
        Log-probabilities in nats.
    """
    loc, log_scale, _ = torch.broadcast_tensors(loc, log_scale, lower)
    return LogisticLogMass.apply(lower, upper, loc, log_scale)  # type: ignore[no-any-return, no-untyped-call]


class LogisticLogMass(torch.autograd.Function):
    """:func:`logistic_log_mass` with its gradients written down: half of the work, and no digits lost."""

    generate_vmap_rule = True

    @staticmethod
    def forward(lower: Tensor, upper: Tensor, loc: Tensor, log_scale: Tensor) -> Tensor:
        """Return the log-mass."""
        rate = (-log_scale).exp()
        a, b = (upper - loc) * rate, (lower - loc) * rate
        near = -expm1((lower - upper) * rate) * a.abs().sigmoid() * b.abs().sigmoid()
        return near.log() + a.clamp(max=0) - b.clamp(min=0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Keep the arguments alone: what lies between is cheaper to compute again than to keep."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, None, Tensor, Tensor]:  # type: ignore[override]
        """Return the gradients to ``loc`` and ``log_scale``."""
        lower, upper, loc, log_scale = ctx.saved_tensors
        rate = (-log_scale).exp()
        a, b, width = (upper - loc) * rate, (lower - loc) * rate, (lower - upper) * rate
        above, below, shrunk = (-a).sigmoid(), b.sigmoid(), expm1(width)
        to_log_scale = (b * below - a * above - width * (1 + shrunk) / shrunk) * grad
        return None, None, (below - above) * (rate * grad), to_log_scale


def expm1(x: Tensor) -> Tensor:
    """Return ``exp(x) - 1`` with all its digits near zero, which the code that Inductor writes for it loses."""
    if not torch.compiler.is_compiling():
        return x.expm1()
    series = 1 + x * (1 / 2) * (1 + x * (1 / 3) * (1 + x * (1 / 4) * (1 + x * (1 / 5))))
    return torch.where(x.abs() < 0.05, x * series, x.exp() - 1)  # what the series leaves out is below 1e-9 of it
