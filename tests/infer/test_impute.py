"""Missing values against exact conditionals: a linear-Gaussian model, and a mixture that is enumerated."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from scipy import stats

from pyrodgm import Fixed, Neural, heads, infer, models, nn
from pyrodgm import autoregressive as ar

WEIGHT = torch.tensor([[1.2], [-0.7], [0.9]], dtype=torch.float64)  # x = w z + b + 0.5 e, z ~ N(0, 1)
BIAS = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64)
NOISE = 0.5
OBSERVED = torch.tensor([False, False, True])


class LinearNormal(torch.nn.Module):
    """Parameters of N(A v + b, scale^2), as the normal head reads them."""

    def __init__(self, weight, bias, scale):
        super().__init__()
        self.input_shape = (weight.shape[1],)
        self.weight, self.bias = weight, bias
        self.raw_scale = torch.tensor(scale - 1e-4).expm1().log() - heads.normal.UNIT_SCALE

    def forward(self, v):
        loc = v @ self.weight.t() + self.bias
        return torch.cat((loc, self.raw_scale.expand_as(loc)), -1)


def linear_gaussian(shift=0.0, widen=1.0):
    """Return a VAE whose guide is the exact posterior, but for a shift and a factor of its scale."""
    variance = 1 / (1 + WEIGHT.square().sum() / NOISE**2)
    gain = variance * WEIGHT.t() / NOISE**2
    posterior = LinearNormal(gain, -gain @ BIAS + shift, widen * variance.sqrt().item())
    return models.VAE(
        Fixed(dist.Normal(torch.zeros(1), 1.0).to_event(1)),
        Neural(LinearNormal(WEIGHT, BIAS, NOISE), heads.Normal(3)),
        Neural(posterior, heads.Normal(1)),
    )


def exact_conditional(x):
    """Return mean and scale of the first value given the last."""
    covariance = WEIGHT @ WEIGHT.t() + NOISE**2 * torch.eye(3)
    gain = covariance[0, 2] / covariance[2, 2]
    mean = BIAS[0] + gain * (x[2] - BIAS[2])
    return mean.item(), (covariance[0, 0] - gain * covariance[0, 2]).sqrt().item()


def p_value(vae, **kwargs):
    """Return the p-value of many draws of the first value under its exact conditional."""
    x = torch.tensor([math.nan, math.nan, -0.4])
    draws = infer.impute(vae.model, vae.guide, x.expand(4000, 3), **kwargs)
    assert torch.equal(draws[:, OBSERVED], x[OBSERVED].expand(4000, 1))
    return stats.kstest(draws[:, 0].numpy(), stats.norm(*exact_conditional(x)).cdf).pvalue


# Each test of a draw that is right fails once in 10^6 runs.
def test_the_chain_is_exact_where_the_guide_is():
    assert p_value(linear_gaussian(), num_steps=30) > 1e-6


def test_importance_weights_mend_a_guide_that_is_off_and_the_chain_does_not():
    """The bias of draws by 100 particles, about var(w) / 100 standard deviations, is below their error."""
    vae = linear_gaussian(shift=0.6, widen=1.6)
    assert p_value(vae, method="importance", num_steps=3, num_particles=100) > 1e-6
    assert p_value(vae, method="gibbs", num_steps=30) < 1e-6


PROBABILITIES = torch.tensor([[0.9, 0.8, 0.1, 0.7], [0.2, 0.1, 0.9, 0.3], [0.5, 0.9, 0.8, 0.1]], dtype=torch.float64)
PRIOR = torch.tensor([0.05, 0.15, 0.8], dtype=torch.float64)


def mixture(x, context=None):
    """A plain program with a discrete latent."""
    with pyro.plate("data", len(x), dim=-1):
        z = pyro.sample("z", dist.Categorical(PRIOR))
        pyro.sample("x", dist.Bernoulli(PROBABILITIES[z]).to_event(1), obs=x)


def guide_of(flatten):
    """Return the exact posterior over the latent, flattened by a power."""

    def guide(x, context=None):
        log_prob = dist.Bernoulli(PROBABILITIES).log_prob(x.unsqueeze(1)).sum(-1) + PRIOR.log()
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Categorical(logits=flatten * log_prob))

    return guide


@pytest.mark.parametrize(
    ("flatten", "settings"),
    [(1.0, {"num_steps": 40}), (0.3, {"method": "importance", "num_steps": 2, "num_particles": 60})],
    ids=["gibbs", "importance"],
)
def test_an_enumerated_mixture(flatten, settings):
    x = torch.tensor([1.0, math.nan, 0.0, math.nan])
    values = torch.cartesian_prod(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]))
    complete = x.repeat(4, 1)
    complete[:, [1, 3]] = values
    joint = (dist.Bernoulli(PROBABILITIES).log_prob(complete.unsqueeze(1)).sum(-1) + PRIOR.log()).logsumexp(-1).exp()
    expected = joint / joint.sum()
    num = 4000
    draws = infer.impute(mixture, guide_of(flatten), x.expand(num, 4), **settings)
    assert torch.equal(draws[:, [0, 2]], x[[0, 2]].expand(num, 2))
    counts = torch.stack([(draws[:, [1, 3]] == value).all(-1).sum() for value in values])
    # A true sampler fails once in 10^6 runs.
    assert stats.chisquare(counts.numpy(), num * expected.numpy()).pvalue > 1e-6


def test_a_hierarchy_and_a_context_and_a_mask_a_row():
    model = models.hierarchical_vae(6, (3, 2), inference="top_down", context_dim=2, hidden_dims=(8,))
    x, context = torch.rand(7, 6).round(), torch.randn(7, 2)
    observed = torch.rand(7, 6) < 0.5
    for settings in ({"num_steps": 2}, {"method": "importance", "num_steps": 0, "num_particles": 5}):
        filled = infer.impute(model.model, model.guide, x, observed, context, **settings)
        assert torch.equal(filled[observed], x[observed])
        assert ((filled == 0) | (filled == 1)).all()


def test_all_and_nothing_observed():
    vae = models.vae(6, 2, hidden_dims=(8,))
    x = torch.rand(7, 6).round()
    assert torch.equal(infer.impute(vae.model, vae.guide, x, num_steps=1), x)
    nothing = infer.impute(vae.model, vae.guide, torch.full_like(x, math.nan), method="importance", num_particles=3)
    assert ((nothing == 0) | (nothing == 1)).all()


def test_the_chain_goes_through_an_autoregressive_likelihood_of_images():
    likelihood = ar.pixelcnn((1, 4, 4), 2, num_layers=2, num_channels=4)
    posterior = Neural(nn.ConvEncoder((1, 4, 4), 4, channels=(4,)), heads.Normal(2))
    prior = Fixed(dist.Normal(torch.zeros(2), 1.0).to_event(1))
    vae = models.VAE(prior, likelihood, posterior)
    x = torch.rand(3, 1, 4, 4).round()
    observed = torch.ones(1, 4, 4, dtype=torch.bool)
    observed[:, 2:] = False
    filled = infer.impute(vae.model, vae.guide, x, observed, num_steps=2)
    assert filled.shape == x.shape
    assert torch.equal(filled[:, :, :2], x[:, :, :2])


def test_memory_is_bounded(monkeypatch):
    """No more rows at once than MAX_ROWS, however many data and particles."""
    import sys

    vae = models.vae(4, 2, hidden_dims=(8,))
    seen = []
    vae.posterior.net.register_forward_hook(lambda module, args, output: seen.append(len(args[0])))
    monkeypatch.setattr(sys.modules["pyrodgm.infer.impute"], "MAX_ROWS", 30)
    x = torch.rand(10, 4).round()
    infer.impute(vae.model, vae.guide, x, x > 2, method="importance", num_steps=1, num_particles=10)
    assert max(seen) == 30
    assert sum(seen) == 300  # a step of the chain, the draws, and their density under all chains
    assert infer.impute(vae.model, vae.guide, x, x > 2, num_steps=1).shape == (10, 4)


def test_the_parameter_store_stays_empty():
    vae = models.vae(4, 2, hidden_dims=(8,))
    infer.impute(vae.model, vae.guide, torch.full((3, 4), math.nan), num_steps=1)
    assert not list(pyro.get_param_store().keys())


def test_a_model_without_the_site_is_named():
    def model(y):
        with pyro.plate("data", len(y), dim=-1):
            pyro.sample("y", dist.Normal(0.0, 1.0), obs=y)

    with pytest.raises(ValueError, match=r"Expected a model with the observed site 'x'; got \['data', 'y'\]"):
        infer.impute(model, lambda y: None, torch.randn(4))
