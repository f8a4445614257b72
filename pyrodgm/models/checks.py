"""What data must be, checked once at the boundary."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints


def check_rows(x: Tensor, event_shape: torch.Size, what: str = "x") -> None:
    """Refuse data of the wrong shape, without rows, or with values that are no numbers.

    Raises:
        ValueError: Naming the type, the shape, or the first bad row.
    """
    if not isinstance(x, Tensor):
        raise ValueError(f"Expected {what} as a tensor; got {type(x).__name__}. Pass torch.as_tensor(...) of the rows.")
    if x.dim() != 1 + len(event_shape) or x.shape[1:] != event_shape:
        shape = ", ".join(map(str, ("num_rows", *event_shape)))
        raise ValueError(f"Expected {what} of shape ({shape}); got {tuple(x.shape)}. Give one datum a row.")
    if len(x) == 0:
        raise ValueError(f"Expected at least one row of {what}; got an empty tensor. Pass data.")
    if x.is_floating_point() and not torch.isfinite(x).all():
        bad = ~torch.isfinite(x).flatten(1).all(1)
        row = int(bad.nonzero()[0])
        raise ValueError(
            f"Expected finite {what}; got NaN or inf in {int(bad.sum())} row(s), first in row {row}. "
            "Remove or impute such rows."
        )


def check_support(distribution: Distribution, x: Tensor) -> None:
    """Refuse values to which the likelihood gives no density.

    Raises:
        ValueError: Naming the likelihood, a value and its row.
    """
    innermost = distribution
    while isinstance(innermost, Independent):
        innermost = innermost.base_dist
    support = innermost.support
    if support is None:
        return
    while isinstance(support, constraints.independent):
        support = support.base_constraint  # tells which value of an event is outside
    inside = support.check(x)
    if not inside.all():
        outside = (
            ~inside if inside.dim() == x.dim() else (~inside).reshape(*inside.shape, *[1] * (x.dim() - inside.dim()))
        )
        outside = outside.expand_as(x)
        row = int(outside.flatten(1).any(1).nonzero()[0])
        value = x[row][outside[row]][0].item()
        raise ValueError(
            f"Expected x in the support {support} of {type(innermost).__name__}; got {value:.6g} in row {row}. "
            "Transform the data (binarize, shift, scale), or choose a likelihood of such values."
        )
