"""The energy distance against scipy's and its formula; divisions and blocks are tested in test_mmd.py."""

import pytest
import torch
from scipy import stats

from pyrodgm import metrics


def test_agrees_with_scipy_on_a_line() -> None:
    x, y = torch.randn(30), torch.randn(21) + 0.5
    # scipy's is the root of the biased form, in which a row meets itself
    means = [(a[:, None] - b).abs().mean() for a, b in ((x, y), (x, x), (y, y))]
    biased = 2 * means[0] - means[1] - means[2]
    assert stats.energy_distance(x.numpy(), y.numpy()) ** 2 == pytest.approx(biased.item())
    expected = 2 * means[0] - means[1] * 30 / 29 - means[2] * 21 / 20
    found = metrics.energy_distance(x[:, None], y[:, None], num_permutations=0)
    assert found.value == pytest.approx(expected.item(), abs=1e-12)


@pytest.mark.parametrize("dim", [3, 20])
def test_agrees_with_all_pairs(dim: int) -> None:
    x, y = torch.randn(30, dim), torch.randn(21, dim) + 0.5
    expected = 2 * torch.cdist(x, y).mean() - torch.pdist(x).mean() - torch.pdist(y).mean()
    assert metrics.energy_distance(x, y, num_permutations=0).value == pytest.approx(expected.item(), abs=1e-6)


def test_finds_a_difference_in_scale() -> None:
    found = metrics.energy_distance(torch.randn(200, 2), 2 * torch.randn(200, 2), num_permutations=99)
    assert found.value > 0
    assert found.p_value == 0.01
