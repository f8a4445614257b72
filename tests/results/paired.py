"""Differences of figures on the same folds, and what they say: shared by the pages on posteriors."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from tests.results import cells

Done = dict[cells.Cell, dict[str, Any]]
Figure = tuple[str, str]  # model, key of its results


def entry(values: Sequence[float], digits: int = 2) -> str:
    """Return "mean ± standard error", the value alone where there is one, or a dash where nothing was computed."""
    if len(values) < 2:
        return f"{values[0]:.{digits}f}" if values else "-"
    mean, error = cells.mean_and_error(values)
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


def paired(done: Done, name: str, one: Figure, other: Figure) -> list[float]:
    """Return the differences of one figure to another on the folds of a set that have both."""
    folds = [fold for s, fold, model in sorted(done) if (s, model) == (name, one[0]) and (name, fold, other[0]) in done]
    return [done[name, fold, one[0]][one[1]] - done[name, fold, other[0]][other[1]] for fold in folds]


def verdict(values: Sequence[float]) -> str:
    """Return whether a mean difference is above or below zero by more than two standard errors, or neither."""
    if len(values) < 2:
        return "one fold only"
    mean, error = cells.mean_and_error(values)
    if math.isnan(error) or abs(mean) <= 2 * error:
        return "level"
    return "higher" if mean > 0 else "lower"


def sentence(verdicts: Iterable[tuple[str, Sequence[float]]]) -> str:
    """Return "higher on ...; lower on ...; level on ...", of (place, differences) where there are any."""
    found: dict[str, list[str]] = {"higher": [], "lower": [], "level": [], "one fold only": []}
    for place, values in verdicts:
        if values:
            found[verdict(values)].append(place)
    return "; ".join(f"{kind} on {', '.join(places)}" for kind, places in found.items() if places)
