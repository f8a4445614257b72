"""Stacked digits: each channel is a digit of MNIST, of the split that it should be of, and the labels say which."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from pyrodgm import data


def rows(x: torch.Tensor) -> set[bytes]:
    return {row.tobytes() for row in x.byte().numpy()}


def write_idx(path: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + values.astype(np.uint8).tobytes(), compresslevel=1))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with an MNIST whose pictures are their labels: digit d of picture i is d everywhere."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for prefix, num in (("train", 10_020), ("t10k", 10)):
        labels = np.arange(num) % 10
        pictures = np.broadcast_to(labels[:, None, None], (num, 28, 28))
        write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", pictures)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", labels)
    return tmp_path


def test_labels_read_the_channels(root: Path) -> None:
    splits = data.stacked_mnist(root, num_train=3000, num_held_aside=40)
    assert (splits.shape, splits.num_levels, splits.name) == ((3, 28, 28), 256, "stacked_mnist")
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [3000, 40, 40]
    pictures = splits.train.x.reshape(-1, 3, 784)
    assert torch.equal(pictures, pictures[..., :1].expand_as(pictures))
    digits = pictures[..., 0].long()
    assert torch.equal(splits.train.labels, digits[:, 0] * 100 + digits[:, 1] * 10 + digits[:, 2])
    # of 1,000 classes, 3,000 draws reach 950 on average with a standard deviation of 6
    assert 900 < len(splits.train.labels.unique()) < 990


def test_the_seed_decides(root: Path) -> None:
    first, again, other = (data.stacked_mnist(root, num_train=50, num_held_aside=5, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.train.x, again.train.x)
    assert torch.equal(first.test.labels, again.test.labels)
    assert not torch.equal(first.train.x, other.train.x)


def test_real_digits_of_the_right_split(data_root: Path) -> None:
    torch.set_default_dtype(torch.float32)
    splits, grey = data.stacked_mnist(data_root, num_train=200, num_held_aside=50), data.mnist(data_root)
    for name in ("train", "valid", "test"):
        stacked, single = getattr(splits, name), getattr(grey, name)
        assert rows(stacked.x.reshape(-1, 784)) <= rows(single.x)
    label_of = dict(zip((row.tobytes() for row in grey.test.x.byte().numpy()), grey.test.labels.tolist(), strict=True))
    digits = [label_of[row.tobytes()] for row in splits.test.x[0].reshape(3, 784).byte().numpy()]
    assert int("".join(map(str, digits))) == splits.test.labels[0]


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0)])
def test_refuses_no_pictures(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"Expected numbers of pictures of at least 1; got"):
        data.stacked_mnist("no_such_folder", num_train=sizes[0], num_held_aside=sizes[1])
