"""Nearest neighbours, and copies of training data against draws that are none."""

import pytest
import torch
from scipy.stats import mannwhitneyu

from pyrodgm import metrics


@pytest.mark.parametrize("dim", [2, 12])
@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
def test_neighbours_agree_with_all_pairs(dim: int, chunk_size: int) -> None:
    x, reference = torch.randn(20, dim), torch.randn(31, dim)
    found = metrics.nearest_neighbours(x, reference, num=9, chunk_size=chunk_size)
    distances, order = (x[:, None] - reference).norm(dim=-1).sort(1)
    assert torch.equal(found.indices, order[:, :9])
    torch.testing.assert_close(found.distances, distances[:, :9])


def test_a_copy_is_at_distance_zero_in_single_precision() -> None:
    train = torch.rand(50, 784, dtype=torch.float32) * 255
    found = metrics.nearest_neighbours(train[:5], train)
    assert found.indices[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert found.distances.abs().max() == 0


def test_copies_are_found_and_fresh_draws_are_not() -> None:
    train, test = torch.randn(500, 4), torch.randn(300, 4)
    copies = metrics.memorisation(train[:200] + 0.02 * torch.randn(200, 4), train, test)
    assert copies.ratio < 0.2
    assert copies.closer_share > 0.95
    assert copies.p_value < 1e-20
    poor = metrics.memorisation(3 * torch.randn(200, 4), train, test)
    assert poor.ratio > 1
    assert poor.closer_share < 0.5
    assert poor.p_value > 0.5


def test_the_p_value_is_scipys() -> None:
    train, test, samples = torch.randn(50, 3), torch.randn(20, 3), 0.9 * torch.randn(30, 3)
    found = metrics.memorisation(samples, train, test)
    of_samples, of_test = (torch.cdist(z, train).min(1).values for z in (samples, test))
    assert found.p_value == pytest.approx(mannwhitneyu(of_samples, of_test, alternative="less").pvalue)
    assert found.ratio == pytest.approx((of_samples.median() / of_test.median()).item())
    assert found.closer_share == pytest.approx((of_samples[:, None] < of_test).double().mean().item())
    assert (found.num_samples, found.num_train, found.num_test) == (30, 50, 20)


def test_p_values_are_uniform_under_the_null() -> None:
    """Mean and lower tail within five standard errors; either fails once in two million changes of the seed."""
    p = torch.tensor(
        [metrics.memorisation(torch.randn(40, 2), torch.randn(50, 2), torch.randn(30, 2)).p_value for _ in range(300)]
    )
    assert abs(p.mean() - 0.5) < 5 * (1 / 12 / 300) ** 0.5
    assert abs((p < 0.1).double().mean() - 0.1) < 5 * (0.09 / 300) ** 0.5
