"""Spoken digits, on the real file and as the published folder."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pyrodgm import data

SPEAKERS = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]


def test_clips(data_root: Path) -> None:
    torch.set_default_dtype(torch.float32)
    splits = data.fsdd(data_root)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [2400, 300, 300]
    assert (splits.shape, splits.num_levels, splits.licence) == ((4096,), 256, "CC BY-SA 4.0")
    for part in (splits.train, splits.valid, splits.test):
        assert part.labels is not None
        assert part.context is not None
        assert part.labels.bincount().tolist() == [len(part) // 10] * 10
        assert torch.equal(part.context, torch.nn.functional.one_hot(part.labels, 10).to(torch.float32))
    rows = {row.tobytes() for part in (splits.train, splits.valid, splits.test) for row in part.x.byte().numpy()}
    assert len(rows) == 3000
    # what the documentation says about padding
    with np.load(data_root / "fsdd" / "fsdd_8k.npz") as arrays:
        lengths = np.diff(arrays["offsets"])
    assert 1 - np.minimum(lengths, 4096).mean() / 4096 == pytest.approx(0.2, abs=0.005)
    assert "20% of them padding" in splits.description
    assert (lengths > 4096).mean() == pytest.approx(0.25, abs=0.01)


def test_a_row_is_its_clip(data_root: Path) -> None:
    """Digit 3 by the last but one speaker, take 2: decoded, it is the clip to half a step, then silence."""
    splits = data.fsdd(data_root, digit=3, speaker="theo", length=8000)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [40, 5, 5]
    with np.load(data_root / "fsdd" / "fsdd_8k.npz") as arrays:
        index = np.flatnonzero((arrays["digit"] == 3) & (arrays["speaker"] == 4) & (arrays["take"] == 2)).item()
        start, end = arrays["offsets"][index : index + 2]
        clip = torch.tensor(arrays["audio"][start:end]) / 32768
    row = splits.test.x[2]
    decoded = data.inverse_mu_law(row)[: len(clip)]
    # half a step is 1 / 255 on the compressed scale, whose slope is at most that at the louder end; 1e-6 for float32
    half_step = math.log(256) / 255 * (1 / 255 + torch.maximum(decoded.abs(), clip.abs())) + 1e-6
    assert ((decoded - clip).abs() <= half_step).all()
    assert (row[len(clip) :] == 128).all()
    assert torch.equal(data.fsdd(data_root, digit=3, speaker="theo", length=100).test.x[2], row[:100])


def make(root: Path) -> tuple[Path, Path]:
    """Write one set of clips in both forms, each in a folder of its own."""
    rng = np.random.RandomState(0)
    packed, folder = root / "packed" / "fsdd", root / "folder" / "fsdd" / "recordings"
    for path in (packed, folder):
        path.mkdir(parents=True)
    speakers = ["jackson", "de_la_cruz"]
    keys = [(d, s, t) for t in (45, 0, 10, 5, 4, 49, 44) for s in (1, 0) for d in (0, 7)]
    clips = [rng.randint(-32768, 32768, rng.randint(1, 20)).astype(np.int16) for _ in keys]
    for (digit, speaker, take), clip in zip(keys, clips, strict=True):
        path = folder / f"{digit}_{speakers[speaker]}_{take}.wav"
        data.write_wav(path, torch.tensor(clip) / 32768, 8000)
    digit, speaker, take = np.array(keys).T
    np.savez(
        packed / "fsdd_8k.npz",
        audio=np.concatenate(clips),
        offsets=np.cumsum([0, *map(len, clips)]),
        **{"digit": digit, "speaker": speaker, "take": take, "speakers": np.array(speakers), "rate": np.array(8000)},
    )
    return packed.parent, folder.parent.parent


@pytest.mark.parametrize("num_levels", [2, 255, 256])
def test_both_forms_read_alike(num_levels: int, tmp_path: Path) -> None:
    packed, folder = make(tmp_path)
    first, second = (data.fsdd(root, length=10, num_levels=num_levels) for root in (packed, folder))
    assert [len(part) for part in (first.train, first.valid, first.test)] == [12, 8, 8]
    for split in ("train", "valid", "test"):
        for member in ("x", "context", "labels"):
            assert torch.equal(getattr(getattr(first, split), member), getattr(getattr(second, split), member))
    # by digit, then speaker, then take
    assert first.test.labels is not None
    assert first.test.labels.tolist() == [0] * 4 + [7] * 4
    only = data.fsdd(folder, length=10, num_levels=num_levels, digit=7, speaker="de_la_cruz")
    assert torch.equal(only.test.x, first.test.x[4:6])
    silent = first.test.x[first.test.x[:, -1] == first.test.x[:, -2]]
    assert (silent[:, -1] == num_levels // 2).any()


def test_levels_do_not_depend_on_the_default_dtype(tmp_path: Path) -> None:
    packed, _ = make(tmp_path)
    double = data.fsdd(packed, num_levels=65_536).train.x
    torch.set_default_dtype(torch.float32)
    assert torch.equal(data.fsdd(packed, num_levels=65_536).train.x.double(), double)


def test_bad_requests_are_named(tmp_path: Path) -> None:
    _, folder = make(tmp_path)
    for call, message in (
        (lambda: data.fsdd(folder, length=0), r"Expected length of at least 1; got 0\."),
        (lambda: data.fsdd(folder, digit=10), r"Expected digit from 0 to 9; got 10\."),
        (lambda: data.fsdd(folder, digit=3), r"Expected takes 5-44 for train in .*recordings; got none\. Fetch all"),
        (lambda: data.fsdd(folder, speaker="jakson"), r"got 'jakson'\. Did you mean 'jackson'\?"),
        (lambda: data.fsdd(folder, num_levels=1), r"Expected num_levels of at least 2; got 1\."),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"fsdd_8k\.npz or .* for fsdd; .*free-spoken-digit-dataset"):
        data.fsdd(tmp_path)
    packed, folder = make(tmp_path)
    recordings = folder / "fsdd" / "recordings"
    data.write_wav(recordings / "7_jackson_46.wav", torch.zeros(3), 16_000)
    with pytest.raises(ValueError, match=r"Expected 8000 samples a second in .*7_jackson_46\.wav; got 16000\."):
        data.fsdd(folder)
    (recordings / "7_jackson_46.wav").rename(recordings / "seven.wav")
    with pytest.raises(ValueError, match=r"Expected names such as 7_jackson_32\.wav in .*; got seven\.wav\."):
        data.fsdd(folder)
    file = packed / "fsdd" / "fsdd_8k.npz"
    with np.load(file) as archive:
        arrays = dict(archive)
    for change, message in (
        ({"rate": 16_000}, r"Expected 8000 samples a second in .*npz; got 16000\."),
        ({"offsets": arrays["offsets"][:-1]}, r"Expected 16-bit samples, and offsets .*27? ?.*offsets and 28 clips"),
        ({"audio": arrays["audio"].astype(np.float32)}, r"samples of float32"),
    ):
        np.savez(file, **(arrays | change))
        with pytest.raises(ValueError, match=message):
            data.fsdd(packed)
    file.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(ValueError, match=r"Expected a readable npz file at .*fsdd_8k\.npz"):
        data.fsdd(packed)
