"""Histograms, one above the other."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pyrodgm.plots.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def histograms(
    values: Mapping[str, Tensor],
    path: str | os.PathLike[str] | None = None,
    *,
    x_label: str = "",
    num_bins: int = 40,
    value_range: tuple[float, float] | None = None,
) -> "Figure":
    """Draw histograms one above the other, over the same bins, so that kinds of data can be compared.

    Args:
        values: From names to numbers of shape (num,), such as log-likelihoods or p-values.
        path: Where to write the picture; None writes nothing.
        x_label: What the numbers are.
        num_bins: Number of bins.
        value_range: Ends of the axis; numbers beyond are counted in the last bin on their side. By default all of
            them fit.

    Returns:
        The figure.

    Raises:
        ValueError: There is nothing to draw, numbers are not finite or not in one row, or the range is empty.

    Example:
        >>> figure = histograms({"data": torch.randn(99), "samples": torch.randn(50)}, num_bins=10)
        >>> [len(axes.patches) for axes in figure.axes]
        [10, 10]
    """
    for name, numbers in values.items():
        if numbers.dim() != 1 or len(numbers) == 0 or not bool(numbers.isfinite().all()):
            raise ValueError(
                f"Expected finite numbers of shape (num,), num > 0, for {name!r}; got {tuple(numbers.shape)} of which "
                f"{int(numbers.isfinite().sum())} are finite. Give one number a datum."
            )
    if not values or num_bins < 1:
        raise ValueError(f"Expected something to draw and num_bins >= 1; got {list(values)} and {num_bins}.")
    together = torch.cat([numbers.detach().cpu().double() for numbers in values.values()])
    low, high = (float(together.min()), float(together.max())) if value_range is None else value_range
    if value_range is None and low == high:
        low, high = low - 0.5, high + 0.5
    if not low < high:
        raise ValueError(f"Expected value_range (low, high) that increases; got {value_range}.")
    edges = torch.linspace(low, high, num_bins + 1, dtype=torch.float64)
    figure = new_figure(7.0, 0.6 + 0.85 * len(values))
    panels = figure.subplots(len(values), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, numbers) in zip(panels, values.items(), strict=True):
        inside = numbers.detach().cpu().double().clamp(low, high)
        heights = torch.histogram(inside, edges).hist / len(inside)
        axes.bar(edges[:-1].numpy(), heights.numpy(), width=(high - low) / num_bins, align="edge", color="#33415c")
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
    panels[-1].set_xlabel(x_label)
    panels[-1].set_xlim(low, high)
    return save(figure, path)
