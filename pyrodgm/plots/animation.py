"""Figures one after the other, in a file that moves."""

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image


def animation(
    frames: Iterable["Figure"],
    path: str | os.PathLike[str],
    *,
    seconds: float = 0.2,
    last_seconds: float = 2.0,
    dots_per_inch: int = 75,
) -> Path:
    """Write figures as a GIF that plays for ever; the file appears whole or not at all.

    Args:
        frames: Figures of one size in inches, such as :func:`samples_2d` after more and more steps of training. They
            are drawn one by one as they come, so a generator keeps one in memory.
        path: File that ends in ``.gif``; its folder is made if absent.
        seconds: How long a frame is shown; GIFs count hundredths.
        last_seconds: How long the last one is.
        dots_per_inch: Resolution.

    Returns:
        The path.

    Raises:
        ValueError: There is no frame, frames differ in size, the file name is another, or a number is not positive.
        ImportError: Pillow is absent.

    Example:
        >>> import tempfile, torch
        >>> from pyrodgm import plots
        >>> points = torch.randn(50, 2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     figures = (plots.samples_2d(scale * points, (-3, 3, -3, 3)) for scale in (0.1, 0.5, 1.0))
        ...     plots.animation(figures, f"{folder}/growing.gif").name
        'growing.gif'
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError('Animations need pillow; pip install "pyrodgm[train]".') from error
    target = Path(path)
    if target.suffix.lower() != ".gif":
        raise ValueError(f"Expected a file name that ends in .gif; got {target.name!r}.")
    if not (seconds >= 0.01 and last_seconds >= 0.01 and dots_per_inch >= 1):
        raise ValueError(
            "Expected seconds and last_seconds of at least 0.01, and dots_per_inch >= 1; got "
            f"{seconds}, {last_seconds} and {dots_per_inch}."
        )
    pictures: list[Image.Image] = []
    for figure in frames:
        pictures.append(drawn(figure, dots_per_inch))
        if pictures[-1].size != pictures[0].size:
            raise ValueError(
                f"Expected frames of one size; got {pictures[0].size} pixels first and {pictures[-1].size} in frame "
                f"{len(pictures) - 1}. Draw all with the same limits."
            )
    if not pictures:
        raise ValueError("Expected at least one frame; got none. Draw one before the training and one after.")
    durations = [round(1000 * seconds)] * (len(pictures) - 1) + [round(1000 * last_seconds)]
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.gif")
    try:
        pictures[0].save(temporary, save_all=True, append_images=pictures[1:], duration=durations, loop=0)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def drawn(figure: "Figure", dots_per_inch: int) -> "Image":
    """Return a figure's pixels in 256 colours."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch)
    buffer.seek(0)
    with Image.open(buffer) as picture:
        return picture.convert("RGB").quantize()
