"""Members of an ensemble share weights, and nothing else: masks stay out of the weights, orders in the state."""

import copy

import pytest
import torch

from pyrodgm import nn, testing
from pyrodgm.nn.masked_ensemble import masked
from pyrodgm.testing.networks import dependencies

OPTIONS = {"hidden_dims": (16, 17), "num_orders": 3, "num_masks": 4}


def test_masks_are_never_written_into_the_weights():
    nets = nn.MaskedEnsemble(8, 2, direct=True, **OPTIONS)
    before = copy.deepcopy(nets.state_dict())
    for _ in range(8):
        nets.draw()(torch.randn(3, 8)).sum().backward()
    for name, value in nets.state_dict().items():
        assert torch.equal(value, before[name])
    assert all((layer.weight != 0).all() for layer in [*nets.linears, nets.direct_layer])


def test_a_member_is_a_masked_mlp_with_its_units_in_another_place():
    nets = testing.perturb(nn.MaskedEnsemble(6, 2, context_dim=3, direct=True, **OPTIONS), 0.3)
    x, context = torch.randn(5, 6), torch.randn(5, 3)
    for index in (0, 7, 11):
        member = nets.member(index)
        twin = nn.MaskedMLP(6, 2, hidden_dims=(16, 17), context_dim=3, order=member.order, direct=True)
        layers = member.sorted_layers()
        back = member.order.argsort()
        for ours, weight, bias in zip(twin.linears, layers.weights, layers.biases, strict=True):
            ours.weight.data, ours.bias.data = weight.data, bias.data
        twin.linears[0].weight.data = layers.weights[0][:, back].data
        twin.context_layer.weight.data = layers.context_weight.data
        twin.direct_layer.weight.data = layers.direct[:, back].data
        torch.testing.assert_close(member(x, context), twin(x, context))


def test_each_member_sees_all_that_comes_before_and_nothing_else():
    nets = testing.perturb(nn.MaskedEnsemble(5, 1, **OPTIONS), 0.3)
    for index in range(nets.num_members):
        member = nets.member(index)
        sees = dependencies(member)[member.order][:, member.order]
        assert torch.equal(sees, torch.ones_like(sees).tril(-1))


def test_members_differ_in_order_and_mask():
    nets = nn.MaskedEnsemble(8, 1, **OPTIONS)
    assert nets.orders[0].tolist() == list(range(8))
    x = torch.randn(4, 8)
    outputs = torch.stack([nets.member(index)(x).detach().flatten() for index in range(12)])
    assert (torch.cdist(outputs, outputs) + torch.eye(12) > 1e-3).all()


def test_training_draws_every_member_equally_often():
    nets = nn.MaskedEnsemble(8, 1, **OPTIONS)
    counts = torch.zeros(3, 4)
    for _ in range(2400):
        member = nets.draw()
        counts[(nets.orders == member.order).all(1).nonzero().item(), member.mask] += 1
    assert ((counts - 200) ** 2 / 200).sum() < 51.1  # eleven degrees of freedom: once in 2 * 10^6 seeds


def test_a_new_order_at_every_draw():
    nets = nn.MaskedEnsemble(8, 1, hidden_dims=(16,), num_orders=None)
    assert nets.num_members == 8
    orders = {tuple(nets.draw().order.tolist()) for _ in range(50)}
    assert len(orders) > 45
    observed = torch.tensor([False, True, True, False, False, True, False, False])
    fitting = nets.fitting(observed)
    assert len(fitting) == 8
    for member, order in zip(fitting, nets.orders, strict=True):
        assert observed[member.order].tolist() == [True] * 3 + [False] * 5
        kept = [feature for feature in order.tolist() if observed[feature]]
        assert member.order[:3].tolist() == kept  # in the order that they have anyway


def test_fitting_members_have_the_observed_first():
    nets = nn.MaskedEnsemble(4, 1, hidden_dims=(16,), num_orders=3, num_masks=2)
    nets.orders.copy_(torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2], [3, 2, 1, 0]]))
    found = [(member.order.tolist(), member.mask) for member in nets.fitting(torch.tensor([True, True, False, False]))]
    assert found == [([0, 1, 2, 3], 0), ([0, 1, 2, 3], 1), ([1, 0, 3, 2], 0), ([1, 0, 3, 2], 1)]
    assert nets.fitting(torch.tensor([False, True, True, False])) == []
    assert (
        len(nets.fitting(torch.zeros(4, dtype=torch.bool))) == len(nets.fitting(torch.ones(4, dtype=torch.bool))) == 6
    )


def test_orders_and_degrees_are_kept_and_loaded():
    nets, other = nn.MaskedEnsemble(8, 1, **OPTIONS), nn.MaskedEnsemble(8, 1, **OPTIONS)
    x = torch.randn(3, 8)
    assert not torch.allclose(nets.member(7)(x), other.member(7)(x))
    other.load_state_dict(nets.state_dict())
    assert torch.equal(nets.member(7)(x), other.member(7)(x))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_masks_are_those_of_a_comparison_in_any_precision(dtype):
    below, above = torch.randperm(600), torch.randint(600, (700,))
    mask = masked(torch.ones(700, 600, dtype=dtype), below, above)
    assert torch.equal(mask, (above[:, None] >= below).to(dtype))
