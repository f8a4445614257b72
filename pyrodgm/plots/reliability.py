"""What was predicted against what happened."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from pyrodgm.plots.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]
MARKERS = "osD^vP*X"  # so that curves on top of each other can be told apart
LARGEST = 110.0  # area of the marker that stands for most data, in square points


def reliability(
    curves: Mapping[str, Curve],
    path: str | os.PathLike[str] | None = None,
    *,
    x_label: str = "predicted probability",
    y_label: str = "observed share",
) -> "Figure":
    """Draw observed shares against predicted probabilities; what is calibrated lies on the diagonal.

    For classes, pass each model's ``metrics.calibration_error(...).curve``, for real targets
    ``metrics.pit_calibration(...).curve``. Too sure is what lies below the diagonal; where the probability is that of
    one of two events, what is flatter than the diagonal.

    Args:
        curves: From names to (predicted, observed), each ``(num,)`` with numbers from 0 to 1, or to (predicted,
            observed, counts): the more data stand behind a point, the larger it is.
        path: Where to write the picture; None writes nothing.
        x_label: What was predicted.
        y_label: What was observed.

    Returns:
        The figure.

    Raises:
        ValueError: There is nothing to draw, the tensors of a curve differ in shape, or hold other numbers.

    Example:
        >>> import torch
        >>> levels = torch.linspace(0.1, 0.9, 9)
        >>> figure = reliability({"calibrated": (levels, levels), "too sure": (levels, levels**2)})
        >>> [line.get_label() for line in figure.axes[0].lines[1:]]
        ['calibrated', 'too sure']
    """
    if not curves:
        raise ValueError("Expected curves to draw; got none. Pass name: (predicted, observed).")
    figure = new_figure(5.2, 5.0)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--", label="_diagonal")
    for index, (name, curve) in enumerate(curves.items()):
        predicted, observed, *counts = (part.detach().cpu().double() for part in curve)
        if predicted.dim() != 1 or not len(predicted) or any(p.shape != predicted.shape for p in (observed, *counts)):
            raise ValueError(
                f"Expected predicted and observed of one shape (num,), num > 0, for {name!r}; got "
                f"{', '.join(str(tuple(part.shape)) for part in curve)}. Give as many of each."
            )
        for part in (predicted, observed):
            if not bool(((part >= 0) & (part <= 1)).all()):
                raise ValueError(
                    f"Expected numbers from 0 to 1 for {name!r}; got {part.min().item():.4g} to "
                    f"{part.max().item():.4g}. Leave out empty bins."
                )
        (line,) = axes.plot(predicted.numpy(), observed.numpy(), label=name, linewidth=1.4)
        areas = LARGEST * counts[0] / counts[0].max() + 4 if counts else 18.0
        axes.scatter(
            predicted.numpy(),
            observed.numpy(),
            s=areas if isinstance(areas, float) else areas.numpy(),
            marker=MARKERS[index % len(MARKERS)],
            color=line.get_color(),
            alpha=0.75,
            linewidths=0,
        )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    return save(figure, path)
