import copy
import pickle

import pytest
import torch
from torch import nn

from pyrodgm.nn.residual_mlp import ResidualMLP


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [(), (5,), (2, 5), (0,)])
@pytest.mark.parametrize(("input_dim", "context_dim"), [(3, 0), (3, 2), (0, 2), (0, 0)])
def test_shapes_and_gradients(batch, dtype, input_dim, context_dim):
    net = ResidualMLP(input_dim, 4, hidden_dim=8, context_dim=context_dim).to(dtype)
    context = torch.randn(*batch, context_dim, dtype=dtype) if context_dim else None
    y = net(torch.randn(*batch, input_dim, dtype=dtype), context)
    assert y.shape == (*batch, 4)
    assert y.dtype == dtype
    y.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert (net.input_shape, net.output_dim, net.context_dim) == ((input_dim,), 4, context_dim)


def test_equals_the_formula_and_broadcasts():
    net = ResidualMLP(3, 4, hidden_dim=8, num_blocks=2, context_dim=2)
    x, context = torch.randn(7, 1, 3), torch.randn(5, 2)
    h = net.input_layer(x) + net.context_layer(context)
    for k in (0, 2):
        h = h + net.layers[k + 1](torch.relu(net.layers[k](torch.relu(h))))
    y = net(x, context)
    assert y.shape == (7, 5, 4)
    torch.testing.assert_close(y, net.output_layer(torch.relu(h)))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.SiLU])
def test_gradient_against_finite_differences(activation):
    net = ResidualMLP(3, 2, hidden_dim=6, context_dim=2, activation=activation)
    x, context = torch.randn(4, 3, requires_grad=True), torch.randn(4, 2, requires_grad=True)
    assert torch.autograd.gradcheck(net, (x, context))


def test_zero_init_starts_near_zero_and_learns_at_once():
    net = ResidualMLP(3, 2, zero_init=True)
    y = net(torch.randn(50, 3))
    assert y.abs().max() < 1e-2
    y.sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in net.parameters())


def test_copies_and_state_round_trip():
    net, x = ResidualMLP(3, 2), torch.randn(4, 3)
    other = ResidualMLP(3, 2)
    other.load_state_dict(net.state_dict())
    for twin in (other, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(twin(x), net(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_dim": 0}, "Expected hidden_dim to be an integer of at least 1; got 0"),
        ({"num_blocks": 0}, "Expected num_blocks to be an integer of at least 1; got 0"),
        ({"context_dim": -1}, "Expected context_dim to be an integer of at least 0; got -1"),
    ],
)
def test_wrong_sizes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ResidualMLP(3, 2, **options)


@pytest.mark.parametrize(
    ("context_dim", "x_shape", "context_shape", "message"),
    [
        (0, (5, 4), None, r"Expected x of shape \(\*batch, 3\); got \(5, 4\)"),
        (0, (5, 3), (5, 2), r"Expected no context; got one of shape \(5, 2\)"),
        (2, (5, 3), None, r"Expected context of shape \(\*batch, 2\); got None"),
        (2, (5, 3), (5, 7), r"Expected context of shape \(\*batch, 2\); got \(5, 7\)"),
    ],
)
def test_wrong_widths_are_named(context_dim, x_shape, context_shape, message):
    net = ResidualMLP(3, 2, context_dim=context_dim)
    with pytest.raises(ValueError, match=message):
        net(torch.randn(x_shape), None if context_shape is None else torch.randn(context_shape))
