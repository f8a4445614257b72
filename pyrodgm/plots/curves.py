"""How training went."""

import csv
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyrodgm.plots.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Series = tuple[list[float], list[float]]
COUNTERS = ("epoch", "step")
BURN_IN = 0.1  # share of each curve, from its start, that does not decide the vertical range


def training_curves(
    metrics: str | os.PathLike[str] | Mapping[str, Sequence[float] | tuple[Sequence[float], Sequence[float]]],
    path: str | os.PathLike[str] | None = None,
    *,
    names: Sequence[str] | None = None,
    y_label: str = "nats",
) -> "Figure":
    """Draw quantities against the step of training; the steep start may leave the picture, the rest is in view.

    Args:
        metrics: A ``metrics.csv`` (columns ``step`` or ``epoch``, and any others, cells may be empty), or a mapping
            from names to values, or to pairs of steps and values.
        path: Where to write the picture; None writes nothing.
        names: Which series to draw; by default all whose name does not start with ``lr`` or ``time``.
        y_label: What the values are.

    Returns:
        The figure.

    Raises:
        ValueError: There is nothing to draw, or a name is not among the series.

    Example:
        >>> figure = training_curves({"train": [3.0, 2.0, 1.5], "valid": ([1, 3], [2.5, 1.9])})
        >>> [line.get_label() for line in figure.axes[0].lines]
        ['train', 'valid']
    """
    x_label, series = ("step", as_series(metrics)) if isinstance(metrics, Mapping) else read_metrics(metrics)
    chosen = [n for n in series if not n.startswith(("lr", "time"))] if names is None else list(names)
    unknown = [name for name in chosen if name not in series]
    if unknown or not chosen:
        raise ValueError(f"Expected names of series among {sorted(series)}; got {unknown or chosen}.")
    figure = new_figure(7.0, 4.0)
    axes = figure.add_subplot()
    in_view: list[float] = []
    for name in chosen:
        steps, values = series[name]
        axes.plot(steps, values, label=name, linewidth=1.6, marker="o" if len(steps) < 15 else None, markersize=4)
        in_view += [value for value in values[int(BURN_IN * len(values)) :] if math.isfinite(value)]
    if in_view and min(in_view) < max(in_view):
        margin = 0.06 * (max(in_view) - min(in_view))
        axes.set_ylim(min(in_view) - margin, max(in_view) + margin)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return save(figure, path)


def read_metrics(path: str | os.PathLike[str]) -> tuple[str, dict[str, Series]]:
    """Read a CSV of metrics: the counter that serves as the horizontal axis, and each column against it.

    Raises:
        ValueError: The file has no column ``step`` or ``epoch``.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0]) if rows else []
    counter = next((name for name in ("step", "epoch") if name in columns), None)
    if counter is None:
        raise ValueError(f"Expected a CSV with a column 'step' or 'epoch' and a row; got columns {columns} in {path}.")
    series: dict[str, Series] = {}
    for name in columns:
        cells = [(row[counter], row[name]) for row in rows if row[name] and row[counter]]
        if name not in COUNTERS and cells:
            series[name] = ([float(step) for step, _ in cells], [float(value) for _, value in cells])
    return counter, series


def as_series(metrics: Mapping[str, Sequence[float] | tuple[Sequence[float], Sequence[float]]]) -> dict[str, Series]:
    """Give every series its steps: 1, 2, ... where only values are given."""
    series: dict[str, Series] = {}
    for name, given in metrics.items():
        steps: Sequence[Any] = range(1, len(given) + 1)
        values: Sequence[Any] = given
        if len(given) == 2 and all(isinstance(part, Sequence) for part in given):
            steps, values = values
        series[name] = ([float(step) for step in steps], [float(value) for value in values])
    return series
