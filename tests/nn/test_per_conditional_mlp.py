"""Separate networks against a loop over them."""

import torch

from pyrodgm import nn, testing


def test_equals_a_loop_over_the_networks():
    net = testing.perturb(nn.PerConditionalMLP(4, 2, hidden_dims=(5, 6), context_dim=3, order=[2, 0, 3, 1]), 0.3)
    x, context = torch.randn(7, 4), torch.randn(7, 3)
    params = net(x, context)
    for k, feature in enumerate([2, 0, 3, 1]):
        h = x[:, [2, 0, 3, 1][:k]] @ net.in_weight[k, :, :k].t() + context @ net.context_weight[k].t() + net.in_bias[k]
        for weight, bias in zip(net.weights, net.biases, strict=True):
            h = h.relu() @ weight[k].t() + bias[k]
        torch.testing.assert_close(params[:, feature], h)


def test_no_two_conditionals_share_a_weight():
    net = nn.PerConditionalMLP(4, 1, hidden_dims=(5,))
    x = torch.randn(7, 4)
    for k in range(4):
        gradients = torch.autograd.grad(net(x)[:, k].sum(), list(net.parameters()))
        for gradient in gradients:
            assert not gradient[torch.arange(4) != k].any()


def test_stepping_in_float32_equals_the_full_pass():
    net = nn.PerConditionalMLP(30, 2, hidden_dims=(16, 16)).float()
    x = torch.randint(2, (6, 30)).float()
    params = net(x).detach()
    stepper, value = net.stepper((6,)), None
    for i in range(30):
        torch.testing.assert_close(stepper(value), params[:, i], rtol=1e-5, atol=1e-5)
        value = x[:, i]
