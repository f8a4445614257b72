"""Latent variables as points in the plane."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pyrodgm.plots.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_CLASSES = 20  # beyond this many distinct labels the colour is a scale, not a class


def latent_space(
    z: Tensor,
    labels: Tensor | Sequence[float] | Sequence[str] | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
) -> "Figure":
    """Draw latent variables, by their first two principal components when they have more than two dimensions.

    Args:
        z: Latent variables of shape ``(num, latent_dim)`` with ``latent_dim >= 2``.
        labels: One name or number per row; names, and up to 20 distinct numbers, are classes with a legend; more
            numbers are a colour scale.
        path: Where to write the picture; None writes nothing.
        title: Text above the picture.

    Returns:
        The figure.

    Raises:
        ValueError: ``z`` has another shape, or there are not as many labels as rows.

    Example:
        >>> latent_space(torch.randn(30, 5), torch.arange(30) % 3).axes[0].get_xlabel()[:25]
        '1st principal component ('
    """
    if z.dim() != 2 or z.shape[1] < 2 or len(z) < 2:
        raise ValueError(f"Expected latent variables of shape (num >= 2, latent_dim >= 2); got {tuple(z.shape)}.")
    projected, names = principal_components(z.detach().cpu().to(torch.float64))
    points = projected.numpy()
    figure = new_figure(6.4, 5.6)
    axes = figure.add_subplot()
    style: dict[str, Any] = {"s": 9.0, "alpha": 0.75, "linewidths": 0.0}
    if labels is None:
        axes.scatter(points[:, 0], points[:, 1], color="#33415c", **style)
    else:
        values, classes = as_classes(labels)
        if values.shape != (len(z),):
            raise ValueError(f"Expected one label per row, shape {(len(z),)}; got {tuple(values.shape)}.")
        if len(classes) <= MAX_CLASSES:
            from matplotlib import colormaps

            palette = colormaps["tab10" if len(classes) <= 10 else "tab20"]
            for index, (name, value) in enumerate(classes.items()):
                chosen = points[(values == value).numpy()]
                axes.scatter(chosen[:, 0], chosen[:, 1], color=palette(index), label=name, **style)
            axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2.5)
        else:
            drawn = axes.scatter(points[:, 0], points[:, 1], c=values.numpy(), cmap="viridis", **style)
            figure.colorbar(drawn, ax=axes, shrink=0.8)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.set_title(title)
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[["top", "right"]].set_visible(False)
    return save(figure, path)


def as_classes(labels: Tensor | Sequence[float] | Sequence[str]) -> tuple[Tensor, dict[str, float]]:
    """Return the labels as numbers, and the number of each class's name; names keep the order in which they appear."""
    if not isinstance(labels, Tensor) and labels and isinstance(labels[0], str):
        classes = {str(name): float(index) for index, name in enumerate(dict.fromkeys(labels))}
        return torch.tensor([classes[str(name)] for name in labels]), classes
    values = torch.as_tensor(labels).detach().cpu()
    return values, {f"{value:g}": float(value) for value in values.unique()}


def principal_components(z: Tensor) -> tuple[Tensor, tuple[str, str]]:
    """Project ``(num, latent_dim)`` on its two directions of greatest variance; two dimensions stay as they are."""
    if z.shape[1] == 2:
        return z, ("$z_1$", "$z_2$")
    centred = z - z.mean(0)
    _, scales, directions = torch.linalg.svd(centred, full_matrices=False)
    largest = directions.abs().argmax(dim=1, keepdim=True)
    directions = directions * directions.gather(1, largest).sign()  # the sign of a component is free: fix it
    shares = 100 * scales.square() / scales.square().sum().clamp_min(torch.finfo(z.dtype).tiny)
    names = (f"1st principal component ({shares[0]:.0f} % of variance)", f"2nd ({shares[1]:.0f} %)")
    return centred @ directions[:2].T, names
