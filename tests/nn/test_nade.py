"""NADE against its equations, with and without what makes it fast."""

import pytest
import torch

from pyrodgm import nn, testing
from pyrodgm.nn import nade


def by_hand(net, x):
    """Equations 2 to 4 of the paper for one row, in loops."""
    order = net.order.tolist()
    activation, params = net.in_bias.clone(), torch.zeros(net.input_dim, net.num_params)
    for k, feature in enumerate(order):
        scaled = activation if net.scale is None else net.scale[k] * activation
        hidden = 1 / (1 + torch.exp(-scaled))
        for p in range(net.num_params):
            params[feature, p] = net.out_bias[k, p] + sum(
                net.out_weight[k, p, j] * hidden[j] for j in range(len(hidden))
            )
        activation = activation + net.in_weight[k] * x[feature]
    return params


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("num_params", [1, 3, 9])
def test_equals_the_equations(num_params, rescale, monkeypatch):
    monkeypatch.setattr(nade, "BLOCK", 2)
    net = testing.perturb(nn.NADE(5, num_params, hidden_dim=4, order=[3, 1, 4, 0, 2], rescale=rescale), 0.5)
    x = torch.tensor([[0.0, 1.0, 1.0, 0.0, 1.0], [0.3, 0.0, -2.0, 0.0, 0.7]])
    with torch.no_grad():
        torch.testing.assert_close(net(x), torch.stack([by_hand(net, row) for row in x]))


def test_hidden_units_of_equal_pasts_are_computed_once(monkeypatch):
    net, rows = nn.NADE(32, 1, hidden_dim=4), []
    x = torch.zeros(3, 32)
    x[1, 5] = x[1, 20] = 1.0
    original = nade.block_outputs

    def counting(before, part, starts, *args):
        rows.append(int(starts.sum()))
        return original(before, part, starts, *args)

    monkeypatch.setattr(nade, "block_outputs", counting)
    net(x)
    assert rows == [4, 4]  # one of each of three rows and two blocks, and one after each of the two ones


@pytest.mark.parametrize("real", [False, True])
def test_gradients_are_the_same_where_hidden_units_are_not_kept(real, monkeypatch):
    net = testing.perturb(nn.NADE(35, 2, hidden_dim=6, context_dim=3), 0.3)
    x = (torch.randn(4, 35) if real else torch.rand(4, 35).round()).requires_grad_()
    context, weights = torch.randn(4, 3), torch.randn(4, 35, 2)
    leaves = [x, *net.parameters()]
    kept = torch.autograd.grad((net(x, context) * weights).sum(), leaves)
    monkeypatch.setattr(nade, "MAX_SAVED", 0)
    again = torch.autograd.grad((net(x, context) * weights).sum(), leaves)
    for one, other in zip(kept, again, strict=True):
        torch.testing.assert_close(one, other)
    direction = torch.randn_like(net.in_weight)
    step = 1e-6
    with torch.no_grad():
        net.in_weight += step * direction
        above = (net(x, context) * weights).sum()
        net.in_weight -= 2 * step * direction
        below = (net(x, context) * weights).sum()
    index = 1 + [name for name, _ in net.named_parameters()].index("in_weight")
    torch.testing.assert_close((kept[index] * direction).sum(), (above - below) / (2 * step), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("hidden_dim", [4, 16])
def test_gradients_with_respect_to_features_that_are_zero(hidden_dim):
    net = testing.perturb(nn.NADE(20, 1, hidden_dim=hidden_dim), 0.3)
    assert torch.autograd.gradcheck(net, torch.zeros(2, 20, requires_grad=True))


def test_gradients_of_many_real_rows_take_bounded_memory():
    """What a pass keeps for its gradient is a part of all hidden units, once these are many."""
    net = nn.NADE(512, 1, hidden_dim=512).float()
    x = torch.randn(80, 512)
    hidden = 80 * 512 * 512  # of all positions: 84 MB
    assert hidden > nade.MAX_SAVED
    sizes = {}

    def keep(tensor):
        sizes[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        net(x.float())
    assert sum(sizes.values()) < hidden / 5


def test_stepping_in_float32_equals_the_full_pass():
    net = nn.NADE(50, 2, hidden_dim=64).float()
    x = torch.randint(2, (6, 50)).float()
    params = net(x).detach()
    stepper, value = net.stepper((6,)), None
    for i in range(50):
        torch.testing.assert_close(stepper(value), params[:, i], rtol=1e-5, atol=1e-5)
        value = x[:, i]
