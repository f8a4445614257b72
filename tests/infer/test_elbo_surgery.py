"""The ELBO taken apart, against quadrature, double loops and the ELBO itself."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrodgm import Embedded, flows, infer, models, nn
from pyrodgm.infer import aggregated
from pyrodgm.testing.expectations import perturb
from tests.infer.linear_gaussian import LinearGaussian, expect_mean

PARTS = ("reconstruction", "mutual_information", "marginal_kl", "elbo")


def parts(found):
    return torch.tensor([getattr(found, name) for name in PARTS])


def same_draws(*args, seed=7, **kwargs):
    pyro.set_rng_seed(seed)
    return infer.elbo_surgery(*args, **kwargs)


def test_every_part_is_the_known_one():
    # Four parts within 6 standard errors of 30 runs (t of 29): fails once in 10^5 seeds.
    known = LinearGaussian(latent_dim=1, input_dim=2, num_rows=25, shift=0.3)
    runs = [parts(infer.elbo_surgery(*known.args, num_particles=50)) for _ in range(30)]
    z = torch.linspace(-15, 15, 20001)
    with torch.no_grad():
        q = known.vae.posterior(known.x).base_dist
        log_aggregated = dist.Normal(q.loc[:, 0], q.scale[:, 0]).log_prob(z.unsqueeze(-1)).logsumexp(1) - math.log(25)
        difference = log_aggregated - dist.Normal(0.0, 1.0).log_prob(z)
        marginal_kl = (log_aggregated.exp() * difference).sum() * 30 / 20000
        kl, reconstruction = known.kl().mean(), known.reconstruction().mean()
    exact = torch.stack([reconstruction, kl - marginal_kl, marginal_kl, reconstruction - kl])
    expect_mean(runs, exact)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_identity_holds_on_the_same_draws(dtype):
    """Reconstruction, information and marginal divergence add up to the ELBO that another program computes."""
    torch.set_default_dtype(dtype)
    known = LinearGaussian(num_rows=40)
    found = same_draws(*known.args)
    pyro.set_rng_seed(7)
    elbo = -infer.ReparameterizedELBO().differentiable_loss(*known.args).item() / 40
    assert found.reconstruction - found.mutual_information - found.marginal_kl == pytest.approx(elbo, abs=1e-4)
    assert found.elbo == pytest.approx(elbo, abs=1e-4)
    assert found.kl == pytest.approx(found.reconstruction - elbo, abs=1e-4)


def double_loop(vae, x, num_particles):
    """Mutual information by a loop over draws and data; the draws are those of the same seed."""
    posterior = vae.posterior
    with torch.no_grad():
        z = posterior(x).expand([num_particles, len(x)]).sample()
        total = 0.0
        for particle in range(num_particles):
            for i in range(len(x)):
                densities = [posterior(x[j]).log_prob(z[particle, i]).exp() for j in range(len(x))]
                total += densities[i].log() - torch.stack(densities).mean().log()
    return total.item() / (num_particles * len(x))


@pytest.mark.parametrize("posterior", [None, lambda: Embedded(nn.MLP(3, 4), flows.iaf(2, 4, num_layers=2))])
def test_equals_a_double_loop(posterior):
    known = LinearGaussian(num_rows=6)
    vae = known.vae
    if posterior is not None:
        vae = models.VAE(vae.prior, vae.likelihood, perturb(posterior(), 0.3))
    found = same_draws(vae.model, vae.guide, known.x, num_particles=3)
    pyro.set_rng_seed(7)
    assert found.mutual_information == pytest.approx(double_loop(vae, known.x, 3), abs=1e-9)
    assert found.mutual_information > 0.01


class Covariance:
    """The guide as normals with a covariance: the same draws and densities, past the fast path."""

    def __init__(self, vae):
        self.vae = vae

    def __call__(self, x):
        with pyro.plate("data", len(x), dim=-1):
            q = self.vae.posterior(x)
            pyro.sample("z", dist.MultivariateNormal(q.mean, scale_tril=q.stddev.diag_embed()))


@pytest.mark.parametrize("settings", [{}, {"batch_size": 3}, {"max_pairs": 10}, {"num_components": 4}])
def test_both_ways_are_one(settings):
    known = LinearGaussian(num_rows=8)
    fast = same_draws(*known.args, num_particles=2, **settings)
    general = same_draws(known.vae.model, Covariance(known.vae), known.x, num_particles=2, **settings)
    torch.testing.assert_close(parts(fast), parts(general))
    assert fast.active_units == general.active_units


@pytest.mark.parametrize("general", [False, True])
def test_sizes_in_memory_change_nothing_and_are_kept(general, monkeypatch):
    known, seen = LinearGaussian(num_rows=10), []
    guide = Covariance(known.vae) if general else known.vae.guide
    score = aggregated.AllPosteriors._score

    def watched(self, *args):
        scores = score(self, *args)
        seen.append(scores.shape.numel())
        return scores

    whole = same_draws(known.vae.model, guide, known.x, num_particles=3)
    monkeypatch.setattr(aggregated.AllPosteriors, "_score", watched)
    rows = []
    known.vae.posterior.net.register_forward_hook(lambda module, args, output: rows.append(len(args[0])))
    torch.testing.assert_close(
        parts(whole), parts(same_draws(known.vae.model, guide, known.x, num_particles=3, max_pairs=40))
    )
    assert max(seen) == 40
    assert sum(seen) == 3 * 10 * 10
    rows.clear()
    infer.elbo_surgery(known.vae.model, guide, known.x, batch_size=4)
    assert max(rows) == 4


def test_a_subset_overstates_information_and_says_so():
    """The information comes out too high, the divergence too low, by the same amount, less with more components."""
    known = LinearGaussian(num_rows=30)
    exact = parts(same_draws(*known.args, num_particles=20))
    excess = []
    for num in (1, 5, 20):
        runs = [parts(same_draws(*known.args, num_particles=20, num_components=num, seed=seed)) for seed in range(20)]
        exact_runs = [parts(same_draws(*known.args, num_particles=20, seed=seed)) for seed in range(20)]
        bias = torch.stack(runs) - torch.stack(exact_runs)
        torch.testing.assert_close(bias[:, 0], torch.zeros(20))
        torch.testing.assert_close(bias[:, 3], torch.zeros(20))
        torch.testing.assert_close(bias[:, 1], -bias[:, 2])
        excess.append(bias[:, 1].mean())
        # Twenty runs, 6 standard errors from 0: fails once in 10^5 seeds.
        assert excess[-1] > 6 * bias[:, 1].std() / 20**0.5
    assert excess[0] > 2 * excess[1] > 4 * excess[2]
    assert exact[1] < math.log(30)
    complete = same_draws(*known.args, num_particles=20, num_components=29)
    torch.testing.assert_close(parts(complete), exact)


def test_a_subset_estimates_the_average_density_without_bias():
    # Twelve draws, 4,000 subsets, 6 standard errors: fails once in 10^7 seeds.
    known = LinearGaussian(num_rows=6)
    draws = aggregated.Draws()
    with torch.no_grad():
        z = known.vae.posterior(known.x).expand([2, 6]).sample()
        q = known.vae.posterior(known.x).expand([2, 6])
    draws.note({"name": "z", "fn": q, "value": z, "is_observed": False, "infer": {}, "mask": None})
    posteriors = aggregated.AllPosteriors(known.vae.guide, known.x, None, draws, batch_size=10, max_pairs=1000)
    own = q.log_prob(z).detach()
    exact = posteriors.log_mean(own, None).exp()
    runs = torch.stack([posteriors.log_mean(own, 1).exp() for _ in range(4000)])
    expect_mean(runs, exact)


def test_far_apart_is_all_information_there_is():
    known = LinearGaussian(num_rows=12, noise=1e-3)
    found = infer.elbo_surgery(*known.args)
    assert found.mutual_information == pytest.approx(math.log(12), abs=1e-6)


def test_units_that_say_nothing_are_not_active():
    known = LinearGaussian(num_rows=50)
    with torch.no_grad():
        known.vae.posterior.net.weight[1] = 0.0
    found = infer.elbo_surgery(*known.args)
    assert (found.active_units, found.num_latents, found.num_rows) == (1, 2, 50)
    assert "1 of 2 units active, 50 data" in str(found)


def test_several_sites_and_discrete_ones():
    """A binary and a real latent, of plain programs; the binary one's information by hand."""

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            k = pyro.sample("k", dist.Bernoulli(0.5))
            z = pyro.sample("z", dist.Normal(k, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("k", dist.Bernoulli((x > 0).to(x) * 0.8 + 0.1))
            pyro.sample("z", dist.Normal(torch.zeros_like(x), 1.0))

    # Half of the data say 0.9, half 0.1; the average says 0.5. 40,000 draws, standard error 0.005 at most.
    x = torch.tensor([-1.0, 1.0]).repeat(10)
    found = infer.elbo_surgery(model, guide, x, num_particles=2000)
    expected = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    assert found.mutual_information == pytest.approx(expected, abs=0.03)
    assert found.num_latents == 2
    assert found.active_units == 1


def test_masked_rows_count_for_nothing():
    known = LinearGaussian(num_rows=6)

    def masked(program):
        def run(x):
            with pyro.poutine.mask(mask=torch.zeros(len(x), dtype=torch.bool)):
                program(x)

        return run

    found = infer.elbo_surgery(masked(known.vae.model), masked(known.vae.guide), known.x)
    torch.testing.assert_close(parts(found), torch.zeros(4))


def test_flows_and_contexts():
    vae = models.vae(4, 2, context_dim=3, prior=flows.realnvp(2, 3), hidden_dims=(8,))
    x, context = torch.rand(9, 4).round(), torch.randn(9, 3)
    found = same_draws(vae.model, vae.guide, x, context, batch_size=4)
    torch.testing.assert_close(parts(found), parts(same_draws(vae.model, vae.guide, x, context, batch_size=4)))
    pyro.set_rng_seed(7)
    losses = [
        infer.ReparameterizedELBO().differentiable_loss(vae.model, vae.guide, x[i : i + 4], context[i : i + 4])
        for i in (0, 4, 8)
    ]
    assert found.elbo == pytest.approx(-torch.stack(losses).sum().item() / 9, abs=1e-8)


def test_standard_error_is_that_of_the_data():
    known = LinearGaussian(num_rows=40)
    found = infer.elbo_surgery(*known.args, num_particles=2000)
    assert found.standard_error == pytest.approx(known.elbo().std().item() / 40**0.5, rel=0.1)
