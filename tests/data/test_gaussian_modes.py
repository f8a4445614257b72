"""Rings and grids of narrow Gaussians have their modes where the papers put them."""

import math

import pyro.distributions as dist
import pytest
import torch

from pyrodgm.data import toy


def test_the_ring() -> None:
    ring = toy.gaussian_ring()
    assert ring.centres.shape == (8, 2)
    torch.testing.assert_close(ring.centres.norm(dim=1), torch.full((8,), 2.0))
    torch.testing.assert_close(ring.centres[1], torch.tensor([math.sqrt(2), math.sqrt(2)]))
    assert ring.scale == 0.02
    x = torch.randn(5, 2)
    torch.testing.assert_close(ring.log_prob(x), toy.eight_gaussians(scale=0.02).log_prob(x))


def test_the_grid() -> None:
    grid = toy.gaussian_grid()
    assert {tuple(place) for place in grid.centres.tolist()} == {
        (x, y) for x in range(-4, 5, 2) for y in (-4, -2, 0, 2, 4)
    }
    assert grid.scale == 0.05
    x = grid.centres[7] + 0.03
    expected = dist.MultivariateNormal(grid.centres, 0.05**2 * torch.eye(2)).log_prob(x).logsumexp(0) - math.log(25)
    torch.testing.assert_close(grid.log_prob(x), expected)
    assert toy.gaussian_grid(2, spacing=1.0).centres.tolist() == [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]


@pytest.mark.parametrize("build", [toy.gaussian_ring, toy.gaussian_grid])
def test_draws_lie_about_the_centres(build) -> None:
    """Beyond 6 standard deviations lies exp(-18) of a round Gaussian: one of 10,000 draws once in 6,000 seeds."""
    density = build()
    assert torch.cdist(density.sample((10_000,)), density.centres).min(1).values.max() < 6 * density.scale


def test_a_batch_of_rings_has_the_centres_of_each() -> None:
    ring = toy.gaussian_ring().expand(torch.Size([3]))
    assert ring.centres.shape == (3, 8, 2)
    assert ring.scale == 0.02
