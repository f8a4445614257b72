"""Animations: all frames, in their order and time, or no file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pyrodgm import plots

LIMITS = (-3.0, 3.0, -3.0, 3.0)


def frames(num: int):
    points = torch.randn(50, 2)
    for step in range(num):
        yield plots.samples_2d({f"step {step}": points * (step + 1) / num}, LIMITS)


def test_frames_and_times(tmp_path: Path) -> None:
    path = plots.animation(frames(4), tmp_path / "new" / "run.gif", seconds=0.1, last_seconds=1.0)
    assert path == tmp_path / "new" / "run.gif"
    with Image.open(path) as picture:
        assert picture.format == "GIF"
        assert picture.n_frames == 4
        assert picture.info["loop"] == 0
        assert min(picture.size) > 150
        seen, times = [], []
        for number in range(4):
            picture.seek(number)
            seen.append(picture.convert("RGB").tobytes())
            times.append(picture.info["duration"])
    assert len(set(seen)) == 4
    assert times == [100, 100, 100, 1000]


def test_a_frame_keeps_its_colours(tmp_path: Path) -> None:
    figure = plots.samples_2d(torch.zeros(1, 2), LIMITS, centres=torch.ones(1, 2), radius=1.0)
    figure.savefig(tmp_path / "still.png", dpi=75)
    path = plots.animation([figure], tmp_path / "still.gif")
    with Image.open(path) as moving, Image.open(tmp_path / "still.png") as still:
        assert moving.size == still.size
        pixels = [np.asarray(picture.convert("RGB"), dtype=float) for picture in (moving, still)]
    assert np.abs(pixels[0] - pixels[1]).mean() < 2


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "run.gif"
    path.write_bytes(b"old")

    def broken():
        yield from frames(2)
        raise RuntimeError("training failed")

    with pytest.raises(RuntimeError, match="training failed"):
        plots.animation(broken(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
