"""The kernel inception distance: torchmetrics on each block, no bias, a standard error that is one."""

import pytest
import torch

from pyrodgm import metrics


@pytest.mark.parametrize("chunk_size", [3, 1024])
def test_blocks_agree_with_torchmetrics(chunk_size: int) -> None:
    torchmetrics = pytest.importorskip("torchmetrics.image.kid")
    x, y = torch.randn(45, 6), torch.randn(33, 6) + 0.2
    torch.manual_seed(3)
    found = metrics.kid(x, y, num_blocks=4, chunk_size=chunk_size)
    torch.manual_seed(3)
    parts = [z[torch.randperm(len(z))[:32]].split(8) for z in (x, y)]
    values = torch.stack([torchmetrics.poly_mmd(a, b) for a, b in zip(*parts, strict=True)])
    assert found.value == pytest.approx(values.mean().item(), abs=1e-12)
    assert found.standard_error == pytest.approx(values.std().item() / 2)
    assert (found.num_blocks, found.block_size, found.num_x, found.num_y) == (4, 8, 45, 33)


def test_unbiased_and_its_error_is_the_spread() -> None:
    """Equal distributions have 0; fails once in two million changes of the seed."""
    found = [metrics.kid(torch.randn(100, 4), torch.randn(100, 4)) for _ in range(100)]
    values, errors = torch.tensor([f.value for f in found]), torch.tensor([f.standard_error for f in found])
    assert abs(values.mean()) < 5 * values.std() / 10
    # 100 estimates of a spread know it to 7 %; the mean of squared errors is known to 5 %: five standard deviations
    assert errors.square().mean().sqrt() == pytest.approx(values.std().item(), rel=0.45)


def test_another_degree() -> None:
    """Degree 1 is the squared distance of the means over the dimension, here 1."""
    x, y = 1e-3 * torch.randn(100, 4), 1e-3 * torch.randn(100, 4) + 1
    assert metrics.kid(x, y, degree=1).value == pytest.approx(1.0, abs=1e-3)
