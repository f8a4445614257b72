"""Integers under a continuous density: the change of variables, exactly."""

import math

import pyro.distributions as dist
import torch

from pyrodgm import Fixed, infer, models


def cube(dim):
    return Fixed(dist.Uniform(torch.zeros(dim), torch.ones(dim)).to_event(1))


def test_uniform_density_gives_the_uniform_distribution_over_the_integers():
    model = models.Dequantized(cube(5), num_levels=17)
    x = torch.randint(0, 17, (6, 5)).double()
    estimate = infer.log_evidence(model.model, model.guide, x, num_particles=3)
    torch.testing.assert_close(estimate, torch.full((6,), -5 * math.log(17.0)))


def test_importance_weighting_reaches_a_known_discrete_distribution():
    """Under the density 2y on [0, 1], P(x) = ((x + 1)^2 - x^2) / L^2 for each variable."""
    density = Fixed(dist.Beta(torch.full((2,), 2.0), torch.ones(2)).to_event(1))
    model = models.Dequantized(density, num_levels=4)
    x = torch.cartesian_prod(torch.arange(4), torch.arange(4)).double()
    exact = ((2 * x + 1) / 16).log().sum(-1)
    torch.testing.assert_close(exact.exp().sum(), torch.ones(()))
    estimate = infer.log_evidence(model.model, model.guide, x, num_particles=20000, chunk_size=5000)
    torch.testing.assert_close(estimate, exact, atol=0.05, rtol=0)
    bound = -infer.ReparameterizedELBO(num_particles=500)(model.model, model.guide)(x)
    assert bound < exact.sum()


def test_draws_are_integers_of_the_support():
    draws = models.Dequantized(cube(3), num_levels=5).sample(500)
    assert set(draws.unique().tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
