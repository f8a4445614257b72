"""Checks of what a reader is asked for and of what it finds in a file."""

import difflib
from collections.abc import Iterable

import torch
from torch import Tensor


def check_finite(values: Tensor, source: str) -> None:
    """Raise if a row holds NaN or infinity.

    Args:
        values: Anything of shape (N, ...).
        source: What the error calls them.

    Raises:
        ValueError: Naming the first such row, counted from 0.

    Example:
        >>> check_finite(torch.tensor([[0.0], [float("nan")]]), "x")
        Traceback (most recent call last):
        ...
        ValueError: Expected finite numbers in x; got nan in row 1. Remove or repair that row.
    """
    finite = torch.isfinite(values)
    if finite.all():
        return
    row = int((~finite).flatten(1).any(1).nonzero()[0]) if values.dim() > 1 else int((~finite).nonzero()[0])
    value = values[row][~finite[row]].flatten()[0].item()
    raise ValueError(f"Expected finite numbers in {source}; got {value} in row {row}. Remove or repair that row.")


def check_name(name: str, known: Iterable[str]) -> None:
    """Raise if a data set is not known, with the name nearest to it.

    Args:
        name: What was asked for.
        known: What there is.

    Raises:
        ValueError: Listing the names.

    Example:
        >>> check_name("plnats", ["nltcs", "plants"])
        Traceback (most recent call last):
        ...
        ValueError: Expected a name among nltcs, plants; got 'plnats'. Did you mean 'plants'?
    """
    names = sorted(known)
    if name in names:
        return
    nearest = difflib.get_close_matches(str(name), names, n=1, cutoff=0.0)[0]
    raise ValueError(f"Expected a name among {', '.join(names)}; got {name!r}. Did you mean {nearest!r}?")


def check_index(index: int, count: int, role: str) -> None:
    """Raise if an index, of a fold or a split, is outside 0..count - 1.

    Args:
        index: What was asked for.
        count: How many there are.
        role: What the error calls it.

    Raises:
        ValueError: Giving the range.
    """
    if not 0 <= index < count:
        raise ValueError(f"Expected {role} from 0 to {count - 1}; got {index}.")
