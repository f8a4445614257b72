"""Every public object passes the contract of its kind, on every case."""

import pytest
import torch

from pyrodgm import heads, models, nn, testing, transforms
from pyrodgm.conditional import Neural
from tests import cases


@pytest.mark.parametrize("name", cases.HEADS)
def test_head(name):
    testing.check_head(cases.HEADS[name]())


@pytest.mark.parametrize("name", cases.UNIVARIATES)
def test_univariate(name):
    testing.check_univariate(cases.UNIVARIATES[name]())


@pytest.mark.parametrize("name", cases.BIJECTIONS)
def test_bijection(name):
    testing.check_bijection(*cases.BIJECTIONS[name])


@pytest.mark.parametrize("name", cases.CAUSAL_NETS)
def test_causal_net(name):
    make, sees_all, num_levels = cases.CAUSAL_NETS[name]
    testing.check_causal_net(make(), sees_all=sees_all, num_levels=num_levels)


@pytest.mark.parametrize("name", cases.NETWORKS)
def test_network(name):
    make, input_shape, output_dim = cases.NETWORKS[name]
    testing.check_network(make(), input_shape, output_dim)


@pytest.mark.parametrize("name", cases.CONDITIONALS)
def test_conditional(name):
    make, integrates = cases.CONDITIONALS[name]
    testing.check_conditional(make, integrates=integrates)


@pytest.mark.parametrize("name", cases.MODELS)
def test_model(name):
    make, kind, context_dim = cases.MODELS[name]
    x = torch.rand(8, 6).round() if kind == "binary" else torch.randn(8, 6)
    testing.check_model(make, x, torch.randn(8, context_dim) if context_dim else None)


FLOAT32 = {
    "univariate": lambda: testing.check_univariate(transforms.RationalQuadraticSpline()),
    "bijection": lambda: testing.check_bijection(
        lambda: transforms.Coupling(3, transforms.Affine(), nn.MLP(1, 2 * 2)), 3
    ),
    "conditional": lambda: testing.check_conditional(lambda: Neural(nn.MLP(2, 6), heads.Normal(3))),
    "network": lambda: testing.check_network(nn.MLP(2, 3), (2,), 3),
    "model": lambda: testing.check_model(lambda: models.vae(6, 2, hidden_dims=(4,)), torch.rand(8, 6).round()),
}


@pytest.mark.parametrize("name", FLOAT32)
def test_contracts_hold_under_a_float32_default(name):
    torch.set_default_dtype(torch.float32)
    FLOAT32[name]()
    assert torch.get_default_dtype() == torch.float32
