"""What each layer of a flow makes of data."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from pyrodgm.plots.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 2.4  # inches of one panel
MARGIN = 0.08  # space around the points, over their range
BEYOND = 0.002  # share of the points, on each side, that may lie outside of a panel


class Layer(Protocol):
    """One bijection of a flow."""

    context_dim: int

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return what is one layer nearer to the base."""


class LayeredFlow(Protocol):
    """A flow: its bijection has ``parts``, the first nearest to the base, or is one layer itself."""

    bijection: Any


def layers(
    flow: LayeredFlow,
    x: Tensor,
    path: str | os.PathLike[str] | None = None,
    *,
    context: Tensor | None = None,
    every: int = 1,
    num_columns: int = 6,
) -> "Figure":
    """Draw data in the plane as each layer of a flow makes them more like its base, from the data on.

    Points keep the colour of their angle in the data, so that it can be seen where they go. Each panel has its own
    scale, and the last one is the base's side of the flow.

    Args:
        flow: A flow of two features, such as ``flows.gaussianization(2)``. The parts of a ``transforms.Compose`` are
            its layers, and so are those of one within it.
        x: Data, ``(num, 2)``.
        path: Where to write the picture; None writes nothing.
        context: ``(num, context_dim)`` for a conditional flow, else None.
        every: After how many bijections a panel is drawn: 2 leaves out what stands between a rotation and its marginal
            transform. The last one is drawn in any case.
        num_columns: Number of panels in a row.

    Returns:
        The figure.

    Raises:
        ValueError: Data are not points of the plane, or a number is not positive.

    Example:
        >>> from pyrodgm import flows
        >>> figure = layers(flows.gaussianization(2, num_layers=2), torch.randn(50, 2), every=2)
        >>> [axes.get_title() for axes in figure.axes]
        ['data', 'after 2 of 4', 'base']

    References:
        Meng, Song, Song, Ermon (2020), Gaussianization Flows, https://arxiv.org/abs/2003.01941
    """
    if x.dim() != 2 or x.shape[1] != 2 or len(x) == 0:
        raise ValueError(
            f"Expected points of shape (num, 2), num >= 1; got {tuple(x.shape)}. Draw flows of two features."
        )
    if every < 1 or num_columns < 1:
        raise ValueError(f"Expected every and num_columns of at least 1; got {every} and {num_columns}.")
    panels = stages(layers_of(flow.bijection), x, context, every)
    width = min(len(panels), num_columns)
    height = -(-len(panels) // width)
    figure = new_figure(SIDE * width, (SIDE + 0.3) * height)
    grid = figure.subplots(height, width, squeeze=False).ravel()
    start = panels["data"]
    across, up = (start - start.mean(0)).unbind(1)
    colours = torch.atan2(up, across).numpy()
    size = min(12.0, max(1.0, 2000.0 / len(x)))
    for axes, (title, points) in zip(grid, panels.items(), strict=False):
        axes.scatter(*points.T.numpy(), s=size, c=colours, cmap="twilight", linewidths=0)
        (x_middle, y_middle), half = window(points)
        axes.set(xlim=(x_middle - half, x_middle + half), ylim=(y_middle - half, y_middle + half))
        axes.set(title=title, aspect="equal", xticks=[], yticks=[])
    for axes in grid[len(panels) :]:
        axes.remove()
    return save(figure, path)


def layers_of(bijection: Any) -> list[Layer]:
    """Return the innermost parts of a bijection, the one nearest to the base first; itself if it has none."""
    parts = getattr(bijection, "parts", None)
    return [bijection] if parts is None else [layer for part in parts for layer in layers_of(part)]


@torch.no_grad()
def stages(parts: Sequence[Layer], x: Tensor, context: Tensor | None, every: int) -> dict[str, Tensor]:
    """Return titles and points ``(num, 2)``, from the data to the base."""
    found = {"data": x}
    for index, part in enumerate(reversed(parts), 1):
        x = part.inverse_and_ladj(x, context if part.context_dim else None)[0]
        if index == len(parts):
            found["base"] = x
        elif index % every == 0:
            found[f"after {index} of {len(parts)}"] = x
    return {title: points.detach().cpu().double() for title, points in found.items()}


def window(points: Tensor) -> tuple[tuple[float, float], float]:
    """Return the middle and half the width of a square that holds nearly all points, and some space around them."""
    seen = points[points.isfinite().all(1)]
    if len(seen) == 0:
        return (0.0, 0.0), 1.0
    low, high = seen.quantile(BEYOND, dim=0), seen.quantile(1 - BEYOND, dim=0)
    x, y = ((low + high) / 2).tolist()
    return (x, y), max((0.5 + MARGIN) * float((high - low).max()), 1e-6)
