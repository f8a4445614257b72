"""The sliced Wasserstein distance against scipy on a line, and closed forms in space."""

import pytest
import torch
from scipy.stats import wasserstein_distance

from pyrodgm import metrics


@pytest.mark.parametrize("num_y", [30, 20, 17, 1])
def test_on_a_line_it_is_the_wasserstein_distance(num_y: int) -> None:
    x, y = torch.randn(30), torch.randn(num_y) * 2 + 1
    found = metrics.sliced_wasserstein(x[:, None], y[:, None], order=1, num_projections=3)
    assert found.value == pytest.approx(wasserstein_distance(x.numpy(), y.numpy()), abs=1e-12)
    assert found.standard_error == pytest.approx(0, abs=1e-12)  # both directions of a line are one


def test_order_two_by_hand() -> None:
    # quantiles: 0 meets 1 on a half of the mass, 3 on the other; then 2 meets both
    x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [3.0], [5.0], [7.0]])
    cost = (1 + 9 + 9 + 25) / 4
    assert metrics.sliced_wasserstein(x, y).value == pytest.approx(cost**0.5)


def test_a_shift_in_closed_form() -> None:
    """Moved by m, the mean square over directions is |m|^2 / D; fails once in two million changes of the seed."""
    x, shift = torch.randn(50, 5), torch.randn(5)
    found = metrics.sliced_wasserstein(x, x[torch.randperm(50)] + shift, num_projections=2000)
    truth = (shift.square().sum() / 5).sqrt().item()
    assert abs(found.value - truth) < 5 * found.standard_error
    assert 0 < found.standard_error < 0.05 * truth


def test_zero_and_symmetry() -> None:
    x, y = torch.randn(30, 3), torch.randn(20, 3)
    assert metrics.sliced_wasserstein(x, x).value == 0
    assert metrics.sliced_wasserstein(x, x).standard_error == 0
    torch.manual_seed(1)
    there = metrics.sliced_wasserstein(x, y).value
    torch.manual_seed(1)
    assert metrics.sliced_wasserstein(y, x).value == pytest.approx(there)


def test_blocks_of_lines_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    x, y = torch.randn(30, 3), torch.randn(20, 3)
    torch.manual_seed(1)
    whole = metrics.sliced_wasserstein(x, y, num_projections=20)
    monkeypatch.setattr(sys.modules["pyrodgm.metrics.sliced_wasserstein"], "MAX_NUMBERS", 150)
    torch.manual_seed(1)
    blocks = metrics.sliced_wasserstein(x, y, num_projections=20)
    assert blocks.value == pytest.approx(whole.value, abs=1e-12)
