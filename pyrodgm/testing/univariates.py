"""The contract of an elementwise bijection."""

import torch
from torch import Tensor
from torch.distributions import biject_to, constraints

from pyrodgm.testing.expectations import BATCHES_AND_NONE, close, expect, in_float64
from pyrodgm.transforms.univariate.base import Univariate


@in_float64
def check_univariate(univariate: Univariate) -> None:
    """Round trip; both log-derivatives against autograd; finite at any parameter; identity at zero parameters.

    The last where domain and codomain are the whole line; elsewhere values are drawn inside them.
    """
    is_real = univariate.domain is constraints.real and univariate.codomain is constraints.real
    for batch in BATCHES_AND_NONE:
        shape = (*batch, 3)
        x, params = inside(univariate.domain, torch.randn(shape)), torch.randn(*shape, univariate.num_params)
        y, ladj = univariate.forward_and_ladj(x, params)
        back, inverse_ladj = univariate.inverse_and_ladj(y, params)
        expect(y.shape == ladj.shape == shape, f"shapes {y.shape}, {ladj.shape} of {shape}")
        expect(univariate.codomain.check(y).all(), "values outside of the codomain")
        close(back, x, "round trip")
        close(inverse_ladj, -ladj, "log-derivatives of the two directions")
        close(univariate.forward(x, params), y, "forward alone")
        if is_real:
            identity = univariate.forward_and_ladj(x, torch.zeros_like(params))[0]
            close(identity, x, "zero parameters are no identity")
    params = torch.randn(50, univariate.num_params)
    sides = ((univariate.forward_and_ladj, univariate.domain), (univariate.inverse_and_ladj, univariate.codomain))
    for function, side in sides:
        leaf = inside(side, torch.randn(50)).requires_grad_()
        value, ladj = function(leaf, params)
        close(ladj, torch.autograd.grad(value.sum(), leaf)[0].abs().log(), "log-derivative against autograd")
        for dtype in (torch.float32, torch.float64):
            wild = (20 * torch.randn(200, univariate.num_params, dtype=dtype)).requires_grad_()
            far = torch.cat([10 * torch.randn(190), torch.logspace(0, 6, 10)])
            leaf = (far if side is constraints.real else inside(side, torch.randn(200))).to(dtype).requires_grad_()
            value, ladj = function(leaf, wild)
            expect(value.dtype == ladj.dtype == dtype, f"dtype {value.dtype} of {dtype}")
            leaves = (leaf, wild) if univariate.num_params else (leaf,)
            outputs = (value, ladj, *torch.autograd.grad(value.sum() + ladj.sum(), leaves))
            expect(all(torch.isfinite(t).all() for t in outputs), f"not finite at wild parameters, {dtype}")


def inside(side: constraints.Constraint, noise: Tensor) -> Tensor:
    """Return values of a domain or codomain, from standard noise."""
    return biject_to(side)(3 * noise)
