"""The importance-weighted evidence against a linear-Gaussian model, where everything is known."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrodgm import Neural, flows, heads, infer, models
from tests.infer.linear_gaussian import LinearGaussian


@pytest.fixture
def linear_gaussian():
    known = LinearGaussian()
    return known.vae, known.x, known.evidence


@pytest.mark.parametrize(("num_particles", "chunk_size", "batch_size"), [(20000, 5000, 4), (20000, 6000, 100)])
def test_matches_the_closed_form(linear_gaussian, num_particles, chunk_size, batch_size):
    vae, x, evidence = linear_gaussian
    estimate = infer.log_evidence(
        vae.model, vae.guide, x, num_particles=num_particles, chunk_size=chunk_size, batch_size=batch_size
    )
    # The weights' standard deviation is below 2, so the error is below 2 / sqrt(20000) = 0.014 a standard error.
    torch.testing.assert_close(estimate, evidence, atol=0.06, rtol=0)


def test_is_a_lower_bound_that_rises_with_particles(linear_gaussian):
    vae, x, evidence = linear_gaussian
    means = []
    for num in (1, 10, 100):
        runs = [infer.log_evidence(vae.model, vae.guide, x, num_particles=num).mean() for _ in range(200)]
        means.append(torch.stack(runs).mean())
    assert means[0] < means[1] < means[2] < evidence.mean() + 0.02


def test_one_particle_is_the_elbo(linear_gaussian):
    vae, x, _ = linear_gaussian
    pyro.set_rng_seed(3)
    elbo = -infer.ReparameterizedELBO()(vae.model, vae.guide)(x)
    pyro.set_rng_seed(3)
    torch.testing.assert_close(infer.log_evidence(vae.model, vae.guide, x, num_particles=1).sum(), elbo.detach())


def test_density_is_exact_whatever_the_number_of_particles():
    density = models.Density(flows.maf(3))
    x = torch.randn(7, 3)
    estimate = infer.log_evidence(density.model, density.guide, x, num_particles=50, batch_size=4)
    torch.testing.assert_close(estimate, density.conditional().log_prob(x).detach())


def test_context_goes_with_its_rows():
    vae = models.vae(4, 2, context_dim=3, hidden_dims=(8,))
    x, context = torch.rand(5, 4).round(), torch.randn(5, 3)
    args = {"num_particles": 3000, "chunk_size": 1000}
    whole = infer.log_evidence(vae.model, vae.guide, x, context, batch_size=2, **args)
    single = torch.cat(
        [infer.log_evidence(vae.model, vae.guide, x[i : i + 1], context[i : i + 1], **args) for i in range(5)]
    )
    torch.testing.assert_close(whole, single, atol=0.1, rtol=0)


def test_any_pyro_program():
    """A plain function with a global plate of its own name for the rows, and a mask."""

    def model(x):
        with pyro.plate("data", len(x), dim=-1), pyro.poutine.mask(mask=torch.arange(len(x)) > 0):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1), pyro.poutine.mask(mask=torch.arange(len(x)) > 0):
            pyro.sample("z", dist.Normal(x / 2, 0.5**0.5))

    x = torch.randn(4)
    expected = dist.Normal(0.0, 2.0**0.5).log_prob(x)
    expected[0] = 0.0
    torch.testing.assert_close(infer.log_evidence(model, guide, x, num_particles=3), expected)


def test_site_outside_of_the_plate_is_named():
    def model(x):
        pyro.sample("shared", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("x", dist.Normal(0.0, 1.0), obs=x)

    def guide(x):
        pyro.sample("shared", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match="Expected site 'shared' inside the plate 'data'"):
        infer.log_evidence(model, guide, torch.randn(4))


def test_memory_is_bounded_by_chunk_and_batch():
    """The widest tensor that the likelihood sees holds chunk_size * batch_size rows."""
    seen = []
    vae = models.vae(4, 2, hidden_dims=(8,))
    vae.likelihood.net.register_forward_hook(lambda module, args, output: seen.append(args[0].shape[:-1].numel()))
    infer.log_evidence(vae.model, vae.guide, torch.rand(10, 4).round(), num_particles=25, chunk_size=10, batch_size=3)
    assert max(seen) == 30
    assert sum(seen) == 250


def test_a_point_takes_one_particle():
    vae = models.VAE(models.vae(4, 2).prior, models.vae(4, 2).likelihood, Neural(torch.nn.Linear(4, 2), heads.Delta(2)))
    x = torch.rand(5, 4).round()
    decoded = []
    vae.likelihood.net.register_forward_hook(lambda net, args, output: decoded.append(args[0].shape[:-1].numel()))
    estimate = infer.log_evidence(vae.model, vae.guide, x, num_particles=300)
    assert decoded == [5]
    z = vae.encode(x)
    torch.testing.assert_close(estimate, (vae.prior().log_prob(z) + vae.likelihood(z).log_prob(x)).detach())
