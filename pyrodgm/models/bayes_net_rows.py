"""Rows of data of a Bayesian network: numbers of states, checked once."""

import torch
from torch import Tensor

from pyrodgm.models.bayes_net_graph import BayesNetGraph

MISSING = -1


def read_codes(x: Tensor, graph: BayesNetGraph, *, missing: bool = False, advice: str = "") -> Tensor:
    """Return numbers of states as integers, -1 where they are missing.

    Args:
        x: ``(*batch, num_variables)``, of any type; NaN and -1 are missing.
        graph: The variables.
        missing: Whether values may be missing.
        advice: What to do about missing ones otherwise.

    Raises:
        ValueError: If the shape is wrong, or a value, whose variable and row are named, is missing or no state.
    """
    width = len(graph.names)
    if not isinstance(x, Tensor) or x.dim() < 1 or x.shape[-1] != width:
        shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(
            f"Expected x of shape (*batch, {width}), a column for each of {', '.join(map(repr, graph.names[:20]))}"
            f"{', ...' * (width > 20)}; got {shape}. Give states by their numbers, in this order."
        )
    if x.dtype == torch.bool:
        x = x.long()
    sizes = torch.tensor(graph.sizes, device=x.device)
    codes = x.long()
    fits = (codes == x) & (codes >= 0) & (codes < sizes)
    if fits.all():
        return codes
    gone = (x == MISSING) | x.isnan()
    codes = codes.masked_fill(gone, MISSING)
    if gone.any() and not missing:
        row, column = first(gone)
        raise ValueError(
            f"Expected a state of every variable; got NaN or -1, missing, in column {column}, {graph.names[column]!r}, "
            f"of row {row}{' and others' if gone.sum() > 1 else ''}. {advice}"
        )
    bad = ~(fits | gone)
    if bad.any():
        row, column = first(bad)
        raise ValueError(
            f"Expected states 0 .. {graph.sizes[column] - 1} of {graph.names[column]!r} in column {column}; got "
            f"{x.reshape(-1, width)[row, column].item():.6g} in row {row}. Give states by their numbers."
        )
    return codes


def read_data(x: Tensor, graph: BayesNetGraph, *, missing: bool = False, advice: str = "") -> Tensor:
    """Return the codes of a data set, ``(num_rows, num_variables)``, of at least one row; as :func:`read_codes`."""
    if isinstance(x, Tensor) and (x.dim() != 2 or len(x) == 0):
        raise ValueError(
            f"Expected x of shape (num_rows, {len(graph.names)}), at least one row; got {tuple(x.shape)}. Pass data."
        )
    return read_codes(x, graph, missing=missing, advice=advice)


def first(where: Tensor) -> tuple[int, int]:
    """Return row and column of the first that is true."""
    row, column = where.reshape(-1, where.shape[-1]).nonzero()[0].tolist()
    return row, column
