"""Refined guides against the best that their family can do, and what must not change."""

import copy

import pyro
import pytest
import torch

from pyrodgm import Embedded, flows, heads, infer, models, nn
from pyrodgm.conditional import Neural
from pyrodgm.testing.expectations import perturb
from tests.infer.linear_gaussian import LinearGaussian


def test_finds_the_best_of_its_family():
    """From a guide that is 2 off in each latent; what is left is the approximation gap, known in closed form."""
    known = LinearGaussian(shift=2.0)
    refined = infer.SemiAmortized(known.vae, num_steps=200, lr=0.2, num_particles=16)
    q = refined.distribution(refined.refine(known.x))
    gap = torch.distributions.kl_divergence(
        torch.distributions.MultivariateNormal(q.mean, q.variance.diag_embed()), known.posterior
    )
    assert (gap >= known.approximation_gap - 1e-9).all()
    assert (gap < known.approximation_gap + 0.02).all()
    assert (known.evidence - known.elbo() > known.approximation_gap + 3).all()


POSTERIORS = {
    "Neural": lambda: Neural(nn.MLP(6, 4, hidden_dims=(8,)), heads.Normal(2)),
    "Neural, covariance": lambda: Neural(nn.MLP(6, 5, hidden_dims=(8,)), heads.MultivariateNormal(2)),
    "Embedded": lambda: Embedded(nn.MLP(6, 8), flows.iaf(2, 8, num_layers=2)),
}


@pytest.mark.parametrize("name", POSTERIORS)
def test_improves_an_encoder_without_training(name):
    vae = models.vae(6, 2, posterior=POSTERIORS[name](), hidden_dims=(16,))
    perturb(vae.likelihood, 1.0)  # so that there is something to infer
    perturb(vae.posterior, 0.2)  # a flow that starts at the identity does not look at what is refined
    x = vae.sample(20)
    refined = infer.SemiAmortized(vae)
    found = infer.inference_gap(vae.model, vae.guide, x, refined=refined, num_particles=100)
    assert found.amortization_gap > 0.3
    assert found.amortization_gap > 0.5 * found.inference_gap


def test_one_density_however_often_it_is_asked_for():
    vae, x = models.vae(6, 2, hidden_dims=(8,)), torch.rand(5, 6).round()
    refined = infer.SemiAmortized(vae, num_steps=5)
    first = refined.refine(x)
    assert torch.equal(refined.refine(x), first)
    assert torch.equal(copy.deepcopy(refined).refine(x), first)
    assert not torch.equal(infer.SemiAmortized(vae, num_steps=5).refine(x), first)
    assert not torch.allclose(first, vae.posterior.net(x))


def test_changes_nothing_else():
    vae, x = models.vae(6, 2, hidden_dims=(8,)), torch.rand(5, 6).round()
    refined = infer.SemiAmortized(vae, num_steps=5)
    before = copy.deepcopy(vae.state_dict())
    pyro.set_rng_seed(3)
    expected = torch.rand(4)
    pyro.set_rng_seed(3)
    refined.refine(x)
    assert torch.equal(torch.rand(4), expected)
    assert all(torch.equal(value, before[name]) for name, value in vae.state_dict().items())
    assert all(parameter.grad is None for parameter in vae.parameters())
    assert not list(refined.parameters())
    assert not list(pyro.get_param_store().keys())


def test_stands_wherever_a_guide_does():
    known = LinearGaussian(shift=2.0, num_rows=20)
    model, refined, x = known.vae.model, infer.SemiAmortized(known.vae, num_steps=40, lr=0.3), known.x
    close = {"atol": 0.1, "rtol": 0}
    torch.testing.assert_close(
        infer.log_evidence(model, refined, x, num_particles=5000, chunk_size=5000), known.evidence, **close
    )
    few = infer.annealed_log_evidence(model, x[:5], guide=refined, num_steps=4, num_chains=50, num_leapfrog=1)
    torch.testing.assert_close(few, known.evidence[:5], atol=0.5, rtol=0)
    found = infer.elbo_surgery(model, refined, x, num_particles=200)
    assert found.elbo == pytest.approx((known.evidence - known.approximation_gap).mean().item(), abs=0.1)
    loss = infer.ImportanceWeightedELBO(3)(model, refined)(x, size=100)
    assert loss.isfinite()


def test_context():
    vae = models.vae(4, 2, context_dim=3, prior=flows.realnvp(2, 3), hidden_dims=(8,))
    x, context = torch.rand(5, 4).round(), torch.randn(5, 3)
    refined = infer.SemiAmortized(vae, num_steps=3)
    assert infer.log_evidence(vae.model, refined, x, context, num_particles=7).shape == (5,)


def test_works_under_a_float32_default_and_in_images():
    torch.set_default_dtype(torch.float32)
    shape = (1, 8, 8)
    vae = models.VAE(
        models.vae(4, 2).prior,
        Neural(nn.ConvDecoder(2, shape, channels=(4,)), heads.Bernoulli(shape)),
        Neural(nn.ConvEncoder(shape, 4, channels=(4,)), heads.Normal(2)),
    )
    refined = infer.SemiAmortized(vae, num_steps=3)
    assert refined.refine(torch.rand(3, *shape).round()).dtype == torch.float32
    assert infer.log_evidence(vae.model, refined, torch.rand(3, *shape).round(), num_particles=5).shape == (3,)
