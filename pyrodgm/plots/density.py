"""Densities over the plane."""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.distributions import Distribution

from pyrodgm.plots.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LogProb = Callable[[Tensor], Tensor]
Panel = Distribution | LogProb | Tensor
CHUNK_SIZE = 10_000  # points whose log-density is computed at once


def density_2d(
    density: Panel | Mapping[str, Panel],
    limits: tuple[float, float, float, float],
    path: str | os.PathLike[str] | None = None,
    *,
    resolution: int = 150,
    color_map: str = "magma",
) -> "Figure":
    """Draw one density over the plane, or several side by side on one colour scale, and points beside them.

    Args:
        density: A distribution with ``event_shape == (2,)``, a function from points ``(num, 2)`` to their
            log-densities ``(num,)`` in nats, points ``(num, 2)``, or a mapping from titles to such panels.
        limits: ``(x_min, x_max, y_min, y_max)``.
        path: Where to write the picture; None writes nothing.
        resolution: Number of grid cells along each axis.
        color_map: Name of a matplotlib colour map; its upper end is the greatest density of all panels.

    Returns:
        The figure.

    Raises:
        ValueError: The limits are empty, points are not in the plane, or a density does not return one number per
            point.

    Example:
        >>> normal = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
        >>> len(density_2d({"points": normal.sample((9,)), "density": normal}, (-3, 3, -3, 3), resolution=20).axes)
        2
    """
    x_min, x_max, y_min, y_max = limits
    if not (x_min < x_max and y_min < y_max):
        raise ValueError(f"Expected limits (x_min, x_max, y_min, y_max) that increase; got {limits}.")
    panels: dict[str, Panel] = dict(density) if isinstance(density, Mapping) else {"": density}
    grid = cell_centres(limits, resolution)
    values = {title: on_grid(panel, grid, title) for title, panel in panels.items() if not isinstance(panel, Tensor)}
    brightest = max((float(value.max()) for value in values.values()), default=0.0)
    side = 4.0
    title_height = 0.35 if any(panels) else 0.0
    figure = new_figure(side * len(panels), side * (y_max - y_min) / (x_max - x_min) + title_height)
    for axes, (title, panel) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        if isinstance(panel, Tensor):
            scatter(axes, panel)
        else:
            axes.imshow(values[title].numpy(), origin="lower", extent=limits, cmap=color_map, vmin=0.0, vmax=brightest)
        axes.set(title=title, xlim=(x_min, x_max), ylim=(y_min, y_max), aspect="equal", xticks=[], yticks=[])
    return save(figure, path)


def scatter(axes: "Axes", points: Tensor) -> None:
    """Draw points ``(num, 2)``, the smaller the more there are."""
    if points.dim() != 2 or points.shape[1] != 2:
        raise ValueError(f"Expected points of shape (num, 2); got {tuple(points.shape)}.")
    x, y = points.detach().cpu().numpy().T
    size = min(12.0, max(1.0, 4000.0 / max(1, len(points))))
    axes.scatter(x, y, s=size, color="#33415c", alpha=0.5, linewidths=0)


def cell_centres(limits: tuple[float, float, float, float], resolution: int) -> Tensor:
    """Return the centres ``(resolution, resolution, 2)`` of a grid's cells, rows along y."""
    x_min, x_max, y_min, y_max = limits
    steps = (torch.arange(resolution) + 0.5) / resolution
    y, x = torch.meshgrid(y_min + (y_max - y_min) * steps, x_min + (x_max - x_min) * steps, indexing="ij")
    return torch.stack([x, y], dim=-1).to(torch.get_default_dtype())


def on_grid(density: Distribution | LogProb, grid: Tensor, title: str) -> Tensor:
    """Return the density (not its logarithm) at each point of the grid; 0 where it is not a number."""
    log_prob = density.log_prob if isinstance(density, Distribution) else density
    chunks = []
    with torch.no_grad():
        for points in grid.reshape(-1, 2).split(CHUNK_SIZE):
            values = log_prob(points)
            if values.shape != points.shape[:1]:
                raise ValueError(
                    f"Expected one log-density per point, shape {tuple(points.shape[:1])}; got {tuple(values.shape)} "
                    f"from the density {title!r}. Give it an event_shape of (2,)."
                )
            chunks.append(values)
    return torch.cat(chunks).exp().nan_to_num(0.0).cpu().reshape(grid.shape[:-1])
