"""Colour pictures, on the real files and as the published file."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pyrodgm import data


def test_pictures(data_root: Path) -> None:
    torch.set_default_dtype(torch.float32)
    image = pytest.importorskip("PIL.Image")
    splits = data.cifar10_first4000(data_root)
    assert [tuple(part.x.shape) for part in (splits.train, splits.valid, splits.test)] == [
        (3200, 3072),
        (400, 3072),
        (400, 3072),
    ]
    assert (splits.shape, splits.num_levels, splits.train.labels) == ((3, 32, 32), 256, None)
    assert "not the benchmark" in splits.description
    pixels = np.asarray(image.open(data_root / "cifar10_first4000" / "cifar10_batch_3.png"))  # row, 1024, colour
    last = splits.test.x[-1].reshape(splits.shape)
    assert last[2, 5, 7] == pixels[-1, 5 * 32 + 7, 2]
    assert np.array_equal(last.numpy(), pixels[-1].reshape(32, 32, 3).transpose(2, 0, 1))
    assert len({row.tobytes() for row in splits.train.x.byte().numpy()}) == 3200


def make(root: Path) -> tuple[Path, Path]:
    """Write one set of pictures in both forms, each in a folder of its own."""
    image = pytest.importorskip("PIL.Image")
    values = np.random.RandomState(0).randint(0, 256, (4, 3, 32, 32)).astype(np.uint8)
    records = np.zeros((10_000, 3073), np.uint8)
    records[:, 0] = 9
    records[:4000, 1:] = values.reshape(4, -1).repeat(1000, 0)
    records[:4000, 1] = np.arange(4000) % 251  # one value a picture tells them apart
    binary, pictures = root / "binary" / "cifar-10-batches-bin", root / "pictures" / "cifar10_first4000"
    for folder in (binary, pictures):
        folder.mkdir(parents=True)
    (binary / "data_batch_1.bin").write_bytes(records.tobytes())
    for i in range(4):
        part = records[1000 * i : 1000 * (i + 1), 1:].reshape(1000, 3, 1024).transpose(0, 2, 1)
        image.fromarray(np.ascontiguousarray(part)).save(pictures / f"cifar10_batch_{i}.png", compress_level=0)
    return binary.parent, pictures.parent


def test_both_forms_read_alike_and_damage_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_default_dtype(torch.float32)
    with pytest.raises(FileNotFoundError, match=r"cifar10_batch_0\.png or .*data_batch_1\.bin for cifar10_first4000"):
        data.cifar10_first4000(tmp_path)
    binary, pictures = make(tmp_path)
    first, second = data.cifar10_first4000(binary), data.cifar10_first4000(pictures)
    for split in ("train", "valid", "test"):
        assert torch.equal(getattr(first, split).x, getattr(second, split).x)
    assert first.valid.x[0, 0] == 3200 % 251
    folder = pictures / "cifar10_first4000"
    (folder / "cifar10_batch_1.png").write_bytes((folder / "cifar10_batch_0.png").read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"Expected a picture at .*cifar10_batch_1\.png; got .*Fetch the file again"):
        data.cifar10_first4000(pictures)
    pytest.importorskip("PIL.Image").new("L", (28, 28)).save(folder / "cifar10_batch_1.png")
    with pytest.raises(ValueError, match=r"Expected 1,000 rows and 1,024 columns at .*; got \(28, 28\)\."):
        data.cifar10_first4000(pictures)
    (folder / "cifar10_batch_1.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"cifar10_batch_1\.png for cifar10_first4000"):
        data.cifar10_first4000(pictures)
    (binary / "cifar-10-batches-bin" / "data_batch_1.bin").write_bytes(bytes(3073))
    with pytest.raises(ValueError, match=r"Expected 30730000 bytes at .*data_batch_1\.bin; got 3073\."):
        data.cifar10_first4000(binary)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'pip install "pyrodgm\[train\]"'):
        data.cifar10_first4000(pictures)
