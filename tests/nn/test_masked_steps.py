import pytest
import torch

from pyrodgm import nn, testing, transforms
from pyrodgm.nn.masked_steps import masked_steps
from pyrodgm.nn.masked_sweep import masked_sweep

NETS = {
    "order": lambda num_params: nn.MaskedMLP(5, num_params, hidden_dims=(17, 18), order=[3, 0, 4, 1, 2]),
    "context": lambda num_params: nn.MaskedMLP(4, num_params, hidden_dims=(9,), context_dim=3),
    "narrow": lambda num_params: nn.MaskedMLP(7, num_params, hidden_dims=(3, 2), activation=torch.nn.Tanh),
    "linear, context": lambda num_params: nn.MaskedMLP(
        4, num_params, hidden_dims=(), context_dim=3, order=[3, 0, 1, 2]
    ),
    "direct, context": lambda num_params: nn.MaskedMLP(4, num_params, hidden_dims=(9,), context_dim=3, direct=True),
    "graph": lambda num_params: nn.MaskedMLP(
        3, num_params, hidden_dims=(8, 9), adjacency=[[0, 1, 0], [0, 0, 0], [0, 1, 0]]
    ),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(
    "univariate", [transforms.Affine(), transforms.RationalQuadraticSpline(4)], ids=["affine", "rqs"]
)
@pytest.mark.parametrize("batch", [(), (6,), (2, 6), (0,)])
def test_equal_to_the_sweep(name, univariate, batch):
    net = testing.perturb(NETS[name](univariate.num_params), 0.3)
    x = torch.randn(*batch, net.input_dim)
    context = torch.randn(*batch[-1:], net.context_dim) if net.context_dim else None
    y, ladj = masked_steps(net, x, univariate.forward_and_ladj, context)
    swept, params = masked_sweep(net, x, univariate.forward, context)
    torch.testing.assert_close(y, swept)
    torch.testing.assert_close(ladj, univariate.forward_and_ladj(x, params)[1].sum(-1))


@pytest.mark.parametrize("name", NETS)
def test_gradients_are_those_of_the_implicit_function(name):
    net = testing.perturb(NETS[name](2), 0.3)
    net.requires_grad_()
    x = torch.randn(6, net.input_dim, requires_grad=True)
    context = torch.randn(6, net.context_dim) if net.context_dim else None
    leaves = [x, *net.parameters()]
    affine = transforms.Affine()
    y, ladj = masked_steps(net, x, affine.forward_and_ladj, context)
    ours = torch.autograd.grad(y.square().sum() + ladj.sum(), leaves)
    back, inverse_ladj = affine.inverse_and_ladj(y.detach(), net(y.detach(), context))
    torch.testing.assert_close(back, x.detach())
    jacobian = torch.autograd.functional.jacobian(
        lambda v: masked_steps(net, v, affine.forward_and_ladj, context)[0].sum(0), x.detach()
    )
    torch.testing.assert_close(torch.linalg.slogdet(jacobian.transpose(0, 1))[1], ladj.detach())
    torch.testing.assert_close(inverse_ladj.sum(-1), -ladj.detach())
    step = 1e-6 * torch.randn_like(x)
    with torch.no_grad():
        values = []
        for sign in (1, -1):
            y, ladj = masked_steps(net, x + sign * step, affine.forward_and_ladj, context)
            values.append(y.square().sum() + ladj.sum())
    torch.testing.assert_close((ours[0] * step).sum(), (values[0] - values[1]) / 2, rtol=1e-5, atol=1e-12)
