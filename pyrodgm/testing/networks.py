"""The contracts of networks, causal ones among them."""

from collections.abc import Sequence

import torch
from torch import nn

from pyrodgm.nn.masked_mlp import MaskedMLP
from pyrodgm.nn.masked_sweep import masked_sweep
from pyrodgm.testing.expectations import BATCHES_AND_NONE, check_gradients, close, expect, perturb


def check_network(net: nn.Module, input_shape: Sequence[int], output_dim: int) -> None:
    """A network keeps batch dimensions, and its gradients reach every parameter."""
    perturb(net)
    for batch in BATCHES_AND_NONE:
        expect(net(torch.randn(*batch, *input_shape)).shape == (*batch, output_dim), f"output shape of batch {batch}")
    check_gradients(net, net(torch.randn(5, *input_shape)))


def check_causal_net(net: MaskedMLP) -> None:
    """Parameters at a position depend on earlier positions of ``net.order`` alone; stepping equals the full pass."""
    perturb(net, 0.5)
    dim = net.input_dim
    for batch in BATCHES_AND_NONE:
        x = torch.randn(*batch, dim)
        context = torch.randn(*batch, net.context_dim) if net.context_dim else None
        params = net(x, context)
        expect(params.shape == (*batch, dim, net.num_params), f"params of shape {params.shape}")
        stepper = net.stepper(batch, context)
        value = None
        for i in net.order.tolist():
            close(stepper(value), params[..., i, :].detach(), f"stepping at feature {i}")
            value = x[..., i]
    # Over many inputs, since one may find every unit that links two features switched off.
    x = torch.randn(50, dim)
    context = torch.randn(50, net.context_dim) if net.context_dim else None
    jacobian = torch.autograd.functional.jacobian(lambda v: net(v, context).sum((0, 2)), x)  # (D, 50, D)
    sees = jacobian.abs().sum(1) > 0
    ordered = sees[net.order][:, net.order]
    expect(torch.equal(ordered, ordered.tril(-1)), "the Jacobian is not strictly triangular in the order")
    expect(not (sees & ~net.dependencies).any(), "a feature sees what it must not see")
    expect(not (net.dependencies & ~sees).any(), "a feature does not see what it depends on")
    draw = torch.randn(50, dim)
    swept, _ = masked_sweep(net, draw, lambda u, params: u + params.sum(-1).tanh(), context)
    close(swept - net(swept, context).sum(-1).tanh().detach(), draw, "a draw block by block")
    if context is not None:
        wide = torch.autograd.functional.jacobian(lambda c: net(x, c).sum((0, 2)), context)
        expect((wide.abs().sum((1, 2)) > 0).all(), "a feature does not see the context")
