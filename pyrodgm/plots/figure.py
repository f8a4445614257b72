"""Figures without pyplot: no backend is chosen, no global setting changed, and files appear whole."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150


def new_figure(width: float, height: float, *, constrained: bool = True) -> "Figure":
    """Make an empty figure that no global list holds, so that it is freed with its last reference.

    Args:
        width: Width in inches.
        height: Height in inches.
        constrained: Whether matplotlib arranges the axes so that labels do not overlap.

    Raises:
        ImportError: Matplotlib is absent.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        message = 'Expected matplotlib for pictures; got no such package. Install it: pip install "pyrodgm[train]".'
        raise ImportError(message) from error
    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained" if constrained else None)


def save(figure: "Figure", path: str | os.PathLike[str] | None) -> "Figure":
    """Write the figure to ``path`` under a temporary name and then rename it; do nothing for None.

    Args:
        figure: What is written.
        path: File whose suffix names the format, such as ``samples.png``; its folder is made if absent.

    Returns:
        The same figure.

    Raises:
        ValueError: The suffix names no format that matplotlib writes.
    """
    if path is None:
        return figure
    target = Path(path)
    kind = target.suffix.removeprefix(".").lower()
    kinds = figure.canvas.get_supported_filetypes()
    if kind not in kinds:
        raise ValueError(f"Expected a file name that ends in one of {sorted(kinds)}; got {target.name!r}. Use .png.")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.{kind}")
    try:
        figure.savefig(temporary, format=kind)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return figure
