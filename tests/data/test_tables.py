"""The readers of tables, on the real files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pyrodgm import data

DEBD = {
    "nltcs": (16, 16181, 2157, 3236),
    "plants": (69, 17412, 2321, 3482),
    "baudio": (100, 15000, 2000, 3000),
    "accidents": (111, 12758, 1700, 2551),
    "dna": (180, 1600, 400, 1186),
    "mushrooms": (112, 2000, 500, 5624),
    "adult": (123, 5000, 1414, 26147),
}
# nats of independent Bernoullis fitted to the training set, as published for these files
BERNOULLI_NLL = {
    "nltcs": 9.23,
    "plants": 31.27,
    "baudio": 49.34,
    "accidents": 45.56,
    "dna": 100.39,
    "mushrooms": 34.23,
    "adult": 25.77,
}
TABULAR = {
    "red_wine": (11, 1599),
    "white_wine": (11, 4898),
    "ionosphere": (32, 351),
    "housing": (10, 506),
    "abalone": (6, 4177),
    "banknote": (4, 1372),
    "phoneme": (5, 5404),
}
# features, rows, test rows
REGRESSION = {
    "bostonHousing": (13, 506, 51),
    "concrete": (8, 1030, 103),
    "energy": (8, 768, 77),
    "power-plant": (4, 9568, 957),
    "wine-quality-red": (11, 1599, 160),
    "yacht": (6, 308, 31),
}


@pytest.mark.parametrize("name", DEBD)
def test_debd(name: str, data_root: Path) -> None:
    splits = data.debd(name, data_root)
    dim, *sizes = DEBD[name]
    assert [tuple(part.x.shape) for part in (splits.train, splits.valid, splits.test)] == [(n, dim) for n in sizes]
    assert (splits.shape, splits.num_levels, splits.name) == ((dim,), 2, name)
    p = (splits.train.x.sum(0) + 0.1) / (len(splits.train) + 0.2)
    nll = torch.nn.functional.binary_cross_entropy(p.expand_as(splits.test.x), splits.test.x) * dim
    assert nll == pytest.approx(BERNOULLI_NLL[name], abs=0.02)


@pytest.mark.parametrize("name", TABULAR)
def test_uci_tabular(name: str, data_root: Path) -> None:
    dim, size = TABULAR[name]
    tests = []
    for fold in range(10):
        splits = data.uci_tabular(name, data_root, fold=fold)
        assert splits.shape == (dim,)
        assert splits.num_levels is None
        assert splits.shift is not None
        assert splits.scale is not None
        sizes = [len(splits.train), len(splits.valid), len(splits.test)]
        assert sum(sizes) == size
        assert abs(sizes[1] - size / 10) < 1
        assert abs(sizes[2] - size / 10) < 1
        torch.testing.assert_close(splits.train.x.mean(0), torch.zeros(dim), atol=1e-9, rtol=0)
        torch.testing.assert_close(splits.train.x.std(0), torch.ones(dim))
        raw = [splits.shift + splits.scale * part.x for part in (splits.train, splits.valid, splits.test)]
        everything = torch.cat(raw)
        tests.append(raw[2])
    # each row is in exactly one part of a fold, and in exactly one test set of the ten
    ours = np.array(sorted(torch.cat(tests).tolist()))
    assert np.allclose(ours.sum(), everything.sum().item())
    assert np.allclose(ours[:, 0], np.sort(everything[:, 0].numpy()))
    assert (np.corrcoef(ours.T) - np.eye(dim)).max() < 0.98
    assert all(len(np.unique(column.round(9))) > 40 for column in ours.T)


@pytest.mark.parametrize("name", REGRESSION)
def test_uci_regression(name: str, data_root: Path) -> None:
    num_features, size, num_test = REGRESSION[name]
    for split in (0, 19):
        splits = data.uci_regression(name, data_root, split=split)
        parts = (splits.train, splits.valid, splits.test)
        num_rest = size - num_test
        sizes = [num_rest - num_rest // 10, num_rest // 10, num_test]
        assert [tuple(part.x.shape) for part in parts] == [(n, 1) for n in sizes]
        assert [tuple(part.context.shape) for part in parts if part.context is not None] == [
            (n, num_features) for n in sizes
        ]
        assert splits.shape == (1,)
        torch.testing.assert_close(splits.train.x.std(0), torch.ones(1))
        # the target comes back in its own units, each row once
        raw = torch.cat([splits.shift + splits.scale * part.x for part in parts]).ravel()  # type: ignore[operator]
        with np.load(data_root / "uci_regression" / f"{name}.npz") as archive:
            target = torch.tensor(archive["data"][:, -1])
        torch.testing.assert_close(raw.sort().values, target.sort().values)


def test_uci_regression_keeps_target_and_features_together(data_root: Path) -> None:
    splits = data.uci_regression("energy", data_root)
    assert splits.train.context is not None
    solution = torch.linalg.lstsq(splits.train.context, splits.train.x, driver="gelsd").solution
    assert splits.test.context is not None
    residual = splits.test.x - splits.test.context @ solution
    assert residual.square().mean() < 0.15 * splits.test.x.square().mean()


def test_regression_splits_differ(data_root: Path) -> None:
    first, second = (data.uci_regression("yacht", data_root, split=split).test.x for split in (0, 1))
    assert not torch.equal(first, second)
