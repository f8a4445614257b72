"""Densities over the plane."""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.distributions import Distribution

from pyrodgm.plots.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LogProb = Callable[[Tensor], Tensor]
CHUNK_SIZE = 10_000  # points whose log-density is computed at once


def density_2d(
    density: Distribution | LogProb | Mapping[str, Distribution | LogProb],
    limits: tuple[float, float, float, float],
    path: str | os.PathLike[str] | None = None,
    *,
    points: Tensor | None = None,
    resolution: int = 200,
    color_map: str = "magma",
) -> "Figure":
    """Draw one density over the plane, or several side by side on one colour scale.

    Args:
        density: A distribution with ``event_shape == (2,)``, a function from points ``(num, 2)`` to their
            log-densities ``(num,)`` in nats, or a mapping from titles to either.
        limits: ``(x_min, x_max, y_min, y_max)``.
        path: Where to write the picture; None writes nothing.
        points: Points ``(num, 2)`` drawn in a panel of their own, on the left.
        resolution: Number of grid cells along each axis.
        color_map: Name of a matplotlib colour map.

    Returns:
        The figure.

    Raises:
        ValueError: The limits are empty, or a density does not return one number per point.

    Example:
        >>> normal = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
        >>> len(density_2d({"exact": normal, "learned": normal}, (-3, 3, -3, 3), resolution=20).axes)
        2
    """
    x_min, x_max, y_min, y_max = limits
    if not (x_min < x_max and y_min < y_max):
        raise ValueError(f"Expected limits (x_min, x_max, y_min, y_max) that increase; got {limits}.")
    panels = dict(density) if isinstance(density, Mapping) else {"": density}
    grid = cell_centres(limits, resolution)
    values = {title: on_grid(panel, grid, title) for title, panel in panels.items()}
    num_panels = len(panels) + (points is not None)
    aspect = (y_max - y_min) / (x_max - x_min)
    figure = new_figure(4.0 * num_panels, 4.0 * aspect + 0.25 * (num_panels > 1))
    axes = figure.subplots(1, num_panels, squeeze=False)[0]
    if points is not None:
        scatter, axes = axes[0], axes[1:]
        shown = points.detach().cpu()
        scatter.scatter(shown[:, 0], shown[:, 1], s=1.5, color="#33415c", alpha=0.5, linewidths=0)
        scatter.set(title=f"{len(shown):,} points", xlim=(x_min, x_max), ylim=(y_min, y_max), aspect="equal")
    brightest = max(float(panel.max()) for panel in values.values())
    for panel, (title, value) in zip(axes, values.items(), strict=True):
        panel.imshow(value.numpy(), origin="lower", extent=limits, cmap=color_map, vmin=0.0, vmax=brightest)
        panel.set_title(title)
    for panel in figure.axes:
        panel.set_xticks([])
        panel.set_yticks([])
    return save(figure, path)


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
