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


@pytest.mark.parametrize("hidden_dims", [(), (0,), (4, -1)])
def test_refuses_no_layers_and_empty_ones(hidden_dims):
    with pytest.raises(ValueError, match="Expected"):
        nn.MaskedMLP(3, 2, hidden_dims=hidden_dims)
