"""The Frechet distance: closed forms of Gaussians, scipy, torchmetrics."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from pyrodgm import metrics
from pyrodgm.metrics.frechet_distance import gaussian_terms


def covariance(dim: int) -> torch.Tensor:
    factor = torch.randn(dim, dim)
    return factor @ factor.T + 0.1 * torch.eye(dim)


def test_one_variable_in_closed_form() -> None:
    terms = gaussian_terms(torch.tensor([1.0]), torch.tensor([[4.0]]), torch.tensor([3.0]), torch.tensor([[9.0]]))
    assert terms == pytest.approx((4.0, 1.0))  # squared differences of means and of standard deviations


def test_covariances_that_commute() -> None:
    basis = torch.linalg.qr(torch.randn(5, 5))[0]
    first, second = torch.rand(5) + 0.1, torch.rand(5) + 0.1
    terms = gaussian_terms(torch.zeros(5), (basis * first) @ basis.T, torch.ones(5), (basis * second) @ basis.T)
    assert terms == pytest.approx((5.0, (first.sqrt() - second.sqrt()).square().sum().item()))


@pytest.mark.parametrize("dim", [1, 2, 30])
def test_any_covariances_against_scipy_and_torchmetrics(dim: int) -> None:
    torchmetrics = pytest.importorskip("torchmetrics.image.fid")
    moments = torch.randn(dim), covariance(dim), torch.randn(dim), covariance(dim)
    root = sqrtm((moments[1] @ moments[3]).numpy()).real
    expected = (moments[0] - moments[2]).square().sum() + (moments[1] + moments[3]).trace() - 2 * np.trace(root)
    assert sum(gaussian_terms(*moments)) == pytest.approx(expected.item(), rel=1e-9)
    assert sum(gaussian_terms(*moments)) == pytest.approx(torchmetrics._compute_fid(*moments).item(), rel=1e-9)


def test_samples_give_their_moments() -> None:
    x, y = torch.randn(50, 6) @ torch.randn(6, 6), torch.randn(40, 6) + 1
    found = metrics.frechet_distance(x.float(), y.float())  # computed in double precision all the same
    moments = [torch.from_numpy(f) for z in (x, y) for f in (z.numpy().mean(0), np.cov(z.numpy(), rowvar=False))]
    assert found.value == pytest.approx(sum(gaussian_terms(*moments)), rel=1e-5)
    assert found.value == found.mean_term + found.covariance_term
    assert (found.num_x, found.num_y, found.num_features) == (50, 40, 6)


@pytest.mark.parametrize("dim", [1, 7])
def test_is_zero_on_itself_and_symmetric(dim: int) -> None:
    x, y = torch.randn(30, dim), 3 * torch.randn(30, dim)
    assert metrics.frechet_distance(x, x).value == pytest.approx(0, abs=1e-6)
    assert metrics.frechet_distance(x, y).value == pytest.approx(metrics.frechet_distance(y, x).value)


def test_a_constant_feature_does_no_harm() -> None:
    x, y = torch.randn(30, 3), torch.randn(30, 3)
    x[:, 1], y[:, 1] = 2.0, 2.0
    without = metrics.frechet_distance(x[:, [0, 2]], y[:, [0, 2]]).value
    assert metrics.frechet_distance(x, y).value == pytest.approx(without, abs=1e-6)


def test_as_many_samples_as_needed() -> None:
    assert metrics.frechet_distance(torch.randn(6, 5), torch.randn(6, 5)).value > 0
    with pytest.raises(ValueError, match=r"Expected at least 6 rows of y .* got 5\. Draw 1 more"):
        metrics.frechet_distance(torch.randn(6, 5), torch.randn(5, 5))
