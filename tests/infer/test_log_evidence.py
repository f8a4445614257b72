"""The importance-weighted evidence against a linear-Gaussian model, where everything is known."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrodgm import Fixed, Neural, flows, heads, infer, models


class LinearNormal(nn.Module):
    """Parameters of N(A v + b, scale^2), as the normal head reads them."""

    def __init__(self, weight, bias, scale):
        super().__init__()
        self.input_shape = (weight.shape[1],)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.raw_scale = nn.Parameter(torch.log(torch.expm1(scale - 1e-4)) - heads.normal.UNIT_SCALE)

    def forward(self, v):
        loc = v @ self.weight.t() + self.bias
        return torch.cat([loc, self.raw_scale.expand_as(loc)], -1)


@pytest.fixture
def linear_gaussian():
    """z ~ N(0, I_2), x = A z + b + 0.5 e in three dimensions; the guide is the posterior, widened by a half."""
    weight, bias, scale = torch.randn(3, 2), torch.randn(3), torch.full((3,), 0.5)
    covariance = torch.linalg.inv(torch.eye(2) + weight.t() @ weight / 0.25)
    gain = covariance @ weight.t() / 0.25
    prior = Fixed(dist.Normal(torch.zeros(2), torch.ones(2)).to_event(1))
    likelihood = Neural(LinearNormal(weight, bias, scale), heads.Normal(3))
    posterior = Neural(LinearNormal(gain, -gain @ bias, 1.5 * covariance.diagonal().sqrt()), heads.Normal(2))
    x = likelihood(prior().sample((6,))).sample()
    evidence = dist.MultivariateNormal(bias, weight @ weight.t() + 0.25 * torch.eye(3)).log_prob(x)
    return models.VAE(prior, likelihood, posterior), x, evidence.detach()


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
