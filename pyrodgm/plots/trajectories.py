"""How a continuous flow carries its base to the data."""

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pyrodgm.plots.density import cell_centres, on_grid, scatter
from pyrodgm.plots.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 1.9  # inches of one panel
NUM_LINES = 100  # particles whose way is drawn


def trajectories(
    flow: Any,
    limits: tuple[float, float, float, float],
    path: str | os.PathLike[str] | None = None,
    *,
    context: Tensor | None = None,
    num_times: int = 8,
    num_particles: int = 500,
    resolution: int = 100,
    color_map: str = "magma",
) -> "Figure":
    """Draw the density of a continuous flow above its particles, at equally spaced times from base to data.

    The density at a time is that of the base at the points' origins, and what the flow has stretched on the way; each
    panel has a colour scale of its own. Below are particles that start from the base, and the ways that some of them
    have come.

    Args:
        flow: A flow over the plane whose bijection has ``trajectory`` and ``interval``, as
            :func:`pyrodgm.flows.cnf` builds them.
        limits: ``(x_min, x_max, y_min, y_max)``.
        path: Where to write the picture; None writes nothing.
        context: One context ``(context_dim,)`` of a conditional flow.
        num_times: Number of columns.
        num_particles: Number of particles.
        resolution: Number of grid cells along each axis.
        color_map: Name of a matplotlib colour map.

    Returns:
        The figure.

    Raises:
        ValueError: The limits are empty, there are fewer than two times, or the flow is not a continuous one over the
            plane.

    Example:
        >>> from pyrodgm import flows
        >>> figure = trajectories(flows.cnf(2, hidden_dims=(8,)), (-3, 3, -3, 3), num_times=3, resolution=10)
        >>> [axes.get_title() for axes in figure.axes[:3]]
        ['t = 0', 't = 0.5', 't = 1']

    References:
        Grathwohl, Chen, Bettencourt, Sutskever, Duvenaud (2019), FFJORD, fig. 1, https://arxiv.org/abs/1810.01367
    """
    x_min, x_max, y_min, y_max = limits
    if not (x_min < x_max and y_min < y_max):
        raise ValueError(f"Expected limits (x_min, x_max, y_min, y_max) that increase; got {limits}.")
    if num_times < 2 or num_particles < 1:
        raise ValueError(
            f"Expected num_times >= 2 and num_particles >= 1; got {num_times} and {num_particles}. Give 8 times, say."
        )
    bijection = check_continuous(flow)
    start, end = bijection.interval
    times = torch.linspace(start, end, num_times, dtype=torch.float64).tolist()
    parameter = next(flow.parameters())
    context = None if context is None else context.to(parameter)
    base = flow.base(context if flow.base.context_shape else None)

    def log_prob_at(time: float, points: Tensor) -> Tensor:
        origins, ladj = bijection.trajectory(points.to(parameter), [time, start], context)
        return base.log_prob(origins[-1]) + ladj[-1]

    with torch.no_grad():
        particles = bijection.trajectory(base.sample((num_particles,)), times, context)[0].cpu()
    grid = cell_centres(limits, resolution)
    figure = new_figure(SIDE * num_times, 2 * SIDE * (y_max - y_min) / (x_max - x_min) + 0.35)
    panels = figure.subplots(2, num_times, squeeze=False)
    for column, time in enumerate(times):
        title = f"t = {time:.3g}"
        density = on_grid(partial(log_prob_at, time), grid, title)
        panels[0, column].imshow(density.numpy(), origin="lower", extent=limits, cmap=color_map, vmin=0.0)
        panels[0, column].set_title(title, fontsize=10)
        ways = particles[: column + 1, :NUM_LINES].numpy()  # (num_times so far, num_lines, 2)
        panels[1, column].plot(ways[..., 0], ways[..., 1], color="#33415c", linewidth=0.4, alpha=0.3)
        scatter(panels[1, column], particles[column])
        for axes in panels[:, column]:
            axes.set(xlim=(x_min, x_max), ylim=(y_min, y_max), aspect="equal", xticks=[], yticks=[])
    return save(figure, path)


def check_continuous(flow: Any) -> Any:
    """Return the bijection of a continuous flow over the plane.

    Raises:
        ValueError: If it is another one.
    """
    bijection = getattr(flow, "bijection", None)
    if getattr(bijection, "trajectory", None) is None:
        raise ValueError(
            f"Expected a flow whose bijection is a transforms.Continuous; got {type(bijection).__name__}. Build it by "
            "flows.cnf."
        )
    if tuple(flow.event_shape) != (2,):
        raise ValueError(
            f"Expected a flow over the plane, event_shape (2,); got {tuple(flow.event_shape)}. Draw one of two."
        )
    return bijection
