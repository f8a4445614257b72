"""The aggregated posterior beside the prior that should match it."""

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pyrodgm.plots.figure import new_figure, save
from pyrodgm.plots.latent import principal_components

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 2.3  # inches of one panel
MARGIN = 0.1  # space around nearly all draws, over half their range
SMOOTHING = 0.6  # width of the kernel, over the scale of the draws and their number to the power of -1/6
LEVELS = (0.1, 0.4, 0.8)  # of the prior's contours, relative to its peak


def aggregated_posterior(
    draws: Mapping[str, tuple[Tensor, Tensor]],
    path: str | os.PathLike[str] | None = None,
    *,
    dims: tuple[int, int] | None = None,
    resolution: int = 100,
) -> "Figure":
    """Draw where posteriors lie, all data together, above where the prior expects them, one column a model.

    Densities are estimated from draws. Those of the prior are also drawn as contours over the posteriors: colour
    outside of contours is what the prior denies, contours without colour are where samples decode to nothing.

    Args:
        draws: From titles to draws of the posteriors, one or more a datum, and of the prior, each
            ``(num, latent_dim)``.
        path: Where to write the picture; None writes nothing.
        dims: Which two latent variables to show; by default the first two principal components of all draws of a
            column, or the two that there are.
        resolution: Number of grid cells along each axis.

    Returns:
        The figure.

    Raises:
        ValueError: There is no column, draws have another shape, or ``dims`` are none of theirs.

    Example:
        >>> z = torch.randn(500, 3)
        >>> figure = aggregated_posterior({"a model": (0.5 * z, z)}, resolution=20)
        >>> [axes.get_title() for axes in figure.axes]
        ['a model', '']

    References:
        Rosca, Lakshminarayanan, Mohamed (2018), Distribution Matching in Variational Inference,
        https://arxiv.org/abs/1802.06847
    """
    if not draws or resolution < 2:
        raise ValueError(f"Expected draws of a model, and resolution >= 2; got {list(draws)} and {resolution}.")
    figure = new_figure(0.4 + SIDE * len(draws), 0.6 + 2 * SIDE)
    panels = figure.subplots(2, len(draws), squeeze=False)
    for column, (title, (posterior, prior)) in enumerate(draws.items()):
        points, names = on_plane(posterior, prior, dims, title)
        centre, half = window(torch.cat(points))
        limits = (centre[0] - half, centre[0] + half, centre[1] - half, centre[1] + half)
        densities = [estimate(part, limits, resolution) for part in points]
        brightest = max(float(density.max()) for density in densities)
        for axes, density in zip(panels[:, column], densities, strict=True):
            axes.imshow(density.numpy(), origin="lower", extent=limits, cmap="magma", vmin=0.0, vmax=brightest)
            peak = float(densities[1].max())
            levels = [level * peak for level in LEVELS]
            axes.contour(densities[1].numpy(), levels, extent=limits, colors="white", linewidths=0.6, alpha=0.8)
            axes.set(xticks=[], yticks=[])
        panels[0, column].set_title(title, fontsize=10)
        panels[1, column].set_xlabel(names, fontsize=7)
    for axes, name in zip(panels[:, 0], ("aggregated posterior", "prior"), strict=True):
        axes.set_ylabel(name)
    return save(figure, path)


def on_plane(
    posterior: Tensor, prior: Tensor, dims: tuple[int, int] | None, title: str
) -> tuple[tuple[Tensor, Tensor], str]:
    """Return both kinds of draws in the same two dimensions, and the names of these.

    Raises:
        ValueError: If the draws have other shapes, or fewer dimensions than are asked for.
    """
    posterior, prior = (z.detach().cpu().to(torch.float64) for z in (posterior, prior))
    if any(z.dim() != 2 or len(z) < 2 for z in (posterior, prior)) or posterior.shape[1] != prior.shape[1]:
        raise ValueError(
            f"Expected draws of shape (num >= 2, latent_dim) of posteriors and prior for {title!r}; got "
            f"{tuple(posterior.shape)} and {tuple(prior.shape)}."
        )
    if posterior.shape[1] < 2 or (dims is not None and not all(0 <= dim < posterior.shape[1] for dim in dims)):
        raise ValueError(f"Expected two of the latent variables of {title!r}; got {dims} of {posterior.shape[1]}.")
    if dims is not None:
        return (posterior[:, dims], prior[:, dims]), f"$z_{{{dims[0] + 1}}}$, $z_{{{dims[1] + 1}}}$"
    projected, names = principal_components(torch.cat([posterior, prior]))
    short = ", ".join(names) if posterior.shape[1] == 2 else "two principal components"
    return (projected[: len(posterior)], projected[len(posterior) :]), short


def window(points: Tensor) -> tuple[tuple[float, float], float]:
    """Return the middle and half the width of a square that holds nearly all points, and some space around them."""
    low, high = points.quantile(0.005, dim=0), points.quantile(0.995, dim=0)
    x, y = ((low + high) / 2).tolist()
    half = (1 + MARGIN) * float((high - low).max()) / 2
    return (x, y), max(half, 1e-6)


def estimate(points: Tensor, limits: tuple[float, float, float, float], resolution: int) -> Tensor:
    """Return a smoothed histogram ``(resolution, resolution)``, rows along y, as a density."""
    x_min, x_max, y_min, y_max = limits
    counts = torch.histogramdd(points.flip(1), [resolution, resolution], range=[y_min, y_max, x_min, x_max]).hist
    cell = (x_max - x_min) / resolution
    scale = float((points.quantile(0.84, dim=0) - points.quantile(0.16, dim=0)).mean()) / 2  # whatever outliers do
    width = SMOOTHING * scale * len(points) ** (-1 / 6) / cell
    reach = max(1, math.ceil(4 * width))
    steps = torch.arange(-reach, reach + 1, dtype=counts.dtype)
    kernel = (-0.5 * (steps / max(width, 0.3)).square()).exp()
    kernel = kernel / kernel.sum()
    smooth = torch.nn.functional.conv2d(counts[None, None], kernel[None, None, :, None], padding=(reach, 0))
    smooth = torch.nn.functional.conv2d(smooth, kernel[None, None, None, :], padding=(0, reach))[0, 0]
    return smooth / (len(points) * cell**2)
