import math

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import Neural, flows, heads, infer, nn
from pyrodgm import autoregressive as ar
from pyrodgm.infer.over_draws import log_likelihoods
from tests.infer.conjugate import CASES

ERRORS = 4.0  # standard errors; a normal exceeds them once in 15,000 comparisons


class Exact(infer.Posterior):
    """The closed form of a conjugate case."""

    def __init__(self, case):
        super().__init__(case.bayes)
        self.case = case

    def draw_flat(self, num):
        return self.flat.vector({"theta": self.case.posterior.sample((num,))})

    def point_flat(self):
        return self.flat.vector({"theta": self.case.mode})

    def log_density_flat(self, u):
        return self.case.posterior.log_prob(self.flat.weights(u)["theta"]) + self.flat.log_jacobian(u)


@pytest.mark.parametrize("name", CASES)
def test_conjugate_predictive_densities(name):
    case = CASES[name]()
    num = 4000
    p = infer.predictive(Exact(case), num_draws=num)
    density = log_likelihoods(case.bayes, p.draws, case.new).exp()
    error = density.std(0) / density.mean(0) / math.sqrt(num)
    assert ((p.log_prob(case.new) - case.predictive).abs() < ERRORS * error).all()


@pytest.mark.parametrize("name", CASES)
def test_the_exact_posterior_gives_the_evidence_without_error(name):
    case = CASES[name]()
    found = infer.evidence(Exact(case), case.x, num_draws=100)
    assert found.value == pytest.approx(case.log_evidence)
    assert found.standard_error == pytest.approx(0.0, abs=1e-6)
    assert found.k_hat == -math.inf


def fitted(bayes, x, context=None, num=6):
    posterior = infer.mean_field(bayes, x, context, num_steps=3, initial_scale=0.5)
    return posterior, infer.predictive(posterior, context, num_draws=num)


def test_densities_are_averaged_not_logits():
    bayes = infer.bayesian(ar.made(4, hidden_dims=(8,)), 1.0)
    x = torch.rand(9, 4).round()
    _, p = fitted(bayes, x)
    each = torch.stack([bayes.at({n: w[k] for n, w in p.draws.items()}).log_prob(x) for k in range(6)])
    torch.testing.assert_close(p.log_prob(x), each.exp().mean(0).log())
    point = p.dirac.weights
    torch.testing.assert_close(p.dirac.log_prob(x), bayes.log_likelihood(point, x))


def test_shapes_and_moments():
    bayes = infer.bayesian(Neural(nn.MLP(2, 4, hidden_dims=(4,)), heads.Normal(2)), 1.0)
    context = torch.randn(5, 2)
    _, p = fitted(bayes, torch.randn(5, 2), context)
    assert (p.batch_shape, p.event_shape) == ((5,), (2,))
    wide = p.expand((3, 5))
    assert wide.log_prob(torch.zeros(2)).shape == (3, 5)
    assert wide.sample((2,)).shape == (2, 3, 5, 2)
    num = 40_000
    x = p.sample((num,))
    assert ((x.mean(0) - p.mean).abs() < ERRORS * (p.variance / num).sqrt()).all()
    torch.testing.assert_close(x.var(0), p.variance, rtol=0.1, atol=0)
    assert p.sample((0,)).shape == (0, 5, 2)


def test_values_of_one_row_have_weights_of_their_own():
    # Of two draws of the weights far apart, four values come from both: all from one has a chance of 2^-19 for 20.
    bayes = infer.bayesian(Neural(torch.nn.Linear(1, 2), heads.Normal(1)), 1.0)
    context = torch.ones(20, 1)
    weights = {name: torch.stack((p - 50.0, p + 50.0)) for name, p in bayes.module.named_parameters()}
    weights = {name: value.detach() for name, value in weights.items()}
    p = infer.PredictiveDistribution(bayes, weights, {n: w[0] for n, w in weights.items()}, context)
    signs = p.sample().sign()
    assert 0 < (signs > 0).sum() < 20


def test_side_by_side_is_one_after_the_other():
    bayes = infer.bayesian(flows.maf(3, num_layers=2, hidden_dims=(8,)), 1.0)
    x = torch.randn(7, 3)
    _, p = fitted(bayes, x)
    mapped = p.log_prob(x)
    assert bayes.maps
    bayes.maps = False
    torch.testing.assert_close(mapped, p.log_prob(x))


def test_what_torch_cannot_map_is_looped_over():
    class Looking(torch.nn.Linear):
        def forward(self, x):
            out = super().forward(x)
            return out if out.sum().item() < math.inf else -out

    bayes = infer.bayesian(Neural(Looking(1, 2), heads.Normal(1)), 1.0)
    x, context = torch.randn(5, 1), torch.randn(5, 1)
    _, p = fitted(bayes, x, context)
    assert p.log_prob(x).shape == (5,)
    assert not bayes.maps


def test_all_members_of_an_ensemble_count():
    bayes = infer.bayesian(Neural(nn.MLP(1, 2, hidden_dims=(4,)), heads.Normal(1)), 1.0)
    x, context = torch.randn(9, 1), torch.randn(9, 1)
    posterior = infer.ensemble(bayes, x, context, num_members=3, num_steps=2)
    p = infer.predictive(posterior, context, num_draws=100)
    assert p.num_draws == 3
    each = log_likelihoods(bayes, posterior.flat.weights(posterior.members), x, context)
    torch.testing.assert_close(p.log_prob(x), each.logsumexp(0) - math.log(3))
    assert infer.predictive(infer.map_estimate(bayes, x, context, num_steps=2), context).num_draws == 1


def test_support_and_discrete_values():
    bayes = infer.bayesian(Neural(nn.MLP(1, 3, hidden_dims=(4,)), heads.Categorical(3)), 1.0)
    context = torch.randn(9, 1)
    x = dist.Categorical(torch.ones(3)).sample((9,))
    _, p = fitted(bayes, x, context)
    every = torch.arange(3.0)[:, None].expand(3, 9)
    assert p.log_prob(every).logsumexp(0).abs().max() < 1e-9
    assert p.support.check(p.sample()).all()
