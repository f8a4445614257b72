import copy
import math

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import Neural, heads, infer, nn
from pyrodgm import autoregressive as ar
from pyrodgm.infer.energy import Energy
from pyrodgm.infer.flat_weights import FlatWeights
from pyrodgm.infer.mean_field_steps import MeanFieldSteps
from pyrodgm.infer.variational_steps import VariationalSteps
from tests.infer.conjugate import CASES, LinearRegression

ERRORS = 4.0  # standard errors; a normal exceeds them once in 15,000 comparisons


def test_the_gradient_is_zero_at_the_known_optimum():
    regression = LinearRegression()
    flat = FlatWeights(regression.bayes)
    scale = regression.precision.diagonal().rsqrt()
    with torch.no_grad(), Energy(regression.bayes, flat, regression.x, regression.context) as energy:
        steps = MeanFieldSteps(energy, 1.0, 1)
        steps.loc.copy_(regression.mean)
        steps.log_scale.copy_(scale.log())
        gradients, losses = [], []
        for _ in range(1000):
            pair = []
            for _ in range(2):  # the second draw mirrors the first
                losses.append(steps())
                pair.append(torch.cat((steps.loc.grad, steps.log_scale.grad)))
            gradients.append(sum(pair) / 2)
        gradients = torch.stack(gradients)
    error = gradients.std(0) / math.sqrt(len(gradients))
    assert (gradients.mean(0).abs() < ERRORS * error + 1e-9).all()
    # The negative ELBO is minus the evidence plus the divergence of two normals, known in closed form.
    q = dist.MultivariateNormal(regression.mean, torch.diag(scale**2))
    exact = dist.MultivariateNormal(regression.mean, regression.covariance)
    expected = -regression.log_evidence + torch.distributions.kl_divergence(q, exact)
    losses = torch.stack(losses)
    assert (losses.mean() - expected).abs() < ERRORS * losses.std() / math.sqrt(len(losses))


@pytest.mark.parametrize("prior", [0.5, {"*weight": 0.5, "*": 2.0}, dist.Laplace(0.0, 1.0), dist.Normal(0.3, 1.0)])
def test_the_written_gradient_is_autograd_s(prior):
    bayes = infer.bayesian(Neural(nn.MLP(2, 2, hidden_dims=(3,)), heads.Normal(1)), prior)
    flat = FlatWeights(bayes)
    x, context = torch.randn(8, 1), torch.randn(8, 2)
    with torch.no_grad(), Energy(bayes, flat, x, context) as energy:
        ours = MeanFieldSteps(energy, 0.3, 2)
        ours.loc += 0.1 * torch.randn_like(ours.loc)
        loc, log_scale = (value.clone().requires_grad_() for value in (ours.loc, ours.log_scale))
        loss = ours()
        noise = ours._now

        def draw(num):
            u = loc + log_scale.exp() * torch.stack((noise, -noise))
            entropy = log_scale.sum() + 0.5 * (1 + math.log(2 * math.pi)) * len(loc)
            if flat.gaussian is None:
                return u, -entropy
            return u, -entropy - flat.gaussian.expected(loc, (2 * log_scale).exp())

        other = VariationalSteps(energy, [loc, log_scale], draw, 2)()
    torch.testing.assert_close(loss, other)
    torch.testing.assert_close(ours.loc.grad, loc.grad)
    torch.testing.assert_close(ours.log_scale.grad, log_scale.grad)


def test_energy_and_gradient_are_those_of_the_component():
    for name in CASES:
        case = CASES[name]()
        flat = FlatWeights(case.bayes)
        with Energy(case.bayes, flat, case.x, None) as energy:
            energy.u.add_(0.1)
            value = energy()
        leaf = energy.u.clone().requires_grad_()
        expected = -case.bayes.log_likelihood(flat.weights(leaf), case.x).sum()
        torch.testing.assert_close(value, expected.detach())
        torch.testing.assert_close(energy.gradient, torch.autograd.grad(expected, leaf)[0])
        torch.testing.assert_close(flat.vector(flat.weights(leaf)), leaf)


def test_the_component_is_restored_after_an_error():
    bayes = infer.bayesian(Neural(nn.MLP(2, 2, hidden_dims=(3,)), heads.Normal(1)), 1.0)
    own, state = list(bayes.module.parameters()), copy.deepcopy(bayes.module.state_dict())
    with pytest.raises(FloatingPointError, match=r"Expected a finite loss and gradient; got .* at step"):
        infer.mean_field(bayes, torch.randn(8, 1), torch.randn(8, 2), lr=1e200, num_steps=9)
    assert all(one is other for one, other in zip(bayes.module.parameters(), own, strict=True))
    assert all(torch.equal(state[name], value) for name, value in bayes.module.state_dict().items())
    assert bayes.module.training
    assert torch.distributions.Distribution._validate_args


def test_a_made_learns_more_than_its_prior():
    x = (torch.rand(60, 5) < 0.2).double()
    bayes = infer.bayesian(ar.made(5, hidden_dims=(8,)), 1.0)
    fit = infer.mean_field(bayes, x, num_steps=300, lr=0.03, batch_size=20)
    p = infer.predictive(fit, num_draws=50)
    assert p.log_prob(x).mean() > 5 * math.log(0.5) + 0.5
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 5)
    assert p.log_prob(every).logsumexp(0).item() == pytest.approx(0.0, abs=1e-9)
    assert len(fit.losses) == 300
    assert fit.seconds > 0


def test_densities_of_draws():
    regression = LinearRegression()
    for fit in (
        infer.mean_field(regression.bayes, regression.x, regression.context, num_steps=5),
        infer.low_rank(regression.bayes, regression.x, regression.context, num_steps=5, rank=1),
    ):
        covariance = torch.diag((2 * fit.log_scale).exp())
        if isinstance(fit, infer.LowRank):
            covariance = covariance + fit.factor @ fit.factor.T
        exact = torch.distributions.MultivariateNormal(fit.loc, covariance)
        draws = fit.draw(6)
        torch.testing.assert_close(fit.log_density(draws), exact.log_prob(draws["weight"]))
        assert torch.equal(fit.point()["weight"], fit.loc)
