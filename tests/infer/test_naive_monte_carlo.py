"""Draws of the prior against closed forms, and their number that it takes."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrodgm import infer, models
from tests.infer.linear_gaussian import LinearGaussian, expect_mean


def test_the_average_has_no_bias():
    # Six data within 6 standard errors of 300 runs: fails once in 10^7 seeds.
    known = LinearGaussian(noise=2.0)
    runs = [infer.naive_monte_carlo(known.vae.model, known.x, num_samples=50).log_evidence for _ in range(300)]
    expect_mean((torch.stack(runs) - known.evidence).exp(), 1.0)


@pytest.mark.parametrize(("chunk_size", "batch_size"), [(100, 100), (7, 100)])
def test_both_numbers_by_hand(chunk_size, batch_size):
    known = LinearGaussian()
    found = infer.naive_monte_carlo(
        known.vae.model, known.x, num_samples=25, chunk_size=chunk_size, batch_size=batch_size
    )
    pyro.set_rng_seed(1)
    found = infer.naive_monte_carlo(known.vae.model, known.x, num_samples=25, chunk_size=chunk_size)
    pyro.set_rng_seed(1)
    sizes = [min(chunk_size, 25 - done) for done in range(0, 25, chunk_size)]
    z = torch.cat([known.vae.prior().expand([num, len(known.x)]).sample() for num in sizes])
    w = known.vae.likelihood(z).log_prob(known.x).exp().detach()
    torch.testing.assert_close(found.log_evidence, w.mean(0).log())
    torch.testing.assert_close(found.effective_sample_size, w.sum(0).square() / w.square().sum(0))
    assert found.num_samples == 25
    assert "25 draws of the prior" in str(found)


def test_the_share_of_draws_that_count_falls_with_what_is_learned():
    """The posterior's divergence from the prior rises with the latents: exponentially fewer of the draws count."""
    shares, divergences = [], []
    for latent_dim in (1, 4, 8):
        known = LinearGaussian(latent_dim, 20, noise=1.0)
        found = infer.naive_monte_carlo(known.vae.model, known.x, num_samples=5000)
        shares.append(math.log(found.effective_sample_size.median() / 5000))
        standard = dist.MultivariateNormal(torch.zeros(latent_dim), torch.eye(latent_dim))
        divergences.append(torch.distributions.kl_divergence(known.posterior, standard).mean().item())
    assert divergences[0] + 3 < divergences[1] < divergences[2] - 3
    assert shares[0] > shares[1] + 1 > shares[2] + 2
    assert found.log_evidence.mean() < known.evidence.mean() - 2  # too few for eight latents, and it shows


def test_only_observed_sites_count():
    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Bernoulli(0.25))
            pyro.sample("x", dist.Normal(4 * z, 1.0), obs=x)
            pyro.sample("y", dist.Normal(0.0, 1.0), obs=x)

    # A share of 0.25 by 20,000 draws within 6 standard errors of 0.003: fails once in 10^8 seeds.
    x = torch.tensor([4.0])
    found = infer.naive_monte_carlo(model, x, num_samples=20_000, chunk_size=5000)
    normal = dist.Normal(0.0, 1.0)
    share = (found.log_evidence - normal.log_prob(x)).exp() / normal.log_prob(torch.zeros(1)).exp()
    assert share.item() == pytest.approx(0.25, abs=6 * 0.0031)
    assert found.effective_sample_size.item() == pytest.approx(5000, rel=0.1)


def test_context_goes_with_its_rows_and_memory_is_bounded():
    vae = models.vae(4, 2, context_dim=3, hidden_dims=(8,))
    x, context = torch.rand(5, 4).round(), torch.randn(5, 3)
    seen = []
    vae.likelihood.net.register_forward_hook(lambda module, args, output: seen.append(args[0].shape[:-1].numel()))
    args = {"num_samples": 3000, "chunk_size": 1000}
    whole = infer.naive_monte_carlo(vae.model, x, context, batch_size=2, **args).log_evidence
    assert max(seen) == 2000
    assert sum(seen) == 15_000
    single = [infer.naive_monte_carlo(vae.model, x[i : i + 1], context[i : i + 1], **args) for i in range(5)]
    torch.testing.assert_close(whole, torch.cat([found.log_evidence for found in single]), atol=0.15, rtol=0)
