"""The readers of pictures, on the real files: sizes, values, orientation, splits that do not overlap."""

from pathlib import Path

import torch
from torch import Tensor

from pyrodgm import data
from pyrodgm.data import Dataset, Splits


def parts(splits: Splits) -> list[Dataset]:
    return [splits.train, splits.valid, splits.test]


def check(splits: Splits, sizes: list[int], shape: tuple[int, ...], num_levels: int) -> None:
    assert [tuple(part.x.shape) for part in parts(splits)] == [(size, torch.Size(shape).numel()) for size in sizes]
    assert splits.shape == shape
    assert splits.num_levels == num_levels
    assert all(part.x.dtype == torch.get_default_dtype() for part in parts(splits))
    assert splits.description
    assert splits.licence


def labels(part: Dataset) -> Tensor:
    assert part.labels is not None
    return part.labels


def rows(part: Dataset) -> set[bytes]:
    return {row.tobytes() for row in part.x.byte().numpy()}


def test_mnist(data_root: Path) -> None:
    torch.set_default_dtype(torch.float32)
    splits = data.mnist(data_root)
    check(splits, [50_000, 10_000, 10_000], (1, 28, 28), 256)
    assert splits.train.x.max() == 255
    assert labels(splits.train)[:5].tolist() == [5, 0, 4, 1, 9]
    assert labels(splits.test)[:5].tolist() == [7, 2, 1, 0, 4]
    counts = sum(labels(part).bincount() for part in (splits.train, splits.valid))
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # type: ignore[union-attr]
    assert len(rows(splits.train) | rows(splits.valid) | rows(splits.test)) == 70_000


def test_binarized_mnist(data_root: Path) -> None:
    torch.set_default_dtype(torch.float32)
    splits = data.binarized_mnist(data_root)
    check(splits, [50_000, 10_000, 10_000], (1, 28, 28), 2)
    # Salakhutdinov's and Larochelle's sets both have a mean intensity near that of MNIST, 0.1307
    assert abs(splits.train.x.mean() - 0.1307) < 2e-3
    assert not rows(splits.test) & rows(splits.train)


def test_binarized_mnist_shows_the_pictures_of_mnist(data_root: Path) -> None:
    """Each binary picture is a draw of a grey one of the same split; the rows have another order."""
    torch.set_default_dtype(torch.float32)
    grey, binary = data.mnist(data_root), data.binarized_mnist(data_root)
    x = binary.test.x[::50]
    p = (grey.test.x / 255).clamp(1e-3, 1 - 1e-3)
    log_prob = x @ (p / (1 - p)).log().T + (1 - p).log().sum(1)
    best, row = log_prob.max(1)
    assert len(row.unique()) == len(x)
    assert best.min() > -150
    assert labels(grey.test)[row].unique().tolist() == list(range(10))


def test_caltech101_silhouettes(data_root: Path) -> None:
    splits = data.caltech101_silhouettes(data_root)
    check(splits, [4100, 2264, 2307], (1, 28, 28), 2)
    assert labels(splits.train).unique().tolist() == list(range(101))
    # object 1: the middle of the picture is filled, its corners are not
    pictures = splits.train.x.reshape(-1, 28, 28)
    assert pictures[:, 13:15, 13:15].mean() > 0.8
    assert pictures[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean() < 0.2
    # upright: the first class, aeroplanes from the side, are wider than high
    planes = pictures[labels(splits.train) == 0]
    assert planes.any(1).sum(1).double().mean() > 1.5 * planes.mean((1, 2)).mul(28).mean()
    assert planes[:, :, :].sum(2).max(1).values.mean() > planes.sum(1).max(1).values.mean()


def test_omniglot(data_root: Path) -> None:
    splits = data.omniglot(data_root)
    check(splits, [18_560, 2000, 8460], (1, 28, 28), 2)
    characters = [set(labels(part).tolist()) for part in parts(splits)]
    assert [len(found) for found in characters] == [928, 100, 423]
    assert len(set.union(*characters)) == 928 + 100 + 423
    assert splits.train.x.mean() < 0.15  # ink is 1
    assert torch.equal(splits.valid.x, data.omniglot(data_root).valid.x)


def test_freyfaces(data_root: Path) -> None:
    splits = data.freyfaces(data_root)
    check(splits, [1565, 200, 200], (1, 28, 20), 256)
    pictures = splits.train.x.reshape(-1, 28, 20)
    wrong = splits.train.x.reshape(-1, 20, 28)
    assert pictures.diff(dim=1).abs().mean() < 0.6 * wrong.diff(dim=1).abs().mean()
    assert len(rows(splits.train) | rows(splits.valid) | rows(splits.test)) > 1900
    assert torch.equal(splits.test.x, data.freyfaces(data_root).test.x)
