"""What values an elementwise bijection takes, checked where argument validation is on."""

import torch
from torch import Tensor
from torch.distributions import Distribution


def validation_enabled() -> bool:
    """Return whether values are checked: as torch's own validation, and never while a graph is traced."""
    return bool(Distribution._validate_args) and not (torch.compiler.is_compiling() or torch.jit.is_tracing())


def check_inside(value: Tensor, advice: str) -> None:
    """Refuse values outside of the open unit interval, while validation is on.

    Raises:
        ValueError: Naming the first such value.
    """
    if not validation_enabled():
        return
    inside = (value > 0) & (value < 1)
    if not inside.all():
        raise ValueError(f"Expected values inside (0, 1); got {value[~inside][0].item():.9g}. {advice}")


def smallest_probability(dtype: torch.dtype) -> float:
    """Return the least probability that still has room below for rounding, and above for its reciprocal."""
    finfo = torch.finfo(dtype)
    return finfo.tiny / finfo.eps


def clamp_inside(value: Tensor) -> Tensor:
    """Move values that rounded to an end of the unit interval a little inside; gradients stay those of the value."""
    clamped = value.detach().clamp(smallest_probability(value.dtype), 1 - torch.finfo(value.dtype).eps / 2)
    return clamped + (value - value.detach())
