"""Modes by distance and by a classifier, counted by hand."""

import math

import pytest
import torch
from torch import Tensor

from pyrodgm import data, metrics

CENTRES = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def test_by_hand() -> None:
    samples = torch.tensor([[0.0, 0.29], [0.0, -0.31], [1.1, 0.1], [0.95, 0.0], [0.5, 0.5]])
    found = metrics.mode_count(samples, CENTRES, 0.1)
    assert (found.modes_found, found.num_modes, found.num_samples) == (2, 3, 5)
    assert found.counts == (1, 2, 0)
    assert found.high_quality_share == pytest.approx(3 / 5)
    assert found.kl == pytest.approx(1 / 3 * math.log(1) + 2 / 3 * math.log(2))
    wider = metrics.mode_count(samples, CENTRES, 0.1, threshold=3.5, min_samples=2, weights=[0.5, 0.25, 0.25])
    assert (wider.counts, wider.modes_found) == ((2, 2, 0), 2)
    assert wider.kl == pytest.approx(0.5 * math.log(2))


def test_no_good_sample() -> None:
    found = metrics.mode_count(torch.full((4, 2), 9.0), CENTRES, 0.1)
    assert (found.modes_found, found.high_quality_share, found.kl) == (0, 0.0, math.inf)


@pytest.mark.parametrize("density", [data.toy.gaussian_ring(), data.toy.gaussian_grid()])
def test_the_truth_itself(density) -> None:
    """A share 1 - exp(-9/2) of a round Gaussian in the plane lies within 3; fails once in two million."""
    num = len(density.centres)
    found = metrics.mode_count(density.sample((10_000,)), density.centres, density.scale)
    assert found.modes_found == num
    share = 1 - math.exp(-4.5)
    assert abs(found.high_quality_share - share) < 5 * (share * (1 - share) / 10_000) ** 0.5
    assert found.kl < (num - 1 + 5 * math.sqrt(2 * num)) / (2 * 10_000 * share)  # twice N times it is chi-squared


class Digits(torch.nn.Module):
    """Takes the place of the brightest of ten pixels for the digit."""

    def forward(self, x: Tensor) -> Tensor:
        return 5 * x.flatten(1)


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("batch_size", [2, 100])
def test_stacked_digits(flat: bool, batch_size: int) -> None:
    digits = torch.tensor([[1, 2, 3], [1, 2, 3], [0, 0, 7], [9, 9, 9]])
    samples = torch.nn.functional.one_hot(digits, 10).double()  # (num, channels, pixels)
    samples = samples.flatten(1) if flat else samples[:, :, None]
    found = metrics.mode_count_by_classifier(samples, Digits(), num_channels=3, batch_size=batch_size)
    assert (found.modes_found, found.num_modes, found.high_quality_share) == (3, 1000, 1.0)
    assert [mode for mode, count in enumerate(found.counts) if count] == [7, 123, 999]
    assert found.kl == pytest.approx(math.log(1000) - 1.5 * math.log(2))


def test_doubtful_samples_do_not_count() -> None:
    samples = torch.eye(10)[:4]
    samples[2] /= 5
    certain = math.exp(5) / (math.exp(5) + 9)
    found = metrics.mode_count_by_classifier(samples, Digits(), min_probability=certain - 1e-6)
    assert (found.modes_found, found.num_modes, found.high_quality_share) == (3, 10, 0.75)
