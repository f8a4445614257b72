"""Autoregressive models of vectors: every strategy draws alike, and each model is what its formula says."""

import itertools

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, testing

ORDER = [3, 6, 1, 8, 4, 0, 7, 2, 5]
BUILDERS = {
    "fvsbn": lambda context_dim, head: ar.fvsbn(9, context_dim, order=ORDER, head=head),
    "per_conditional_mlp": lambda context_dim, head: ar.per_conditional_mlp(9, context_dim, order=ORDER, head=head),
    "nade": lambda context_dim, head: ar.nade(9, context_dim, hidden_dim=12, order=ORDER, head=head),
    "made": lambda context_dim, head: ar.made(9, context_dim, hidden_dims=(24, 25), head=head),
    "made, direct": lambda context_dim, head: ar.made(9, context_dim, hidden_dims=(24,), direct=True, head=head),
    "made, orders": lambda context_dim, head: ar.made(9, context_dim, hidden_dims=(24,), num_orders=3, head=head),
}
STRATEGIES = (ar.Incremental(), ar.FixedPoint(), ar.Sequential())


def draws(model, *args, **kwargs):
    torch.manual_seed(1)
    return model.sample(*args, **kwargs)


def trained(model, x, context):
    """Some steps of maximum likelihood, after which weights are no longer what they were drawn as."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    before = -model(context).log_prob(x).mean()
    for _ in range(30):
        loss = -model(context).log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < before - 0.5
    return model


@pytest.mark.parametrize("context_dim", [0, 3])
@pytest.mark.parametrize("num_levels", [2, 4])
@pytest.mark.parametrize("name", BUILDERS)
def test_discrete_draws_are_bit_equal(name, num_levels, context_dim):
    head = heads.Bernoulli() if num_levels == 2 else heads.Categorical(num_levels)
    model = testing.perturb(BUILDERS[name](context_dim, head), 0.4)
    context = torch.randn(4, 3) if context_dim else None
    rows = torch.randn(60, 3) if context_dim else None
    x = torch.randint(num_levels, (60, 1)).expand(60, 9).double()
    for state in ("perturbed", "trained"):
        for shape in ((), (50,)):
            expected = draws(model, shape, context)
            assert expected.shape == (*shape, *((4,) if context_dim else ()), 9)
            for strategy in STRATEGIES:
                assert torch.equal(draws(model, shape, context, strategy=strategy), expected)
        if state == "perturbed":
            trained(model, x, rows)


@pytest.mark.parametrize("component", [heads.MixtureNormal, heads.MixtureLaplace])
def test_real_draws_are_equal_to_rounding(component):
    model = testing.perturb(ar.rnade(11, 3, num_components=10, component=component, order=torch.randperm(11)), 0.3)
    context = torch.randn(4, 3)
    expected = draws(model, (50,), context, strategy=ar.Sequential())
    for strategy in STRATEGIES:
        torch.testing.assert_close(draws(model, (50,), context, strategy=strategy), expected, rtol=1e-9, atol=1e-9)


def test_fvsbn_is_a_logistic_regression_of_each_on_those_before():
    model = testing.perturb(ar.fvsbn(4, 2, order=[2, 0, 3, 1]), 0.5)
    x, context = torch.rand(7, 4).round(), torch.randn(7, 2)
    (layer,) = model.net.linears
    expected = 0.0
    for k, i in enumerate([2, 0, 3, 1]):
        before = [2, 0, 3, 1][:k]
        logit = layer.bias[i] + x[:, before] @ layer.weight[i, before] + context @ model.net.context_layer.weight[i]
        expected = expected + torch.where(x[:, i] == 1, logit.sigmoid(), 1 - logit.sigmoid()).log()
    torch.testing.assert_close(model(context).log_prob(x), expected)


def test_rnade_is_a_mixture_of_normals_in_each_variable():
    model = testing.perturb(ar.rnade(3, num_components=2, hidden_dim=4), 0.5)
    x = torch.randn(7, 3)
    params, expected = model.net(x), 0.0
    for i in range(3):
        expected = expected + model.head(params[:, i]).log_prob(x[:, i])
    torch.testing.assert_close(model().log_prob(x), expected)


@pytest.mark.parametrize("build", [ar.fvsbn, ar.per_conditional_mlp, ar.nade, ar.made])
def test_a_model_of_eight_binary_variables_sums_to_one_in_float32(build):
    model = testing.perturb(build(8).float(), 0.3)
    values = torch.tensor(list(itertools.product((0.0, 1.0), repeat=8)), dtype=torch.float32)
    torch.testing.assert_close(model().log_prob(values).exp().sum().double(), torch.tensor(1.0), rtol=1e-5, atol=0)


@pytest.mark.parametrize("build", [ar.fvsbn, ar.per_conditional_mlp, ar.nade, ar.made])
def test_one_variable(build):
    model = build(1)
    torch.testing.assert_close(model().log_prob(torch.tensor([[0.0], [1.0]])).exp().sum(), torch.tensor(1.0))
    assert model.sample((5,)).shape == (5, 1)
