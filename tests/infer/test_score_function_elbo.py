"""Gradients by scores against exact ones, of continuous and of discrete latents."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroModule
from torch import nn

from pyrodgm import infer, models
from tests.infer.linear_gaussian import LinearGaussian

BASELINES = [None, "average", "leave_one_out"]


@pytest.mark.parametrize("baseline", BASELINES)
def test_no_bias_on_continuous_latents(baseline):
    # Ten parameters within 6 standard errors of 50 draws of 40 copies of 6 data: fails once in 10^5 seeds.
    known = LinearGaussian(shift=0.3).repeat(40)
    objective = {"score": infer.ScoreFunctionELBO(4, baseline=baseline)}
    found = infer.gradient_variance(*known.args, objectives=objective, num_samples=50)["score"]
    error = (found.variance / found.num_samples).sqrt()
    assert ((found.mean - known.guide_gradient()).abs() < 6 * error).all()


def test_baselines_take_away_noise():
    # A variance of 100 gradients is known to a third or better; the ratios are about 4, 4 and 5.
    known = LinearGaussian(shift=0.3)
    objectives = {str(name): infer.ScoreFunctionELBO(4, baseline=name) for name in BASELINES}
    objectives["reparameterized"] = infer.ReparameterizedELBO(4)
    found = infer.gradient_variance(*known.args, objectives=objectives, num_samples=100)
    variances = {name: moments.total_variance for name, moments in found.estimators.items()}
    assert variances["None"] > 1.5 * variances["average"]
    assert variances["None"] > 1.5 * variances["leave_one_out"]
    assert variances["average"] > 1.5 * variances["reparameterized"]
    assert variances["leave_one_out"] > 1.5 * variances["reparameterized"]


@pytest.mark.parametrize("baseline", BASELINES)
def test_value_and_the_models_gradient_are_the_elbos(baseline):
    known = LinearGaussian(shift=0.3)
    parameters = list(known.vae.likelihood.parameters())
    results = []
    for objective in (infer.ImportanceWeightedELBO(3, alpha=1.0), infer.ScoreFunctionELBO(3, baseline=baseline)):
        pyro.set_rng_seed(0)
        loss = objective(*known.args[:2])(known.x, size=60)
        results.append((loss.detach(), *torch.autograd.grad(loss, parameters)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


class Switch(PyroModule):
    """The guide of a binary latent: q(z = 1 | x) by a line."""

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(1, 1)

    def forward(self, x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Bernoulli(logits=self.line(x.unsqueeze(-1)).squeeze(-1)))


class Mixture(PyroModule):
    """z ~ Bernoulli, x ~ N(loc_z, 1)."""

    def __init__(self):
        super().__init__()
        self.loc = nn.Parameter(torch.tensor([-1.0, 2.0]))

    def forward(self, x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Bernoulli(0.3))
            pyro.sample("x", dist.Normal(self.loc[z.long()], 1.0), obs=x)


def exact_elbo(model, guide, x):
    """Sum over both values of the latent."""
    q = dist.Bernoulli(logits=guide.line(x.unsqueeze(-1)).squeeze(-1))
    total = 0.0
    for value in (0.0, 1.0):
        z = torch.full_like(x, value)
        log_w = dist.Bernoulli(0.3).log_prob(z) + dist.Normal(model.loc[int(value)], 1.0).log_prob(x) - q.log_prob(z)
        total = total + (q.log_prob(z).exp() * log_w).sum()
    return total


@pytest.mark.parametrize("baseline", BASELINES)
def test_no_bias_on_discrete_latents(baseline):
    # Four parameters, of model and guide, and the value, within 6 standard errors of 50 draws of 40
    # copies of 3 data: fails once in 10^5 seeds.
    model, guide, x = Mixture(), Switch(), torch.tensor([-1.2, 0.4, 1.9]).repeat(40)
    parameters = [*guide.parameters(), *model.parameters()]
    exact = -exact_elbo(model, guide, x)
    gradients = torch.autograd.grad(exact, parameters)
    expected = torch.cat([exact.detach().reshape(1), *(gradient.flatten() for gradient in gradients)])
    objective = infer.ScoreFunctionELBO(3, baseline=baseline)(model, guide)
    draws = []
    for _ in range(50):
        loss = objective(x)
        parts = torch.autograd.grad(loss, parameters)
        draws.append(torch.cat([loss.detach().reshape(1), *(part.flatten() for part in parts)]))
    draws = torch.stack(draws)
    assert ((draws.mean(0) - expected).abs() < 6 * draws.std(0) / len(draws) ** 0.5).all()


def test_leave_one_out_by_hand():
    model, guide, x = Mixture(), Switch(), torch.tensor([0.5])
    pyro.set_rng_seed(5)
    loss = infer.ScoreFunctionELBO(12, baseline="leave_one_out")(model, guide)(x)
    found = torch.autograd.grad(loss, list(guide.parameters()))
    pyro.set_rng_seed(5)
    q = dist.Bernoulli(logits=guide.line(x.unsqueeze(-1)).squeeze(-1))
    z = q.sample((12,))
    assert 0 < z.sum() < 12
    signal = dist.Bernoulli(0.3).log_prob(z) + dist.Normal(model.loc[z.long()], 1.0).log_prob(x) - q.log_prob(z)
    others = torch.stack([torch.cat([signal[:k], signal[k + 1 :]]).mean(0) for k in range(12)])
    surrogate = -((signal - others).detach() * q.log_prob(z)).mean(0).sum()
    torch.testing.assert_close(found, torch.autograd.grad(surrogate, list(guide.parameters())))


def test_the_average_is_of_the_batches_before():
    known = LinearGaussian()
    objective = infer.ScoreFunctionELBO(2, baseline="average")
    signals = []
    for _ in range(3):
        signals.append(-objective.differentiable_loss(*known.args).item() / len(known.x))
    expected = 0.9 * (0.9 * signals[0] + 0.1 * signals[1]) + 0.1 * signals[2]
    assert objective.average.item() == pytest.approx(expected)
    with torch.no_grad():
        objective.differentiable_loss(*known.args)
    assert objective.average.item() == pytest.approx(expected)


def test_a_vae_learns():
    x, vae = torch.rand(4, 30).round(), models.vae(30, 2, hidden_dims=(16,))
    loss_of = infer.ScoreFunctionELBO(8, baseline="leave_one_out")(vae.model, vae.guide)
    optimizer = torch.optim.Adam(loss_of.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = loss_of(x)
        loss.backward()
        optimizer.step()
        losses.append(loss.item() / 4)
    assert losses[-1] < losses[0] - 4


def test_the_average_by_hand():
    """One datum and one draw: what is subtracted is what was before, never the draw's own."""
    model, guide, x = Mixture(), Switch(), torch.tensor([0.5])
    objective = infer.ScoreFunctionELBO(1, baseline="average")
    before = 0.0
    for seed in range(4):
        pyro.set_rng_seed(seed)
        found = torch.autograd.grad(objective.differentiable_loss(model, guide, x), list(guide.parameters()))
        pyro.set_rng_seed(seed)
        q = dist.Bernoulli(logits=guide.line(x.unsqueeze(-1)).squeeze(-1))
        z = q.sample()
        signal = dist.Bernoulli(0.3).log_prob(z) + dist.Normal(model.loc[z.long()], 1.0).log_prob(x) - q.log_prob(z)
        surrogate = -((signal.detach() - before) * q.log_prob(z)).sum()
        torch.testing.assert_close(found, torch.autograd.grad(surrogate, list(guide.parameters())))
        before = objective.average
