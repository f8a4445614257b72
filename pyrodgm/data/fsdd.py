"""Spoken digits."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyrodgm.data.checks import check_index, check_name
from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import find_file, read_npz
from pyrodgm.data.mu_law import mu_law
from pyrodgm.data.wav import FULL_SCALE, read_wav

PACKED = "fsdd/fsdd_8k.npz"
FOLDERS = ("fsdd/recordings", "fsdd")
FIRST = "0_jackson_0.wav"  # by which a folder is found
SOURCE = (
    "the folder recordings of https://github.com/Jakobovski/free-spoken-digit-dataset, or an npz file with the 16-bit "
    "samples of all clips one after the other as audio, where they begin and the last one ends as offsets, their "
    "digit, speaker (index into speakers) and take, the names speakers, and rate=8000"
)
RATE = 8000
TAKES = {"train": range(5, 45), "valid": range(45, 50), "test": range(5)}


class Clip(NamedTuple):
    """One spoken digit; clips are in the order of these members."""

    digit: int
    speaker: str
    take: int
    samples: NDArray[np.int16]


def fsdd(
    root: str | Path,
    *,
    length: int = 4096,
    num_levels: int = 256,
    digit: int | None = None,
    speaker: str | None = None,
) -> Splits:
    """Digits spoken by six people, 8,000 samples a second on the scale of :func:`mu_law`: 2,400/300/300 clips.

    Of the fifty takes of each digit and speaker, 0-4 are the test set (official), and 45-49 of the others are kept for
    validation. A row is the beginning of a clip; a longer clip is cut, a shorter one padded with silence (the level
    ``num_levels // 2``). With 4,096 samples (0.51 seconds) a fifth of all samples is padding and a quarter of the clips
    is cut; with 8,000 it is more than half and one in 150. Padding is cheap to predict and lowers the bits per sample:
    compare at one length. ``inverse_mu_law`` and ``write_wav`` make rows audible.

    Args:
        root: Folder with ``fsdd/recordings/7_jackson_32.wav`` and so on, or ``fsdd/fsdd_8k.npz``.
        length: Samples in a row.
        num_levels: Number of integers for a sample; 256 is eight bits.
        digit: Keep this digit only, 0..9.
        speaker: Keep this speaker only, such as ``"jackson"``.

    Returns:
        ``x`` of shape (N, length) with values 0..num_levels - 1, ``labels`` the digit, ``context`` the digit as one of
        ten columns that is 1, ``shape`` (length,).

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If a file is damaged, stereo, or of another rate or width, a split has no clip, the speaker is
            unknown (with the nearest one), or ``length``, ``num_levels`` or ``digit`` is out of range.

    References:
        Jackson and others (2018), Free Spoken Digit Dataset, https://github.com/Jakobovski/free-spoken-digit-dataset
    """
    if length < 1:
        raise ValueError(f"Expected length of at least 1; got {length}. Give the samples in a row.")
    if digit is not None:
        check_index(digit, 10, "digit")
    # in float64, so that the levels do not depend on the default dtype
    level_of = mu_law(torch.arange(-FULL_SCALE, FULL_SCALE, dtype=torch.float64) / FULL_SCALE, num_levels)
    options = [PACKED, *(f"{folder}/{FIRST}" for folder in FOLDERS)]
    path = find_file(root, options, "fsdd", SOURCE)
    clips = sorted(_read_packed(path) if path.suffix == ".npz" else _read_folder(path.parent), key=lambda c: c[:3])
    if speaker is not None:
        check_name(speaker, {clip.speaker for clip in clips})
    clips = [clip for clip in clips if digit in (None, clip.digit) and speaker in (None, clip.speaker)]
    parts = {}
    for split, takes in TAKES.items():
        chosen = [clip for clip in clips if clip.take in takes]
        if not chosen:
            raise ValueError(
                f"Expected takes {takes[0]}-{takes[-1]} for {split} in {path.parent}; got none. Fetch all takes."
            )
        labels = torch.tensor([clip.digit for clip in chosen])
        x = level_of[_rows(chosen, length) + FULL_SCALE].to(torch.get_default_dtype())
        parts[split] = Dataset(x, torch.eye(10)[labels], labels)
    padding = sum(max(0, length - len(clip.samples)) for clip in clips) / (length * len(clips))
    return Splits(
        parts["train"],
        parts["valid"],
        parts["test"],
        name="fsdd",
        description=f"Free spoken digits ({'all' if digit is None else digit}, {speaker or 'all speakers'}), the first "
        f"{length} samples at 8 kHz on a mu-law scale of {num_levels} levels, {padding:.0%} of them padding; "
        "takes 0-4 for test (official), 45-49 for validation",
        licence="CC BY-SA 4.0",
        shape=(length,),
        num_levels=num_levels,
    )


def _rows(clips: list[Clip], length: int) -> Tensor:
    """Return 16-bit numbers, ``(num_clips, length)``; silence is 0."""
    rows = torch.zeros(len(clips), length, dtype=torch.long)
    for row, clip in zip(rows, clips, strict=True):
        row[: len(clip.samples)] = torch.from_numpy(clip.samples[:length].astype(np.int64))
    return rows


def _read_packed(path: Path) -> list[Clip]:
    arrays = read_npz(path, ["audio", "offsets", "digit", "speaker", "take", "speakers", "rate"])
    audio, offsets = arrays["audio"], arrays["offsets"]
    if int(arrays["rate"]) != RATE:
        raise ValueError(f"Expected {RATE} samples a second in {path}; got {arrays['rate']}. Resample the clips first.")
    if audio.dtype != np.int16 or len(offsets) != len(arrays["digit"]) + 1 or offsets[-1] != len(audio):
        raise ValueError(
            f"Expected 16-bit samples, and offsets from 0 to their number, one more than clips, in {path}; got "
            f"{len(audio)} samples of {audio.dtype}, {len(offsets)} offsets and {len(arrays['digit'])} clips. "
            "Fetch the file again."
        )
    names = [str(name) for name in arrays["speakers"]]
    return [
        Clip(int(digit), names[speaker], int(take), audio[start:end])
        for digit, speaker, take, start, end in zip(
            arrays["digit"], arrays["speaker"], arrays["take"], offsets[:-1], offsets[1:], strict=True
        )
    ]


def _read_folder(folder: Path) -> list[Clip]:
    clips = []
    for path in folder.glob("*.wav"):
        name = re.fullmatch(r"(\d)_(.+)_(\d+)", path.stem)
        if name is None:
            raise ValueError(f"Expected names such as 7_jackson_32.wav in {folder}; got {path.name}. Move it away.")
        numbers = (read_wav(path, RATE).double() * FULL_SCALE).numpy().astype(np.int16)
        clips.append(Clip(int(name[1]), name[2], int(name[3]), numbers))
    return clips
