"""Free bits, by hand and on what plates can do."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrodgm import infer, models


def shifted():
    """Return a VAE whose posteriors are far enough from the prior for every draw here to cost something."""
    vae = models.vae(4, 2, hidden_dims=(8,))
    with torch.no_grad():
        vae.posterior.net.layers[-1].bias.add_(1.5)
    return vae


def parts_of(vae, x, num_particles=1, size=None):
    """Return the summed reconstruction and divergence of the same draws as an objective's, averaged over particles."""
    pyro.set_rng_seed(0)
    q = vae.posterior(x)
    scale = 1 if size is None else size / len(x)
    reconstruction, divergence = torch.zeros(()), torch.zeros(())
    for _ in range(num_particles):
        z = q.rsample()
        reconstruction = reconstruction + scale * vae.likelihood(z).log_prob(x).sum() / num_particles
        log_ratio = q.log_prob(z) - vae.prior().log_prob(z)
        divergence = divergence + scale * log_ratio.sum() / num_particles
    return reconstruction, divergence


@pytest.mark.parametrize("size", [None, 70])
@pytest.mark.parametrize("num_particles", [1, 3])
@pytest.mark.parametrize("beta", [1.0, 0.5])
@pytest.mark.parametrize("enough", [True, False])
def test_a_site_pays_for_its_bits_or_for_its_divergence(size, num_particles, beta, enough):
    vae, x = shifted(), torch.rand(7, 4).round()
    reconstruction, divergence = parts_of(vae, x, num_particles, size)
    each = divergence.item() / (size or 7)
    free_bits = (each + (0.1 if enough else -0.1)) / math.log(2)
    pyro.set_rng_seed(0)
    objective = infer.ReparameterizedELBO(num_particles, beta=beta, free_bits=free_bits)
    loss = objective(vae.model, vae.guide)(x, size=size)
    paid = torch.tensor(free_bits * math.log(2) * (size or 7)) if enough else divergence
    torch.testing.assert_close(loss, beta * paid - reconstruction)
    parameters = list(vae.parameters())
    expected = beta * (0 if enough else 1) * divergence - reconstruction
    for ours, by_hand in zip(
        torch.autograd.grad(loss, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(ours, by_hand)


def test_each_layer_has_its_own():
    """Two sites with known divergences: one below its bits, the other above."""

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("near", dist.Normal(0.0, 1.0))
            far = pyro.sample("far", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(far, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("near", dist.Normal(torch.zeros(len(x)), 1.0))
            pyro.sample("far", dist.Normal(x, 1e-3))

    x = torch.randn(5)
    bits = 2.0
    pyro.set_rng_seed(0)
    plain = infer.ReparameterizedELBO()(model, guide)(x)
    pyro.set_rng_seed(0)
    free = infer.ReparameterizedELBO(free_bits=bits)(model, guide)(x)
    torch.testing.assert_close(free - plain, torch.tensor(5 * bits * math.log(2)))


def test_none_are_the_bound_and_all_are_the_reconstruction():
    vae, x = shifted(), torch.rand(7, 4).round()
    reconstruction, divergence = parts_of(vae, x)
    for free_bits, expected in ((0.0, divergence - reconstruction), (1e3, 7e3 * math.log(2) - reconstruction)):
        pyro.set_rng_seed(0)
        torch.testing.assert_close(
            infer.ReparameterizedELBO(free_bits=free_bits)(vae.model, vae.guide)(x), torch.as_tensor(expected)
        )


def test_is_a_bound_too():
    vae, x = shifted(), torch.rand(7, 4).round()
    for free_bits in (0.1, 1.0, 10.0):
        losses = []
        for bits in (0.0, free_bits):
            pyro.set_rng_seed(0)
            losses.append(infer.ReparameterizedELBO(free_bits=bits)(vae.model, vae.guide)(x))
        assert losses[1] > losses[0] - 1e-9
