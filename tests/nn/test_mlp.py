import copy
import pickle

import pytest
import torch
from torch import nn

from pyrodgm.nn.mlp import MLP

BATCHES = [(), (5,), (2, 5), (0,)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(
    ("input_dim", "context_dim", "hidden_dims"), [(3, 0, (8, 8)), (3, 2, (8,)), (0, 2, (8,)), (0, 0, (8,)), (3, 2, ())]
)
def test_shapes_and_gradients(batch, dtype, input_dim, context_dim, hidden_dims):
    net = MLP(input_dim, 4, hidden_dims=hidden_dims, context_dim=context_dim).to(dtype)
    context = torch.randn(*batch, context_dim, dtype=dtype) if context_dim else None
    y = net(torch.randn(*batch, input_dim, dtype=dtype), context)
    assert y.shape == (*batch, 4)
    assert y.dtype == dtype
    y.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert net.input_shape == (input_dim,)
    assert (net.output_dim, net.context_dim) == (4, context_dim)


def test_the_context_broadcasts_both_ways_and_equals_concatenation():
    net = MLP(3, 4, context_dim=2)
    x, context = torch.randn(7, 1, 3), torch.randn(5, 2)
    y = net(x, context)
    assert y.shape == (7, 5, 4)
    assert net(torch.randn(3), context).shape == (5, 4)
    weight = torch.cat([net.layers[0].weight, net.context_layer.weight], -1)
    both = torch.cat([x.expand(7, 5, 3), context.expand(7, 5, 2)], -1)
    h = torch.relu(both @ weight.T + net.layers[0].bias)
    h = torch.relu(net.layers[1](h))
    torch.testing.assert_close(y, net.layers[2](h))
    assert net.context_layer.bias is None


def test_no_input_depends_on_the_context_alone():
    net = MLP(0, 4, context_dim=2)
    context = torch.randn(5, 2)
    torch.testing.assert_close(net(torch.empty(7, 5, 0), context)[3], net(torch.empty(5, 0), context))
    assert net(torch.empty(5, 0), context).std(0).min() > 0


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.SiLU, nn.ELU])
def test_gradient_against_finite_differences(activation):
    net = MLP(3, 2, hidden_dims=(6, 5), context_dim=2, activation=activation).double()
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    context = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(net, (x, context))


def test_a_leaf_input_is_left_unchanged():
    x = torch.randn(5, 3)
    before = x.clone()
    MLP(3, 2)(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("hidden_dims", [(), (8, 8)])
def test_zero_init_starts_near_zero_and_learns_at_once(hidden_dims):
    net = MLP(3, 2, context_dim=2, hidden_dims=hidden_dims, zero_init=True)
    y = net(torch.randn(50, 3), torch.randn(50, 2))
    assert y.abs().max() < 1e-2
    y.sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in net.parameters())


def test_copies_and_state_round_trip():
    net, x = MLP(3, 2), torch.randn(4, 3)
    other = MLP(3, 2)
    other.load_state_dict(net.state_dict())
    for twin in (other, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(twin(x), net(x))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((-1, 2), {}, "Expected input_dim to be an integer of at least 0; got -1"),
        ((2.0, 2), {}, "Expected input_dim to be an integer of at least 0; got 2.0"),
        ((2, 0), {}, "Expected output_dim to be an integer of at least 1; got 0"),
        ((2, 2), {"context_dim": -3}, "Expected context_dim to be an integer of at least 0; got -3"),
        ((2, 2), {"hidden_dims": (4, 0)}, "Expected hidden_dims to be an integer of at least 1; got 0"),
    ],
)
def test_wrong_sizes_are_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        MLP(*arguments, **options)


@pytest.mark.parametrize(
    ("context_dim", "x_shape", "context_shape", "message"),
    [
        (0, (5, 4), None, r"Expected x of shape \(\*batch, 3\); got \(5, 4\)"),
        (0, (), None, r"Expected x of shape \(\*batch, 3\); got \(\)"),
        (0, (5, 3), (5, 2), r"Expected no context; got one of shape \(5, 2\)"),
        (2, (5, 3), None, r"Expected context of shape \(\*batch, 2\); got None"),
        (2, (5, 3), (5, 7), r"Expected context of shape \(\*batch, 2\); got \(5, 7\)"),
    ],
)
def test_wrong_widths_are_named(context_dim, x_shape, context_shape, message):
    net = MLP(3, 2, context_dim=context_dim)
    with pytest.raises(ValueError, match=message):
        net(torch.randn(x_shape), None if context_shape is None else torch.randn(context_shape))
