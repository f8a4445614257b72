"""The contract of a bijection."""

import copy
import pickle
from collections.abc import Callable

import torch
from pyro.distributions import ConditionalTransformedDistribution, TransformedDistribution
from torch import Tensor, nn
from torch.distributions import biject_to

from pyrodgm.distributions.standard_normal import StandardNormal
from pyrodgm.testing.expectations import BATCHES_AND_NONE, check_gradients, close, expect, in_float64, perturb
from pyrodgm.transforms.bijection import Bijection


@in_float64
def check_bijection(make: Callable[[], Bijection], input_dim: int) -> None:
    """The contract of a bijection.

    Round trip, both log-determinants against autograd's full Jacobian, gradients of both directions, float32 and
    float64, wild parameters, copies, the memory of pairs, and Pyro's own containers.
    """
    bijection = perturb(make())
    context = torch.randn(5, bijection.context_dim) if bijection.context_dim else None
    for batch in BATCHES_AND_NONE:
        x = biject_to(bijection.domain)(torch.randn(*batch, input_dim))
        c = torch.randn(*batch, bijection.context_dim) if bijection.context_dim else None
        y, ladj = bijection.forward_and_ladj(x, c)
        expect(y.shape == x.shape and ladj.shape == batch, f"shapes {y.shape}, {ladj.shape} of {x.shape}")
        expect(not y.numel() or bijection.codomain.check(y).all(), "values outside of the codomain")
        back, inverse_ladj = bijection.inverse_and_ladj(y, c)
        close(back, x, "round trip")
        close(inverse_ladj, -ladj, "log-determinants of the two directions")
        with torch.no_grad():
            close(bijection.forward_and_ladj(x, c)[0], y, "with and without gradients")
    sides = ((bijection.forward_and_ladj, bijection.domain), (bijection.inverse_and_ladj, bijection.codomain))
    for function, side in sides:
        x = biject_to(side)(torch.randn(5, input_dim))
        value, ladj = function(x, context)
        jacobian = torch.autograd.functional.jacobian(lambda v, f=function: f(v, context)[0].sum(0), x)  # (D, 5, D)
        close(ladj, torch.linalg.slogdet(jacobian.transpose(0, 1))[1], "log-determinant against autograd")
        check_gradients(bijection, value.square().sum() + ladj.sum())
    if context is not None:
        for function, side in sides:
            many = biject_to(side)(torch.randn(3, 5, input_dim))
            one = torch.stack([function(row, context)[0] for row in many])
            close(function(many, context)[0], one, "context broadcast against samples")
    for dtype in (torch.float32, torch.float64):
        typed = make().to(dtype)
        wild = perturb(typed, 20.0 / max(1, typed_fan(typed)) ** 0.5)
        c = None if context is None else context.to(dtype)
        wild_sides = ((wild.forward_and_ladj, wild.domain), (wild.inverse_and_ladj, wild.codomain))
        for function, side in wild_sides:
            value, ladj = function(biject_to(side)(torch.randn(5, input_dim, dtype=dtype)), c)
            expect(value.dtype == ladj.dtype == dtype, f"dtype {value.dtype} of {dtype}")
            expect(
                torch.isfinite(value).all() and torch.isfinite(ladj).all(), f"not finite at wild parameters, {dtype}"
            )
    x = biject_to(bijection.domain)(torch.randn(5, input_dim))
    check_memory(bijection, x, context)
    for twin in (copy.deepcopy(bijection), pickle.loads(pickle.dumps(bijection))):
        close(twin.forward_and_ladj(x, context)[0], bijection.forward_and_ladj(x, context)[0], "copy")
    if bijection.domain.check(torch.full((input_dim,), 100.0)):  # a normal base fits
        check_in_pyro(bijection, input_dim, context)


def typed_fan(module: nn.Module) -> int:
    """Return the widest layer, by which a scale per parameter becomes one per output."""
    return max((p.shape[-1] for p in module.parameters() if p.dim() > 1), default=1)


def check_memory(bijection: Bijection, x: Tensor, context: Tensor | None) -> None:
    """A pair just computed costs nothing more; after a step of an optimiser it is computed anew."""
    bound = bijection.condition(context)
    y = bound(x)
    expect(bound.inv(y) is x, "the inverse of a value just computed is not remembered")
    parameters = list(bijection.parameters())
    if not parameters:
        return
    optimiser = torch.optim.Adam(parameters, lr=0.1)
    (y.sum() + bound.log_abs_det_jacobian(x, y).sum()).backward()
    optimiser.step()
    y = y.detach()
    bound(x)
    optimiser.step()
    expected, ladj = bijection.inverse_and_ladj(y, context)
    close(bound.inv(y), expected, "stale value after an optimiser step")
    close(bound.log_abs_det_jacobian(bound.inv(y), y), -ladj, "stale log-determinant after an optimiser step")
    bijection.zero_grad()


def check_in_pyro(bijection: Bijection, input_dim: int, context: Tensor | None) -> None:
    """Pyro's conditional and plain transformed distributions take it and agree with the change of variables."""
    base = StandardNormal(input_dim, batch_shape=(5,))
    if context is None:
        distribution = TransformedDistribution(base, [bijection])
    else:
        distribution = ConditionalTransformedDistribution(base, [bijection]).condition(context)
    x = distribution.rsample((4,))
    z, ladj = bijection.inverse_and_ladj(x, context)
    close(distribution.log_prob(x), base.log_prob(z) + ladj, "log_prob of Pyro's transformed distribution")
    inverse = bijection.inv.condition(context)
    close(inverse(x), z, "inv")
