"""Precision, recall, density and coverage against all pairs at once."""

import pytest
import torch
from torch import Tensor

from pyrodgm import metrics


def brute_force(real: Tensor, fake: Tensor, k: int) -> tuple[float, float, float, float]:
    """As the authors' code has it, with distances by differences."""
    between = (real[:, None] - fake).norm(dim=-1)
    radii = [(x[:, None] - x).norm(dim=-1).kthvalue(k + 1).values for x in (real, fake)]  # each row is its own first
    inside = between <= radii[0][:, None]
    precision, recall = inside.any(0), (between <= radii[1]).any(1)
    density, coverage = inside.double().sum(0).mean() / k, between.min(1).values <= radii[0]
    return tuple(part.double().mean().item() for part in (precision, recall, density, coverage))  # type: ignore[return-value]


def numbers(found: metrics.PRDC) -> tuple[float, float, float, float]:
    return found.precision, found.recall, found.density, found.coverage


@pytest.mark.parametrize("dim", [1, 2, 12])
@pytest.mark.parametrize("k", [1, 5])
def test_agrees_with_brute_force(dim: int, k: int) -> None:
    real, fake = torch.randn(90, dim), 0.7 * torch.randn(61, dim) + 0.4
    assert numbers(metrics.prdc(real, fake, k)) == pytest.approx(brute_force(real, fake, k), abs=1e-12)


@pytest.mark.parametrize("chunk_size", [1, 8, 61, 90, 1000])
def test_blocks_do_not_change_the_result(chunk_size: int) -> None:
    real, fake = torch.randn(90, 12), 0.7 * torch.randn(61, 12)
    assert metrics.prdc(real, fake, chunk_size=chunk_size) == metrics.prdc(real, fake)


def test_by_hand() -> None:
    real, fake = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[0.5], [9.0]])
    # balls of the data: 1 about 0, 1 about 1, 2 about 3; the samples' reach 8.5; 0.5 lies in the first two
    found = metrics.prdc(real, fake, k=1)
    assert numbers(found) == pytest.approx((1 / 2, 1.0, 1.0, 2 / 3))
    assert (found.num_real, found.num_fake, found.num_neighbours) == (3, 2, 1)


def test_a_lost_mode_lowers_recall_and_coverage_alone() -> None:
    centres = torch.tensor([[-5.0, 0.0], [5.0, 0.0]])
    real = centres.repeat(200, 1) + torch.randn(400, 2)
    found = metrics.prdc(real, centres[0] + torch.randn(400, 2))
    assert found.precision > 0.9
    assert found.recall < 0.6
    assert found.coverage < 0.6


def test_a_picture_is_a_row() -> None:
    real, fake = torch.randn(20, 1, 3, 3), torch.randn(20, 1, 3, 3)
    assert metrics.prdc(real, fake) == metrics.prdc(real.flatten(1), fake.flatten(1))
