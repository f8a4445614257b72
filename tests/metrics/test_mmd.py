"""The kernel test against its formula over all pairs, and its p-value against every division by itself."""

import math

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from pyrodgm import metrics

WIDTHS = (0.5, 2.0)


def dense_kernel(rows: Tensor, bandwidths: tuple[float, ...]) -> Tensor:
    distances = (rows[:, None] - rows).square().sum(-1)
    return torch.stack([(-distances / (2 * width**2)).exp() for width in bandwidths]).mean(0)


def dense_mmd(kernel: Tensor, is_x: Tensor) -> Tensor:
    kernel = kernel - kernel.diag().diag()
    n, m = int(is_x.sum()), int((~is_x).sum())
    x, y = kernel[is_x], kernel[~is_x]
    return x[:, is_x].sum() / (n * (n - 1)) + y[:, ~is_x].sum() / (m * (m - 1)) - 2 * x[:, ~is_x].sum() / (n * m)


@pytest.mark.parametrize("dim", [1, 2, 20])
@pytest.mark.parametrize("bandwidths", [(1.5,), WIDTHS])
def test_agrees_with_all_pairs(dim: int, bandwidths: tuple[float, ...]) -> None:
    x, y = torch.randn(31, dim), torch.randn(17, dim) + 0.3
    found = metrics.mmd(x, y, bandwidth=bandwidths, num_permutations=0)
    expected = dense_mmd(dense_kernel(torch.cat([x, y]), bandwidths), torch.arange(48) < 31)
    assert found.value == pytest.approx(expected.item(), abs=1e-12)
    assert found.p_value == 1.0
    assert (found.bandwidths, found.num_x, found.num_y) == (bandwidths, 31, 17)


def test_the_p_value_is_that_of_the_divisions_one_by_one() -> None:
    x, y = torch.randn(12, 3), torch.randn(9, 3) + 0.5
    kernel, real = dense_kernel(torch.cat([x, y]), WIDTHS), torch.arange(21) < 12
    torch.manual_seed(5)
    found = metrics.mmd(x, y, bandwidth=WIDTHS, num_permutations=50)
    torch.manual_seed(5)
    values = []
    for _ in range(50):
        is_x = torch.zeros(21, dtype=torch.bool)
        is_x[torch.randperm(21)[:12]] = True
        values.append(dense_mmd(kernel, is_x))
    num = (torch.stack(values) >= dense_mmd(kernel, real)).sum().item()
    assert found.p_value == (1 + num) / 51


@pytest.mark.parametrize("metric", [metrics.mmd, metrics.energy_distance])
@pytest.mark.parametrize("chunk_size", [1, 7, 40, 41, 1000])
def test_blocks_do_not_change_the_result(metric, chunk_size: int) -> None:
    x, y = torch.randn(24, 12), torch.randn(17, 12) + 0.2
    torch.manual_seed(1)
    whole = metric(x, y, num_permutations=30)
    torch.manual_seed(1)
    blocks = metric(x, y, num_permutations=30, chunk_size=chunk_size)
    assert blocks.value == pytest.approx(whole.value, abs=1e-12)
    assert blocks.p_value == whole.p_value


def test_the_median_is_that_of_all_pairs_of_few_rows() -> None:
    x, y = torch.randn(30, 2), torch.randn(21, 2)
    expected = torch.pdist(torch.cat([x, y])).median().item()
    assert metrics.mmd(x, y, num_permutations=0).bandwidths == pytest.approx((expected,))


def test_single_precision_keeps_the_digits_that_matter() -> None:
    x, y = torch.randn(500, 64) + 100, torch.randn(500, 64) + 100  # far from the origin
    double = metrics.mmd(x, y, bandwidth=8.0, num_permutations=0).value
    single = metrics.mmd(x.float(), y.float(), bandwidth=8.0, num_permutations=0).value
    assert single == pytest.approx(double, abs=2e-6)  # the estimate's own standard error is 1e-4


def test_unbiased_for_gaussians() -> None:
    """Normals one apart in the plane, sigma 1: E k(x, x') = 1/3, E k(x, y) = exp(-1/6) / 3."""
    truth = 2 / 3 * (1 - math.exp(-1 / 6))
    shift = torch.tensor([1.0, 0.0])
    values = torch.tensor(
        [
            metrics.mmd(torch.randn(60, 2), torch.randn(50, 2) + shift, bandwidth=1.0, num_permutations=0).value
            for _ in range(100)
        ]
    )
    assert abs(values.mean() - truth) < 5 * values.std() / 10  # fails once in two million changes of the seed


@pytest.mark.parametrize("metric", [metrics.mmd, metrics.energy_distance])
def test_p_values_are_uniform_under_the_null(metric) -> None:
    """Chi-squared over the 20 possible p-values; fails once in a million changes of the seed."""
    p = torch.tensor([metric(torch.randn(15, 2), torch.randn(10, 2), num_permutations=19).p_value for _ in range(400)])
    counts = torch.bincount((20 * p).round().long() - 1, minlength=20)
    assert chi2.sf(((counts - 20) ** 2 / 20).sum().item(), 19) > 1e-6


@pytest.mark.parametrize("metric", [metrics.mmd, metrics.energy_distance])
def test_equal_divisions_count_as_equal(metric) -> None:
    """Of four rows, divisions like the real one and its mirror image are a third of all; their values tie."""
    x, y = torch.tensor([[0.0], [0.1]]), torch.tensor([[5.0], [5.1]])
    p = metric(x, y, num_permutations=3000).p_value
    assert abs(p - 1 / 3) < 5 * math.sqrt(2 / 9 / 3000)  # fails once in two million changes of the seed


def test_prints_short_floats() -> None:
    text = repr(metrics.mmd(torch.randn(9, 2), torch.randn(9, 2), bandwidth=(1, 2), num_permutations=9))
    assert text.startswith("KernelDiscrepancy(value=")
    assert "bandwidths=[1, 2], num_permutations=9, num_x=9, num_y=9)" in text
