"""The contracts of networks, causal ones among them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pyrodgm.nn.causal import CausalNet
from pyrodgm.testing.expectations import BATCHES_AND_NONE, check_gradients, close, expect, in_float64, perturb


@in_float64
def check_network(net: nn.Module, input_shape: Sequence[int], output_dim: int) -> None:
    """A network keeps batch dimensions, and its gradients reach every parameter."""
    perturb(net)
    for batch in BATCHES_AND_NONE:
        expect(net(torch.randn(*batch, *input_shape)).shape == (*batch, output_dim), f"output shape of batch {batch}")
    check_gradients(net, net(torch.randn(5, *input_shape)))


@in_float64
def check_causal_net(net: CausalNet, *, sees_all: bool = False, num_levels: int | None = None) -> None:
    """Parameters at a position depend on earlier positions of ``net.order`` alone, and stepping equals the full pass.

    Besides: shapes for every batch, gradients to every parameter, the context reaches every position, and a sweep
    solves what it should.

    Args:
        net: The network.
        sees_all: Whether each position sees *all* earlier ones; a limited field of view does not.
        num_levels: Number of values of a variable where these are integers; real otherwise.
    """
    perturb(net, 0.1)
    net.eval()
    grid_dim, num = len(net.grid_shape), net.num_positions
    expect(sorted(net.order.tolist()) == list(range(num)), "order is no permutation of the positions")
    for batch in BATCHES_AND_NONE:
        x, context = causal_inputs(net, batch, num_levels)
        params = net(x, context)
        expect(params.shape == (*batch, *net.grid_shape, net.num_params), f"params of shape {tuple(params.shape)}")
        stepper = net.stepper(batch, context)
        values = x.movedim(-1 - grid_dim, -1) if net.symbol_shape else x
        values, along = values.flatten(len(batch), len(batch) + grid_dim - 1), params.flatten(-1 - grid_dim, -2)
        value = None
        for i in net.order.tolist():
            close(stepper(value), along[..., i, :].detach(), f"stepping at position {i}", tolerance=1e-5)
            value = values[(slice(None),) * len(batch) + (i,)]
    x, context = causal_inputs(net, (5,), num_levels)
    check_gradients(net, net(x, context).square().sum())
    sees = dependencies(net, num_levels)[net.order][:, net.order]
    expect(torch.equal(sees, sees.tril(-1)), "a position sees itself or a later one")
    if sees_all:
        expect(torch.equal(sees, torch.ones_like(sees).tril(-1)), "a position does not see all earlier ones")
    check_sweep(net, num_levels)
    if context is not None:
        other = net(x, context.roll(1, 0))
        changed = (other != net(x, context)).any(-1).flatten(1).any(0)
        expect(changed.all(), "a position does not see the context")


def causal_inputs(net: CausalNet, batch: Sequence[int], num_levels: int | None) -> tuple[Tensor, Tensor | None]:
    """Return random values and contexts for a causal network."""
    shape = (*batch, *net.event_shape)
    x = torch.randn(shape) if num_levels is None else torch.randint(num_levels, shape).to(torch.get_default_dtype())
    return x, torch.randn(*batch, *net.context_shape) if net.context_shape else None


def dependencies(net: CausalNet, num_levels: int | None = None, num_tries: int = 20) -> Tensor:
    """Return which positions each position was seen to depend on, ``(num_positions, num_positions)``.

    Each position is changed in turn, over several inputs, since one may find every unit that links two positions
    switched off. Exact changes, not derivatives: integers have none.
    """
    x, context = causal_inputs(net, (num_tries,), num_levels)
    grid_dim = len(net.grid_shape)
    before = net(x, context).flatten(1, grid_dim)
    sees = []
    for i in range(net.num_positions):
        changed = x.clone().flatten(-grid_dim)
        new = changed[..., i] + 1.0
        changed[..., i] = new if num_levels is None else new % num_levels
        after = net(changed.unflatten(-1, net.grid_shape), context).flatten(1, grid_dim)
        sees.append((after - before).abs().amax((0, 2)) > 1e-12)  # products of other sizes may round otherwise
    return torch.stack(sees, 1)


def check_sweep(net: CausalNet, num_levels: int | None) -> None:
    """A sweep solves ``x_i = draw(net(x)_i, noise_i)`` at every position, as steps do."""
    noise = torch.randn(7, *net.grid_shape, *net.symbol_shape)
    _, context = causal_inputs(net, (7,), num_levels)

    def draw(params: Tensor, noise: Tensor) -> Tensor:
        level = params.sum(-1).tanh().reshape(params.shape[:-1] + (1,) * len(net.symbol_shape)) + noise
        return level if num_levels is None else level.mul(2.0).floor().clamp(0, num_levels - 1)

    x = net.sweep(draw, [noise], context)
    grid_dim = len(net.grid_shape)
    values = x.movedim(-1 - grid_dim, -1) if net.symbol_shape else x
    close(values, draw(net(x, context).detach(), noise), "a sweep", tolerance=1e-5)
