"""Many small pictures in one."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pyrodgm.plots.figure import DOTS_PER_INCH, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BACKGROUND = 0.55  # grey of the gaps, on the scale 0 (black) to 1 (white)
TARGET_PIXELS = 1100  # a picture is enlarged by the whole factor that brings its longer side near this


def samples_grid(
    x: Tensor | Mapping[str, Tensor],
    shape: Sequence[int],
    path: str | os.PathLike[str] | None = None,
    *,
    num_columns: int | None = None,
    value_range: tuple[float, float] | None = None,
) -> "Figure":
    """Tile pictures into a grid, row by row, enlarged without smoothing.

    Args:
        x: Pictures of shape ``(num, *shape)`` or flat, ``(num, channels * height * width)``; or a mapping from names
            to such pictures, shown one grid above the other.
        shape: ``(channels, height, width)`` with 1 (grey) or 3 (RGB) channels.
        path: Where to write the picture; None writes nothing.
        num_columns: Pictures in a row; about the square root of their number by default.
        value_range: Values shown as black and white; the least and greatest of each grid's by default.

    Returns:
        The figure.

    Raises:
        ValueError: ``x`` does not hold pictures of this shape.

    Example:
        >>> samples_grid(torch.rand(10, 64), (1, 8, 8), num_columns=5).axes[0].images[0].get_array().shape
        (19, 46, 3)
    """
    if isinstance(x, Mapping):
        columns = num_columns or math.ceil(math.sqrt(sum(len(part) for part in x.values())))
        tiles = [tile(as_images(part, shape, value_range), columns) for part in x.values()]
        return save(labelled([([name], canvas) for name, canvas in zip(x, tiles, strict=True)]), path)
    images = as_images(x, shape, value_range)
    canvas = tile(images, math.ceil(math.sqrt(len(images))) if num_columns is None else num_columns)
    height, width = canvas.shape[:2]
    scale = max(1, TARGET_PIXELS // max(height, width))
    figure = new_figure(width * scale / DOTS_PER_INCH, height * scale / DOTS_PER_INCH, constrained=False)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.imshow(canvas.numpy(), interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    return save(figure, path)


def reconstructions(
    x: Tensor,
    x_hat: Tensor,
    shape: Sequence[int],
    path: str | os.PathLike[str] | None = None,
    *,
    num_columns: int = 12,
    value_range: tuple[float, float] | None = None,
) -> "Figure":
    """Show each picture above its reconstruction.

    Args:
        x: Data of shape ``(num, *shape)`` or flat.
        x_hat: Reconstructions, as many and in the same order.
        shape: ``(channels, height, width)`` with 1 (grey) or 3 (RGB) channels.
        path: Where to write the picture; None writes nothing.
        num_columns: Pairs in a row.
        value_range: Values shown as black and white; the least and greatest of ``x`` by default.

    Returns:
        The figure.

    Raises:
        ValueError: The two differ in number, or do not hold pictures of this shape.

    Example:
        >>> x = torch.rand(6, 64)
        >>> [label.get_text() for label in reconstructions(x, x, (1, 8, 8), num_columns=3).axes[0].get_yticklabels()]
        ['data', 'reconstruction', 'data', 'reconstruction']
    """
    if len(x) != len(x_hat):
        raise ValueError(f"Expected as many reconstructions as data; got {len(x_hat)} and {len(x)}.")
    check_columns(num_columns)
    values = (float(x.min()), float(x.max())) if value_range is None and x.numel() else value_range
    data, hats = as_images(x, shape, values), as_images(x_hat, shape, values)
    columns = min(num_columns, len(data))
    pairs = [tile(torch.cat([a, b]), len(a)) for a, b in zip(data.split(columns), hats.split(columns), strict=True)]
    return save(labelled([(["data", "reconstruction"], pair) for pair in pairs]), path)


def labelled(blocks: Sequence[tuple[Sequence[str], Tensor]]) -> "Figure":
    """Show tiled pictures one above the other, each with names at equal distances along its left side."""
    gap = 2  # pixels between blocks
    height = sum(len(canvas) for _, canvas in blocks) + gap * (len(blocks) - 1)
    whole = torch.ones(height, max(canvas.shape[1] for _, canvas in blocks), 3, dtype=torch.float32)
    ticks: dict[float, str] = {}
    top = 0
    for names, canvas in blocks:
        whole[top : top + len(canvas), : canvas.shape[1]] = canvas
        ticks |= {top + len(canvas) * (i + 0.5) / len(names) - 0.5: name for i, name in enumerate(names)}
        top += len(canvas) + gap
    width_inches = 6.8
    label_inches = 0.2 + 0.078 * max(map(len, ticks.values()))
    figure = new_figure(width_inches + label_inches, width_inches * whole.shape[0] / whole.shape[1], constrained=False)
    left = label_inches / (width_inches + label_inches)
    axes = figure.add_axes((left, 0.0, 1.0 - left, 1.0))
    axes.imshow(whole.numpy(), interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def check_columns(num_columns: int) -> None:
    """Raise a ValueError unless there is a column."""
    if num_columns < 1:
        raise ValueError(f"Expected num_columns of at least 1; got {num_columns}.")


def as_images(x: Tensor, shape: Sequence[int], value_range: tuple[float, float] | None = None) -> Tensor:
    """Turn ``(num, ...)`` values into RGB pictures ``(num, height, width, 3)`` in [0, 1]."""
    shape = tuple(shape)
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ValueError(f"Expected a shape (channels, height, width) with 1 or 3 channels; got {shape}.")
    if x.dim() < 2 or len(x) == 0 or x[0].numel() != math.prod(shape):
        raise ValueError(
            f"Expected pictures of shape (num, {math.prod(shape)}) or (num, {', '.join(map(str, shape))}) with "
            f"num >= 1; got {tuple(x.shape)}."
        )
    images = x.detach().cpu().to(torch.float32).reshape(-1, *shape).permute(0, 2, 3, 1)
    low, high = (float(images.min()), float(images.max())) if value_range is None else value_range
    images = (images - low) / (high - low) if high > low else torch.zeros_like(images)
    return images.clamp(0.0, 1.0).expand(-1, -1, -1, 3)


def tile(images: Tensor, num_columns: int) -> Tensor:
    """Lay ``(num, height, width, 3)`` pictures out row by row with gaps of one pixel."""
    check_columns(num_columns)
    num, height, width, _ = images.shape
    num_columns = min(num_columns, num)
    num_rows = math.ceil(num / num_columns)
    canvas = torch.full((num_rows * (height + 1) + 1, num_columns * (width + 1) + 1, 3), BACKGROUND, dtype=images.dtype)
    for index, image in enumerate(images):
        row, column = divmod(index, num_columns)
        top, left = row * (height + 1) + 1, column * (width + 1) + 1
        canvas[top : top + height, left : left + width] = image
    return canvas
