"""The forms in which the sets are published, written small: they read as the packed forms do."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pyrodgm import data
from pyrodgm.data import Splits

SPLITS = ("train", "valid", "test")


def same(first: Splits, second: Splits) -> bool:
    return all(torch.equal(getattr(first, s).x, getattr(second, s).x) for s in SPLITS)


def bits(num: int, dim: int) -> NDArray[np.uint8]:
    return np.random.RandomState(num).randint(0, 2, (num, dim)).astype(np.uint8)


def save_packed(path: Path, parts: dict[str, NDArray[np.uint8]], dim: int) -> None:
    path.parent.mkdir(parents=True)
    np.savez(path, **{s: np.packbits(x, axis=1) for s, x in parts.items()}, n_dims=dim)  # type: ignore[arg-type]


def test_binarized_mnist_as_amat(tmp_path: Path) -> None:
    parts = {s: bits(n, 784) for s, n in zip(SPLITS, (5, 3, 2), strict=True)}
    save_packed(tmp_path / "packed" / "binarized_mnist" / "binarized_mnist.npz", parts, 784)
    folder = tmp_path / "text" / "binarized_mnist"
    folder.mkdir(parents=True)
    for split, x in parts.items():
        np.savetxt(folder / f"binarized_mnist_{split}.amat", x, fmt="%d")
    splits = data.binarized_mnist(tmp_path / "text")
    assert same(splits, data.binarized_mnist(str(tmp_path / "packed")))
    assert np.array_equal(splits.train.x.numpy(), parts["train"])
    (folder / "binarized_mnist_valid.amat").unlink()
    with pytest.raises(FileNotFoundError, match=r"binarized_mnist_valid.amat for binarized_mnist"):
        data.binarized_mnist(tmp_path / "text")


def test_debd_as_text(tmp_path: Path) -> None:
    parts = {s: bits(n, 11) for s, n in zip(SPLITS, (9, 4, 6), strict=True)}
    save_packed(tmp_path / "packed" / "debd" / "kdd.npz", parts, 11)
    folder = tmp_path / "text" / "debd" / "kdd"
    folder.mkdir(parents=True)
    for split, x in parts.items():
        np.savetxt(folder / f"kdd.{split}.data", x, fmt="%d", delimiter=",")
    assert same(data.debd("kdd", tmp_path / "text"), data.debd("kdd", tmp_path / "packed"))
    (folder / "kdd.test.data").write_text("0,1\n0,1,1\n")
    with pytest.raises(ValueError, match=r"Expected a table of numbers in .*kdd.test.data"):
        data.debd("kdd", tmp_path / "text")


def test_freyfaces_as_mat(tmp_path: Path) -> None:
    scipy_io = pytest.importorskip("scipy.io")
    frames = np.random.RandomState(0).randint(0, 256, (420, 560)).astype(np.uint8)
    for form in ("npz", "mat"):
        (tmp_path / form / "freyfaces").mkdir(parents=True)
    np.savez(tmp_path / "npz" / "freyfaces" / "freyfaces.npz", x=frames)
    scipy_io.savemat(tmp_path / "mat" / "freyfaces" / "frey_rawface.mat", {"ff": frames.T})
    assert same(data.freyfaces(tmp_path / "npz"), data.freyfaces(tmp_path / "mat"))


def test_mnist_without_compression(tmp_path: Path) -> None:
    rng = np.random.RandomState(0)
    folder = tmp_path / "mnist"
    folder.mkdir()
    for prefix, num in {"train": 10_003, "t10k": 4}.items():
        size = num.to_bytes(4, "big")
        pictures = rng.randint(0, 256, (num, 4), np.uint8).tobytes() + bytes(780 * num)
        labels = bytes([0, 0, 8, 1]) + size + rng.randint(0, 10, num, np.uint8).tobytes()
        shape = size + (28).to_bytes(4, "big") * 2
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3]) + shape + pictures)
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(labels)
    plain = data.mnist(tmp_path)
    assert [len(getattr(plain, s)) for s in SPLITS] == [3, 10_000, 4]
    for file in list(folder.iterdir()):
        (folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert same(plain, data.mnist(tmp_path))


def test_uci_regression_as_text(tmp_path: Path) -> None:
    table = np.random.RandomState(0).randn(30, 4)
    masks = np.zeros((11, 30), dtype=bool)
    folder = tmp_path / "text" / "uci_regression" / "kin8nm" / "data"
    folder.mkdir(parents=True)
    np.savetxt(folder / "data.txt", table)
    np.savetxt(folder / "index_features.txt", [0, 1, 2])
    np.savetxt(folder / "index_target.txt", [3])
    for split, mask in enumerate(masks):
        mask[split : split + 3] = True
        np.savetxt(folder / f"index_test_{split}.txt", np.flatnonzero(mask))
    packed = tmp_path / "packed" / "uci_regression"
    packed.mkdir(parents=True)
    masks = np.packbits(masks, axis=1)
    np.savez(packed / "kin8nm.npz", data=table, index_features=[0, 1, 2], index_target=3, test_mask=masks)
    for split in (0, 2, 10):
        text, binary = (data.uci_regression("kin8nm", tmp_path / form, split=split) for form in ("text", "packed"))
        assert same(text, binary)
        assert torch.equal(text.test.context, binary.test.context)  # type: ignore[arg-type]


def test_wine_with_headings_and_semicolons(tmp_path: Path) -> None:
    table = np.random.RandomState(0).randn(40, 12)
    headings = ";".join(f'"column {i}"' for i in range(12))
    for form, delimiter, header in (("uci", ";", headings), ("plain", ",", "")):
        folder = tmp_path / form / "uci_tabular"
        folder.mkdir(parents=True)
        np.savetxt(folder / "winequality-red.csv", table, delimiter=delimiter, header=header, comments="")
    plain = tmp_path / "plain" / "uci_tabular" / "winequality-red.csv"
    plain.write_text(plain.read_text().lstrip("\n"))
    assert same(data.uci_tabular("red_wine", tmp_path / "uci"), data.uci_tabular("red_wine", tmp_path / "plain"))
