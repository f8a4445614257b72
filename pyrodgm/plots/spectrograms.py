"""Pictures of sound."""

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pyrodgm.plots.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WINDOW_SECONDS = 0.016  # resolves the voice's pitch in time and its formants in frequency
RANGE = 60.0  # decibels below the loudest that are still seen


def spectrograms(
    sounds: Mapping[str, Tensor],
    rate: int,
    path: str | os.PathLike[str] | None = None,
    *,
    num_columns: int = 5,
) -> "Figure":
    """Draw how loud each frequency is over time, for each sound on its own scale, in decibels below its loudest.

    Args:
        sounds: From names to samples of shape (num_samples,).
        rate: Samples a second.
        path: Where to write the picture; None writes nothing.
        num_columns: Sounds in a row.

    Returns:
        The figure.

    Raises:
        ValueError: There is no sound, one is too short or not finite, or there is no column.

    Example:
        >>> figure = spectrograms({"noise": torch.randn(800), "a tone": (torch.arange(800) / 3).sin()}, 8000)
        >>> [axes.images[0].get_array().shape for axes in figure.axes]
        [(65, 26), (65, 26)]
    """
    size = 2 ** round(math.log2(max(WINDOW_SECONDS * rate, 1)))
    if not sounds or num_columns < 1:
        raise ValueError(f"Expected sounds and num_columns >= 1; got {list(sounds)} and {num_columns}.")
    for name, samples in sounds.items():
        if samples.dim() != 1 or len(samples) < size or not bool(samples.isfinite().all()):
            raise ValueError(
                f"Expected finite samples of shape (num_samples,) for {name!r}, at least {size}, a window at {rate} "
                f"samples a second; got {tuple(samples.shape)}, {int(samples.isfinite().sum())} of them finite."
            )
    columns = min(num_columns, len(sounds))
    rows = math.ceil(len(sounds) / columns)
    figure = new_figure(1.0 + 1.8 * columns, 0.6 + 1.5 * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in panels.flat[len(sounds) :]:
        axes.set_visible(False)
    for axes, (name, samples) in zip(panels.flat, sounds.items(), strict=False):
        seconds = len(samples) / rate
        decibels = loudness(samples.detach().cpu().double(), size)
        extent = (0.0, seconds, 0.0, rate / 2000)
        axes.imshow(decibels.numpy(), origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-RANGE, vmax=0.0)
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
    for axes in panels[-1]:
        axes.set_xlabel("seconds", fontsize=8)
    for axes in panels[:, 0]:
        axes.set_ylabel("kHz", fontsize=8)
    return save(figure, path)


def loudness(samples: Tensor, size: int) -> Tensor:
    """Return decibels below the loudest, ``(size // 2 + 1, num_windows)``, of overlapping windows."""
    window = torch.hann_window(size, dtype=samples.dtype)
    spectrum = torch.stft(samples, size, hop_length=size // 4, window=window, pad_mode="constant", return_complex=True)
    power = spectrum.abs().square()
    return 10 * (power / power.max().clamp(min=1e-30)).clamp(min=10 ** (-RANGE / 10)).log10()
