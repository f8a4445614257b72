"""Annealed importance sampling against closed forms."""

import importlib

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrodgm import infer, models
from pyrodgm.infer.annealed_chains import Chains
from pyrodgm.infer.annealed_path import Path
from tests.infer.linear_gaussian import LinearGaussian, expect_mean


def test_matches_the_closed_form():
    # Within 3 standard errors on average over data and runs, which are those of the runs: fails once in 300 seeds
    # of the data (the seed is fixed), and none is further off than 0.3.
    known = LinearGaussian(noise=1.0)
    args = {"num_steps": 40, "num_chains": 50, "num_leapfrog": 5}
    errors = torch.stack([infer.annealed_log_evidence(known.vae.model, known.x, **args) for _ in range(4)])
    errors = errors - known.evidence
    assert errors.mean().abs() < 3 * errors.std() / errors.numel() ** 0.5
    assert errors.abs().max() < 0.3


@pytest.mark.parametrize("start", ["prior", "guide"])
def test_the_average_weight_has_no_bias(start):
    # Few steps, so that chains lag behind: 60 data, 8 runs, 480 averages within 6 standard errors, once in 10^8 seeds.
    known = LinearGaussian(num_rows=60, noise=1.0, shift=0.5)
    guide = known.vae.guide if start == "guide" else None
    runs = [
        infer.annealed_log_evidence(known.vae.model, known.x, guide=guide, num_steps=6, num_chains=20, num_leapfrog=3)
        for _ in range(8)
    ]
    ratios = (torch.stack(runs) - known.evidence).exp()
    expect_mean(ratios.flatten(), 1.0)
    assert ratios.std() < 1  # a spread that leaves standard errors of 0.05 at most


def test_better_than_importance_sampling_from_a_bad_guide():
    known = LinearGaussian(noise=1.0, shift=5.0, widen=0.5)
    importance = infer.log_evidence(*known.args, num_particles=5000)
    assert (importance < known.evidence - 3).all()
    args = {"num_steps": 60, "num_leapfrog": 5}
    from_prior = infer.annealed_log_evidence(known.vae.model, known.x, **args)
    assert (from_prior - known.evidence).abs().max() < 0.5
    from_guide = infer.annealed_log_evidence(known.vae.model, known.x, guide=known.vae.guide, **args)
    assert (from_guide > importance + 3).all()


def test_more_steps_are_closer():
    known = LinearGaussian(latent_dim=4, input_dim=8, noise=0.3)
    errors = []
    for num_steps in (3, 20, 100):
        found = infer.annealed_log_evidence(known.vae.model, known.x, num_steps=num_steps, num_leapfrog=4)
        errors.append((known.evidence - found).mean().item())
    assert errors[0] > errors[1] + 1 > errors[2] + 1.5
    assert errors[2] < 0.5


def test_step_sizes_are_found_for_each_datum():
    """From steps a hundred times too long, and a hundred times too short; noise makes the posterior narrow."""
    known = LinearGaussian(noise=0.1)
    for step_size in (1e-3, 10.0):
        chains = Chains(Path(known.vae.model, None, (known.x,)), 50, 3, step_size)
        accepted = torch.stack([chains.transition(1.0) for _ in range(150)])[100:]
        assert ((accepted.mean((0, 1)) - 0.65).abs() < 0.1).all()
        assert chains.log_step.shape == known.x.shape[:1]


def test_transitions_leave_the_posterior_as_it_is():
    # Means and variances of 400 independent chains, 100 draws each: standard errors of 0.05 of the spread at most, and
    # the chains start far away. Within 0.3 and 0.15 fails once in 10^6 seeds.
    known = LinearGaussian(num_rows=1)
    chains = Chains(Path(known.vae.model, None, (known.x,)), 400, 5, 0.3)
    chains.values["z"] = torch.full_like(chains.values["z"], 3.0)
    with torch.no_grad():
        chains.start, chains.slope = chains.path.score(chains.values)
    draws = []
    for step in range(150):
        chains.transition(1.0)
        if step >= 50:
            draws.append(chains.values["z"][4:, 0])
    draws = torch.cat(draws)
    spread = known.posterior.covariance_matrix[0].diagonal().sqrt()
    assert ((draws.mean(0) - known.posterior.loc[0]).abs() < 0.3 * spread).all()
    assert ((draws.std(0) / spread - 1).abs() < 0.15).all()


def test_steps_to_infinity_are_refused():
    """Float32 overflows on the way; validation stays as it was."""
    torch.set_default_dtype(torch.float32)
    known = LinearGaussian()
    found = infer.annealed_log_evidence(known.vae.model, known.x, num_steps=5, num_chains=3, step_size=1e4)
    assert found.isfinite().all()
    with pytest.raises(ValueError, match="constraint Real"):
        dist.Normal(torch.tensor(torch.nan), 1.0)


def test_several_sites_and_any_program():
    """A chain of latents, of a plain function: x ~ N(0, 1 + 1 + 0.25)."""

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z_1 = pyro.sample("z_1", dist.Normal(0.0, 1.0))
            z_0 = pyro.sample("z_0", dist.Normal(z_1, 1.0))
            pyro.sample("x", dist.Normal(z_0, 0.5), obs=x)

    x = torch.tensor([-1.0, 0.0, 2.5])
    found = infer.annealed_log_evidence(model, x, num_steps=50, num_chains=50, num_leapfrog=5)
    torch.testing.assert_close(found, dist.Normal(0.0, 1.5).log_prob(x), atol=0.2, rtol=0)


def test_memory_is_bounded_and_rows_keep_their_context(monkeypatch):
    module = importlib.import_module("pyrodgm.infer.annealed_log_evidence")
    monkeypatch.setattr(module, "MAX_PAIRS", 24)
    vae = models.vae(4, 2, context_dim=3, hidden_dims=(8,))
    x, context = torch.rand(5, 4).round(), torch.randn(5, 3)
    seen = []
    vae.likelihood.net.register_forward_hook(lambda module, args, output: seen.append(args[0].shape[:-1].numel()))
    found = infer.annealed_log_evidence(vae.model, x, context, num_steps=30, num_chains=8, num_leapfrog=3)
    assert max(seen) == 24  # two data, eight chains and four that set the step sizes
    exact = infer.naive_monte_carlo(vae.model, x, context, num_samples=20_000, chunk_size=5000).log_evidence
    torch.testing.assert_close(found, exact, atol=0.2, rtol=0)


def test_works_without_gradients_and_leaves_none_behind():
    torch.set_default_dtype(torch.float32)
    vae = models.vae(4, 2, hidden_dims=(8,))
    with torch.no_grad():
        found = infer.annealed_log_evidence(vae.model, torch.rand(3, 4).round(), num_steps=3, num_chains=2)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert all(parameter.grad is None for parameter in vae.parameters())
