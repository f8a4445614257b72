"""Points in the plane beside those they should be like."""

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from pyrodgm.plots.density import scatter
from pyrodgm.plots.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 3.0  # inches of a panel's width
COLUMNS = 5
MARK = "#c8553d"


def samples_2d(
    samples: Tensor | Mapping[str, Tensor],
    limits: tuple[float, float, float, float],
    path: str | os.PathLike[str] | None = None,
    *,
    centres: Tensor | None = None,
    radius: float | None = None,
) -> "Figure":
    """Draw samples in the plane, several sets side by side, with the modes of the target marked in each.

    Args:
        samples: Points ``(num, 2)``, or a mapping from titles to them: ``{"data": x, "model": gan.sample(1000)}``,
            five in a row.
        limits: ``(x_min, x_max, y_min, y_max)``; how many points are beyond is written below a panel.
        path: Where to write the picture; None writes nothing.
        centres: Modes ``(num_modes, 2)``, marked by crosses.
        radius: Of a circle about each mode, such as three standard deviations; None draws none.

    Returns:
        The figure.

    Raises:
        ValueError: The limits are empty, or points or centres are not finite and in the plane.

    Example:
        >>> from pyrodgm import data
        >>> grid = data.toy.gaussian_grid()
        >>> figure = samples_2d({"data": grid.sample((99,))}, (-6, 6, -6, 6), centres=grid.centres, radius=0.15)
        >>> figure.axes[0].get_title()
        'data'
    """
    x_min, x_max, y_min, y_max = limits
    if not (x_min < x_max and y_min < y_max):
        raise ValueError(f"Expected limits (x_min, x_max, y_min, y_max) that increase; got {limits}.")
    panels = dict(samples) if isinstance(samples, Mapping) else {"": samples}
    for name, points in [*panels.items(), *([] if centres is None else [("centres", centres)])]:
        if points.dim() != 2 or points.shape[1] != 2 or not bool(points.isfinite().all()):
            raise ValueError(
                f"Expected finite points of shape (num, 2) for {name!r}; got {tuple(points.shape)}, of which "
                f"{int(points.isfinite().all(-1).sum())} are finite."
            )
    if not panels:
        raise ValueError("Expected samples to draw; got an empty mapping. Give one set at least.")
    columns, rows = min(COLUMNS, len(panels)), math.ceil(len(panels) / COLUMNS)
    height = SIDE * (y_max - y_min) / (x_max - x_min)
    figure = new_figure(SIDE * columns, rows * (height + 0.5))
    from matplotlib.patches import Circle

    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in grid[len(panels) :]:
        axes.remove()
    for axes, (title, points) in zip(grid, panels.items(), strict=False):
        if centres is not None:
            places = centres.detach().cpu().numpy()
            axes.scatter(*places.T, marker="+", s=25, linewidths=0.7, color=MARK, zorder=1)
            if radius is not None:
                for place in places:
                    axes.add_patch(Circle(place, radius, fill=False, edgecolor=MARK, linewidth=0.7))
        scatter(axes, points)
        x, y = points.detach().unbind(1)
        num_beyond = int(((x < x_min) | (x > x_max) | (y < y_min) | (y > y_max)).sum())
        # a blank keeps the place, so that frames of an animation do not jump
        axes.set_xlabel(f"{num_beyond} of {len(points)} beyond" if num_beyond else " ", fontsize=8)
        axes.set(title=title, xlim=(x_min, x_max), ylim=(y_min, y_max), aspect="equal", xticks=[], yticks=[])
    return save(figure, path)
