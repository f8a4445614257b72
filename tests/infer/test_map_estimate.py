import math

import pyro.distributions as dist
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from pyrodgm import Neural, flows, heads, infer, nn
from pyrodgm.infer.descend import descend
from tests.infer.conjugate import OneNumber


class Logit(heads.Bernoulli):
    """One binary variable, given its logit."""

    def __init__(self):
        super().__init__(())


def classes(num=60):
    context = torch.randn(num, 3)
    x = (context @ torch.tensor([1.0, -2.0, 0.5]) + torch.randn(num) > 0.3).double()
    return x, context


def test_logistic_regression_is_scikit_learn_s():
    x, context = classes()
    bayes = infer.bayesian(Neural(torch.nn.Linear(3, 1), Logit()), {"*weight": 0.7, "*bias": math.inf})
    fit = infer.map_estimate(bayes, x, context, num_steps=1000, lr=0.05).point()
    reference = LogisticRegression(C=0.7**2, tol=1e-10, max_iter=1000).fit(context.numpy(), x.numpy())
    torch.testing.assert_close(fit["net.weight"], torch.from_numpy(reference.coef_), rtol=0, atol=1e-4)
    torch.testing.assert_close(fit["net.bias"], torch.from_numpy(reference.intercept_), rtol=0, atol=1e-4)


def test_a_flat_prior_gives_maximum_likelihood():
    x, context = classes()
    likelihood = Neural(torch.nn.Linear(3, 1), Logit())
    fit = infer.map_estimate(infer.bayesian(likelihood, math.inf), x, context, num_steps=1000, lr=0.05)
    optimizer = torch.optim.LBFGS(likelihood.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = -likelihood(context).log_prob(x).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert fit.losses[-1] == pytest.approx(closure().item(), abs=1e-4)
    for name, parameter in likelihood.named_parameters():
        torch.testing.assert_close(fit.point()[name], parameter.detach(), rtol=0, atol=1e-2)


def test_mini_batches_estimate_the_same_loss():
    x = torch.randn(40, 2)
    bayes = infer.bayesian(flows.maf(2, num_layers=1, hidden_dims=(4,)), 1.0)
    whole = infer.map_estimate(bayes, x, num_steps=1).losses[0]
    # Losses at a step size of next to nothing are of one point; batches without replacement add up to the whole.
    parts = infer.map_estimate(bayes, x, num_steps=5, batch_size=8, lr=1e-300).losses
    assert sum(parts) / 5 == pytest.approx(whole)


def test_what_has_no_prior_stays():
    flow = flows.realnvp(2, num_layers=2, hidden_dims=(4,))
    bayes = infer.bayesian(flow, {"*.weight": 1.0})
    x = torch.randn(20, 2)
    point = infer.map_estimate(bayes, x, num_steps=5).point()
    assert all(name.endswith(".weight") for name in point)
    biases = {name: value for name, value in flow.state_dict().items() if name.endswith(".bias")}
    flow.load_state_dict(point | biases)
    torch.testing.assert_close(bayes.at(point).log_prob(x), flow().log_prob(x))


def scaled(scale):
    return dist.Normal(0.0, scale)


def test_a_positive_weight_stays_positive():
    x = 0.3 * torch.randn(50)
    fit = infer.map_estimate(infer.bayesian(OneNumber(scaled, 2.0), dist.Gamma(2.0, 1.0)), x, num_steps=500, lr=0.05)
    # d/ds of (2 - 1) log s - s - n log s - sum x^2 / (2 s^2) is zero
    s = fit.point()["theta"]
    assert (1 / s - 1 - 50 / s + x.square().sum() / s**3).abs() < 1e-3 * 50 / s


def test_a_long_gradient_is_shortened():
    value = torch.zeros(2)
    value.grad = torch.zeros(2)
    lengths = iter([1.0, 1.0, 1e6, 1.0])

    def evaluate():
        value.grad.copy_(torch.tensor([next(lengths), 0.0]))
        return torch.zeros(())

    seen = []
    step = torch.optim.Adam.step
    torch.optim.Adam.step = lambda self: (seen.append(value.grad[0].item()), step(self))[1]
    try:
        descend([value], evaluate, num_steps=4, lr=0.1)
    finally:
        torch.optim.Adam.step = step
    assert seen == pytest.approx([1.0, 1.0, 10.0, 1.0])


def net():
    return Neural(nn.MLP(1, 2, hidden_dims=(4,)), heads.Normal(1))


def test_the_best_member_comes_first():
    x, context = torch.randn(30, 1), torch.randn(30, 1)
    bayes = infer.bayesian(net(), 1.0)
    fit = infer.ensemble(bayes, x, context, num_members=4, num_steps=30)
    members = [{name: value[k] for name, value in fit.representatives(1).items()} for k in range(4)]
    scores = [(bayes.log_likelihood(w, x, context).sum() + bayes.log_prior(w)).item() for w in members]
    assert max(scores) == scores[0]
    assert -scores[0] == pytest.approx(fit.losses[-1], abs=1e-2)
    assert torch.equal(fit.point()["net.layers.0.weight"], members[0]["net.layers.0.weight"])


def test_members_start_elsewhere():
    bayes = infer.bayesian(net(), 1.0)
    still = {"num_members": 3, "num_steps": 1, "lr": 1e-300}
    x, context = torch.randn(30, 1), torch.randn(30, 1)
    own = torch.cat([parameter.detach().flatten() for parameter in bayes.module.parameters()])
    permuted = infer.ensemble(bayes, x, context, **still).members
    assert len({tuple(member.tolist()) for member in permuted}) == 3
    torch.testing.assert_close(permuted.sort(1).values, own.sort().values.expand(3, -1))
    assert any(torch.equal(member, own) for member in permuted)
    built = [net(), net()]
    starts = [torch.cat([parameter.detach().flatten() for parameter in one.parameters()]) for one in built]
    members = infer.ensemble(bayes, x, context, build=built.pop, **still).members
    assert all(any(torch.equal(member, start) for member in members) for start in (own, *starts))
