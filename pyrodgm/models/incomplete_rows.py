"""What rows with holes must be: NaN where a value is missing."""

import torch
from torch import Tensor


def check_incomplete_rows(x: Tensor, input_dim: int) -> None:
    """Refuse data of the wrong shape, without rows, or with infinite values; NaN is a missing value.

    Raises:
        ValueError: Naming the shape, or the first bad row.
    """
    if x.dim() != 2 or x.shape[1] != input_dim:
        raise ValueError(f"Expected x of shape (num_rows, {input_dim}); got {tuple(x.shape)}. Give one datum a row.")
    if len(x) == 0:
        raise ValueError("Expected at least one row of x; got an empty tensor. Pass data.")
    infinite = x.isinf().any(1)
    if infinite.any():
        raise ValueError(
            f"Expected finite or missing (NaN) x; got inf in {int(infinite.sum())} row(s), first in row "
            f"{int(infinite.nonzero()[0])}. Remove such rows, or put NaN."
        )


def check_observed_columns(counts: Tensor) -> None:
    """Refuse a column in which nothing was observed.

    Args:
        counts: ``(input_dim,)``, how many values of each column there are.

    Raises:
        ValueError: Naming the first such column.
    """
    empty = (counts == 0).nonzero()
    if len(empty):
        raise ValueError(
            f"Expected values in every column of x; got nothing but NaN in column {int(empty[0])}. Leave it out."
        )


def split_missing(x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return ``x`` with zeros where it is missing, and where it is observed, boolean; ``None`` if everywhere."""
    missing = x.isnan()
    if not missing.any():
        return x, None
    return torch.where(missing, 0.0, x), ~missing
