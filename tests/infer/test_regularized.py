"""Penalties of parts, added to any objective, once, in training alone."""

import dataclasses

import pyro
import pytest
import torch
from pyro.infer import Trace_ELBO

from pyrodgm import Embedded, Neural, flows, heads, infer, models, nn, testing, train

SETTINGS = {"hidden_dims": (8,), "solver": "rk4", "step_size": 0.5, "kinetic_weight": 0.3, "jacobian_weight": 0.1}
OBJECTIVES = [Trace_ELBO(), infer.ReparameterizedELBO(), None]


def density(**kwargs):
    return models.Density(testing.perturb(flows.cnf(2, **(SETTINGS | kwargs)), 0.3))


def penalty_of(flow, x):
    """Return log-densities, and what this pass leaves."""
    log_prob = flow().log_prob(x)
    penalty, flow.bijection.penalty = flow.bijection.penalty, None
    return log_prob, penalty


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: type(objective).__name__)
@pytest.mark.parametrize("adjoint", ["torchdiffeq", "checkpoint", None])
def test_the_loss_is_the_objectives_and_a_penalty_for_each_datum(objective, adjoint):
    model, x = density(adjoint=adjoint), torch.randn(5, 2)
    loss = infer.Regularized(objective)(model.model, model.guide)
    log_prob, penalty = penalty_of(model.conditional, x)
    assert penalty > 0
    expected = -log_prob.sum() + 5 * penalty
    torch.testing.assert_close(loss(x), expected)
    parameters = list(model.parameters())
    gradients = [torch.autograd.grad(value, parameters) for value in (loss(x), expected)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(loss(x, size=50), 10 * expected)
    assert [id(parameter) for parameter in loss.parameters()] == [id(parameter) for parameter in parameters]


def test_a_penalty_is_consumed_and_one_of_another_pass_does_not_count():
    model, x = density(), torch.randn(5, 2)
    loss = infer.Regularized()(model.model, model.guide)
    expected = loss(x).detach()
    assert model.conditional.bijection.penalty is None
    model.conditional().log_prob(100 * x)
    assert model.conditional.bijection.penalty is not None
    torch.testing.assert_close(loss(x).detach(), expected)
    stale = models.vae(4, 2, prior=density().conditional, hidden_dims=(8,))
    stale.prior.bijection.penalty = torch.tensor(1e6)
    with torch.no_grad():  # no pass of this kind sets a new one
        assert infer.Regularized()(stale.model, stale.guide)(torch.ones(3, 4)) < 1e4


def test_evaluation_and_models_without_penalties_are_left_alone():
    x = torch.randn(5, 2)
    for model in (density().eval(), density(kinetic_weight=0.0, jacobian_weight=0.0)):
        plain = infer.ReparameterizedELBO()(model.model, model.guide)
        regularized = infer.Regularized()(model.model, model.guide)
        torch.testing.assert_close(regularized(x), plain(x))
        assert model.conditional.bijection.penalty is None


def test_each_module_of_model_and_guide_counts_once():
    prior = testing.perturb(flows.cnf(2, **SETTINGS), 0.3)
    posterior = Embedded(nn.MLP(4, 3), testing.perturb(flows.cnf(2, 3, **SETTINGS), 0.3))
    vae, x = models.vae(4, 2, prior=prior, posterior=posterior, hidden_dims=(8,)), torch.rand(6, 4).round()
    pyro.set_rng_seed(0)
    plain = infer.ReparameterizedELBO()(vae.model, vae.guide)(x)
    penalties = [flow.bijection.penalty for flow in (prior, posterior.conditional)]
    assert all(penalty > 0 for penalty in penalties)
    pyro.set_rng_seed(0)
    regularized = infer.Regularized()(vae.model, vae.guide)(x)
    torch.testing.assert_close(regularized, plain + 6 * sum(penalties))


def test_a_module_of_ones_own_takes_part():
    class Weighted(nn.MLP):
        penalty = None

        def forward(self, x, context=None):
            if self.training:
                self.penalty = self.layers[0].weight.square().sum()
            return super().forward(x, context)

    net = Weighted(4, 4, hidden_dims=(8,))
    vae, x = models.vae(4, 2, posterior=Neural(net, heads.Normal(2)), hidden_dims=(8,)), torch.ones(3, 4)
    pyro.set_rng_seed(0)
    plain = infer.ReparameterizedELBO()(vae.model, vae.guide)(x)
    pyro.set_rng_seed(0)
    regularized = infer.Regularized()(vae.model, vae.guide)(x)
    torch.testing.assert_close(regularized, plain + 3 * net.layers[0].weight.square().sum())


def test_a_penalty_makes_paths_straighter():
    torch.manual_seed(0)
    x = torch.randn(64, 2) * torch.tensor([3.0, 0.3]) + 1
    energies = []
    for weight in (0.0, 1.0):
        torch.manual_seed(1)
        flow = flows.cnf(2, **(SETTINGS | {"adjoint": "checkpoint", "kinetic_weight": weight, "jacobian_weight": 0.0}))
        model = models.Density(flow)
        loss = infer.Regularized()(model.model, model.guide)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(60):
            optimizer.zero_grad()
            (loss(x) / len(x)).backward()
            optimizer.step()
        flow.bijection.weights = dataclasses.replace(flow.bijection.weights, kinetic=1.0)
        energies.append(penalty_of(flow, x)[1])
    assert energies[1] < 0.8 * energies[0]


def test_reports_are_free_of_it():
    model, x = density(), torch.randn(5, 2)
    module = train.Training(model, objective=infer.Regularized())
    with_penalty = module.training_step((x, None), 0)
    log_prob, penalty = penalty_of(model.conditional, x)
    torch.testing.assert_close(with_penalty, penalty - log_prob.mean())
    module.eval()
    torch.testing.assert_close(module.loss(x), -log_prob.mean())
