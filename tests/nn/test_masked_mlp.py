"""The masked network beyond its contract: masks stay out of the weights, and a draw costs few passes."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pyrodgm import nn, testing, transforms


def test_masks_are_never_written_into_the_weights():
    net = nn.MaskedMLP(8, 2, hidden_dims=(32, 32))
    before = [layer.weight.detach().clone() for layer in net.linears]
    for _ in range(8):
        net(torch.randn(3, 8)).sum().backward()
    for layer, weight in zip(net.linears, before, strict=True):
        assert torch.equal(layer.weight, weight)
        assert (layer.weight != 0).all()


def test_first_feature_sees_the_context_and_nothing_else():
    net = testing.perturb(nn.MaskedMLP(3, 2, context_dim=2, order=[2, 0, 1]), 0.3)
    x, context = torch.randn(4, 3), torch.randn(4, 2)
    first = net(x, context)[:, 2]
    assert torch.equal(first, net(x + 1, context)[:, 2])
    assert not torch.equal(first, net(x, context + 1)[:, 2])


def test_stepping_in_float32_equals_the_full_pass():
    net = nn.MaskedMLP(50, 2, hidden_dims=(64, 64)).float()
    x = torch.randn(6, 50, dtype=torch.float32)
    params = net(x).detach()
    stepper, value = net.stepper((6,)), None
    for i in range(50):
        torch.testing.assert_close(stepper(value), params[:, i], rtol=1e-5, atol=1e-5)
        value = x[:, i]


def test_a_draw_runs_few_full_products():
    """The widest product of a draw takes each block of weights once: far fewer multiplications than D passes."""
    bijection = transforms.MaskedAutoregressive(transforms.Affine(), nn.MaskedMLP(256, 2, hidden_dims=(128, 128)))
    x = torch.randn(4, 256)

    def flops(function):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            function(x)
        return counter.get_total_flops()

    one_pass = flops(bijection.inverse_and_ladj)
    assert flops(bijection.forward_and_ladj) < 5 * one_pass


def test_without_hidden_layers_each_output_is_linear_in_what_comes_before():
    net = nn.MaskedMLP(4, 2, hidden_dims=(), order=[2, 0, 3, 1])
    x = torch.randn(5, 4)
    jacobian = torch.autograd.functional.jacobian(net, x[0])  # (feature, param, feature)
    before = net.order.argsort()[:, None] > net.order.argsort()
    assert ((jacobian != 0) == before.unsqueeze(1)).all()
    torch.testing.assert_close(net(x), torch.einsum("ipj,bj->bip", jacobian, x) + net.linears[0].bias.view(2, 4).t())


def test_direct_connections_add_a_linear_part():
    net = testing.perturb(nn.MaskedMLP(4, 2, hidden_dims=(8,), order=[2, 0, 3, 1], direct=True), 0.3)
    plain = nn.MaskedMLP(4, 2, hidden_dims=(8,), order=[2, 0, 3, 1])
    plain.load_state_dict({name: value for name, value in net.state_dict().items() if "direct" not in name})
    x = torch.randn(5, 4)
    before = (net.order.argsort()[:, None] > net.order.argsort()).repeat(2, 1)
    added = x @ (net.direct_layer.weight * before).t()
    torch.testing.assert_close(net(x), plain(x) + added.view(5, 2, 4).mT)


def test_loading_an_order_masks_direct_connections_by_it():
    net = testing.perturb(nn.MaskedMLP(4, 1, hidden_dims=(8,), order=[2, 0, 3, 1], direct=True), 0.3)
    other = nn.MaskedMLP(4, 1, hidden_dims=(8,), direct=True)
    other.load_state_dict(net.state_dict())
    x = torch.randn(5, 4)
    assert torch.equal(net(x), other(x))


def test_direct_connections_without_hidden_layers_are_refused():
    with pytest.raises(ValueError, match=r"Expected hidden layers with direct=True; got hidden_dims=\(\)"):
        nn.MaskedMLP(3, 1, hidden_dims=(), direct=True)


@pytest.mark.parametrize("hidden_dims", [(0,), (4, -1)])
def test_refuses_empty_layers(hidden_dims):
    with pytest.raises(ValueError, match="Expected"):
        nn.MaskedMLP(3, 2, hidden_dims=hidden_dims)


@pytest.mark.parametrize("build", [nn.MaskedMLP, nn.PerConditionalMLP])
def test_stepping_records_no_graph_of_an_activation_with_parameters(build):
    net, x = build(4, 2, hidden_dims=(8, 8), activation=torch.nn.PReLU), torch.randn(3, 4)
    stepper, value = net.stepper((3,)), None
    for i in range(4):
        params = stepper(value)
        assert not params.requires_grad
        torch.testing.assert_close(params, net(x)[:, i].detach())
        value = x[:, i]


def test_a_graph_is_kept_in_the_state_dict():
    graph = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 0, 0]])
    net, other = (nn.MaskedMLP(3, 1, adjacency=graph) for _ in range(2))
    other.load_state_dict(net.state_dict())
    x = torch.randn(5, 3)
    assert torch.equal(net(x), other(x))
    assert torch.equal(net.state_dict()["adjacency"], graph.bool())
