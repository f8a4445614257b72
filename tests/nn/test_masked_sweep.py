"""Drawing block by block against the loop over all features."""

import pytest
import torch
from torch import nn as torch_nn

from pyrodgm import nn, testing, transforms


def loop(net, x, draw, context=None):
    """Draw by as many full passes as there are features."""
    y = torch.zeros_like(x)
    for i in net.order.tolist():
        y[..., i] = draw(x, net(y, context))[..., i]
    return y


@pytest.mark.parametrize("dim", [1, 2, 63, 64, 65, 130])
@pytest.mark.parametrize("context_dim", [0, 3])
@pytest.mark.parametrize("activation", [torch_nn.ReLU, torch_nn.Tanh])
def test_equals_the_loop(dim, context_dim, activation):
    order = torch.randperm(dim)
    net = nn.MaskedMLP(dim, 2, hidden_dims=(50, 70), context_dim=context_dim, order=order, activation=activation)
    x, context = torch.randn(2, 3, dim), torch.randn(3, context_dim) if context_dim else None
    draw = transforms.Affine().forward
    with torch.no_grad():
        y, params = nn.masked_sweep(net, x, draw, context)
        torch.testing.assert_close(y, loop(net, x, draw, context), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(params, net(y, context), rtol=1e-9, atol=1e-9)


def test_float32_keeps_to_a_millionth():
    net = nn.MaskedMLP(100, 2, hidden_dims=(128, 128)).float()
    x = torch.randn(16, 100, dtype=torch.float32)
    draw = transforms.Affine().forward
    with torch.no_grad():
        torch.testing.assert_close(nn.masked_sweep(net, x, draw)[0], loop(net, x, draw), rtol=1e-6, atol=1e-6)


def test_survives_guesses_that_overflow():
    """An infinity in the first guess spoils every round of a block (zero times infinity): stepping is left."""
    net, x, calls = nn.MaskedMLP(40, 2, hidden_dims=(64,)), torch.randn(8, 40), []

    def draw(u, params):
        calls.append(len(calls))
        y = transforms.Affine().forward(u, params)
        if len(calls) == 1:
            y[20:] = torch.inf
        return y

    with torch.no_grad():
        expected = loop(net, x, transforms.Affine().forward)
        torch.testing.assert_close(nn.masked_sweep(net, x, draw)[0], expected)
    assert len(calls) > 80  # forty rounds in vain, then forty steps


def test_draws_for_no_rows():
    net = nn.MaskedMLP(5, 2)
    y, params = nn.masked_sweep(net, torch.zeros(0, 5), transforms.Affine().forward)
    assert y.shape == (0, 5)
    assert params.shape == (0, 5, 2)


NETS = {
    "two layers, order": {"hidden_dims": (50, 70), "order": torch.arange(130).flip(0)},
    "no hidden layer": {"hidden_dims": ()},
    "direct": {"hidden_dims": (40,), "direct": True},
}


@pytest.mark.parametrize("context_dim", [0, 3])
@pytest.mark.parametrize("name", NETS)
def test_a_sweep_takes_sources_of_any_shape(name, context_dim):
    """Two sources, one with a dimension of its own, and integers as values."""
    net = testing.perturb(nn.MaskedMLP(130, 2, context_dim=context_dim, **NETS[name]), 0.1)
    sources = [torch.randn(6, 130, 2), torch.rand(6, 130)]
    context = torch.randn(6, context_dim) if context_dim else None

    def draw(params, normal, uniform):
        return (params * normal).sum(-1).sigmoid().gt(uniform).long()

    x = net.sweep(draw, sources, context)
    assert x.dtype == torch.int64
    with torch.no_grad():
        assert torch.equal(x, draw(net(x, context), *sources))  # a fixed point is the one draw
    assert 0.2 < x.double().mean() < 0.8


def test_many_draws_of_few_features_through_wide_layers_are_stepped():
    assert nn.MaskedMLP(784, 1, hidden_dims=(500,)).prefers_sweep(1000)
    assert not nn.MaskedMLP(16, 1, hidden_dims=(500, 500)).prefers_sweep(1000)
