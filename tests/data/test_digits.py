"""The digits embedded in scikit-learn."""

import sys

import pytest
import torch
from sklearn.datasets import load_digits

from pyrodgm.data import Splits, digits


def rows(splits: Splits) -> torch.Tensor:
    return torch.cat([splits.train.x, splits.valid.x, splits.test.x])


@pytest.mark.parametrize("num_levels", [2, 4, 17])
def test_sizes_and_values(num_levels: int) -> None:
    splits = digits(num_levels=num_levels)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [1197, 300, 300]
    assert splits.shape == (1, 8, 8)
    assert splits.num_levels == num_levels
    assert rows(splits).unique().tolist() == list(range(num_levels))
    assert splits.train.x.dtype == torch.get_default_dtype()
    assert splits.train.labels is not None
    assert splits.train.labels.unique().tolist() == list(range(10))


def test_splits_hold_every_scan_once_with_its_label() -> None:
    splits = digits(num_levels=17)
    labels = torch.cat([part.labels for part in (splits.train, splits.valid, splits.test) if part.labels is not None])
    found = torch.cat([rows(splits), labels[:, None].double()], 1).tolist()
    x, classes = load_digits(return_X_y=True)
    assert sorted(found) == sorted([*picture, float(label)] for picture, label in zip(x.tolist(), classes, strict=True))


def test_two_levels_are_more_than_half_the_ink() -> None:
    assert torch.equal(digits().test.x, (digits(num_levels=17).test.x > 8).double())


def test_the_split_depends_on_its_seed_alone() -> None:
    first = digits().train.x
    state = torch.get_rng_state()
    torch.rand(3)
    assert torch.equal(first, digits().train.x)
    torch.set_rng_state(state)
    digits(seed=3)
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(first, digits(seed=1).train.x)


def test_default_dtype_is_followed() -> None:
    torch.set_default_dtype(torch.float32)
    assert digits().train.x.dtype == torch.float32


@pytest.mark.parametrize("num_levels", [1, 0, 18])
def test_refuses_levels_that_the_scan_has_not(num_levels: int) -> None:
    with pytest.raises(ValueError, match=rf"Expected num_levels from 2 to 17; got {num_levels}"):
        digits(num_levels=num_levels)


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "pyrodgm\[train\]"'):
        digits()
