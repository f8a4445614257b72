"""Intervals of real targets: by hand, on forecasts that are right, too sure and too careful, and of draws."""

import pytest
import torch
from torch.distributions import Normal, Poisson

from pyrodgm import metrics


def test_by_hand() -> None:
    # |2u - 1| = 0, 0.8, 0.2, 0.8
    found = metrics.pit_calibration(torch.tensor([0.5, 0.1, 0.6, 0.9]), num_levels=4)
    torch.testing.assert_close(found.levels, torch.tensor([0.2, 0.4, 0.6, 0.8]))
    torch.testing.assert_close(found.coverage[1:3], torch.tensor([0.5, 0.5]))
    exact = metrics.pit_calibration(torch.tensor([0.5, 0.125, 0.875, 1.0]), num_levels=3)
    assert exact.coverage.tolist() == [0.25, 0.25, 0.75]  # an end of an interval is inside
    assert exact.value == pytest.approx(0.25 / 3)


@pytest.mark.parametrize(("scale", "below", "above"), [(1.0, 0.0, 0.02), (0.5, 0.15, 0.3), (2.0, 0.1, 0.3)])
def test_right_too_sure_and_too_careful(scale: float, below: float, above: float) -> None:
    x = torch.randn(5000)  # the mean distance of an empirical distribution of 5,000 is about 0.005
    found = metrics.pit_calibration(Normal(0.0, scale).cdf(x))
    assert below <= found.value <= above
    expected = Normal(0.0, 1.0).cdf(scale * Normal(0.0, 1.0).icdf((1 + found.levels) / 2)) * 2 - 1
    # five standard errors at the worst level, at 19 levels: fails once in 90,000
    assert (found.coverage - expected).abs().max() < 5 * 0.5 / 5000**0.5


def test_a_shift_is_found() -> None:
    assert metrics.pit_calibration(Normal(3.0, 1.0).cdf(torch.randn(1000))).value > 0.3


def test_draws_agree_with_the_distribution_function() -> None:
    x = torch.linspace(-2, 2, 9)
    pit = metrics.pit_of_draws(torch.randn(20_000, 9), x)
    # five standard errors of a share of 20,000
    torch.testing.assert_close(pit, Normal(0.0, 1.0).cdf(x), atol=5 * 0.5 / 20_000**0.5, rtol=0)


@pytest.mark.parametrize("num_draws", [1, 7])
@pytest.mark.parametrize("family", [Normal(0.0, 1.0), Poisson(torch.tensor(0.7))], ids=["real", "counts"])
def test_few_draws_and_ties_leave_the_transform_uniform(num_draws: int, family) -> None:
    pit = metrics.pit_of_draws(family.sample((num_draws, 20_000)), family.sample((20_000,)))
    assert pit.min() >= 0
    assert pit.max() <= 1
    # Kolmogorov's statistic: sqrt(n) D above 2.5 has a probability of 7e-6
    ranks = torch.arange(1, 20_001) / 20_000
    assert (pit.sort().values - ranks).abs().max() * 20_000**0.5 < 2.5
