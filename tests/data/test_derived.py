"""Sets made of others: rescaled, with labels as data, turned; and draws of a density."""

import pytest
import torch

from pyrodgm import data, heads, models
from pyrodgm import nn as pnn
from pyrodgm.conditional import Neural
from pyrodgm.data import Dataset, Splits


def pictures(num: int = 6, side: int = 2, labels: bool = True) -> Splits:
    x = torch.arange(num * side * side).reshape(num, -1) % 5
    part = Dataset(x.to(torch.get_default_dtype()), labels=torch.arange(num) % 3 if labels else None)
    shape = (1, side, side)
    return Splits(part, part, part, name="stairs", description="", licence="", shape=shape, num_levels=5)


def test_rescaled_goes_from_low_to_high_and_back() -> None:
    splits = pictures()
    moved = data.rescaled(splits, low=-1, high=3)
    assert torch.equal(moved.train.x, splits.train.x - 1)
    assert moved.num_levels is None
    assert torch.equal(moved.train.labels, splits.train.labels)
    for part in (moved.train, moved.valid, moved.test):
        torch.testing.assert_close(moved.shift + moved.scale * part.x, splits.train.x)


def test_a_density_of_labels_is_a_classifier() -> None:
    splits = data.labels_of(pictures())
    assert torch.equal(splits.train.x[:, 0], splits.train.labels.to(torch.get_default_dtype()))
    assert torch.equal(splits.test.context, pictures().test.x)
    assert splits.num_levels == 3
    classifier = models.Density(Neural(pnn.MLP(4, 3), heads.Categorical(3, 1)))
    classifier.check_data(splits.train.x, splits.train.context)
    loss = torch.nn.functional.cross_entropy(classifier.conditional.net(splits.train.context), splits.train.labels)
    log_prob = classifier.conditional(splits.train.context).log_prob(splits.train.x)
    assert -log_prob.mean().item() == pytest.approx(loss.item())


def test_labels_of_the_digits_and_of_more_classes() -> None:
    assert data.labels_of(data.digits(), num_classes=12).num_levels == 12


def test_four_turns_of_each_picture() -> None:
    turned = data.rotations(pictures(num=3, labels=False))
    first = pictures().train.x[0].reshape(2, 2)
    assert turned.train.labels.tolist() == [0, 1, 2, 3] * 3
    for quarters in range(4):
        assert torch.equal(turned.train.x[quarters].reshape(2, 2), first.rot90(quarters))


def test_draws_of_a_density_repeat_and_leave_the_generator() -> None:
    density = data.toy.eight_gaussians()
    before = torch.get_rng_state()
    first, second = (data.draws_of(density, num_train=50, num_held_aside=10, seed=3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.train.x, second.train.x)
    assert first.density is density
    assert len({tuple(row.tolist()) for part in (first.train, first.valid, first.test) for row in part.x}) == 70
    assert not torch.equal(data.draws_of(density, num_train=50, num_held_aside=10, seed=4).train.x, first.train.x)
