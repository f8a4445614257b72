"""Vector fields: their formula, their products with the Jacobian, and contexts that broadcast."""

import pytest
import torch

from pyrodgm import nn
from pyrodgm.nn.smooth import SMOOTH
from pyrodgm.nn.vector_field import forward_mode
from pyrodgm.testing import check_network, perturb

ACTIVATIONS = [torch.nn.Tanh, torch.nn.Softplus]
FIELDS = {
    "MLP": (lambda **kwargs: nn.ConcatSquashMLP(6, hidden_dims=(5, 4), **kwargs), (6,)),
    "MLP, linear": (lambda **kwargs: nn.ConcatSquashMLP(6, hidden_dims=(), **kwargs), (6,)),
    "convolution": (lambda **kwargs: nn.ConcatSquashConv((1, 2, 3), hidden_channels=(4, 3), **kwargs), (1, 2, 3)),
    "convolution, linear": (lambda **kwargs: nn.ConcatSquashConv((2, 3, 1), hidden_channels=(), **kwargs), (2, 3, 1)),
}
TIME = torch.tensor(0.7, dtype=torch.float64)


class At(torch.nn.Module):
    """A field at one time, as the contract of networks takes it."""

    def __init__(self, field, event_dim):
        super().__init__()
        self.field, self.event_dim = field, event_dim

    def forward(self, z):
        return self.field(TIME, z).flatten(-self.event_dim)


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_is_a_network_at_each_time(name):
    make, shape = FIELDS[name]
    check_network(At(make(), len(shape)), shape, 6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("context_dim", [0, 2])
@pytest.mark.parametrize("name", FIELDS)
def test_products_with_the_jacobian(name, context_dim, activation):
    make, shape = FIELDS[name]
    field = perturb(make(context_dim=context_dim, activation=activation), 0.5)
    context = (torch.randn(5, context_dim),) if context_dim else ()
    z, tangents = torch.randn(2, 5, *shape), torch.randn(3, 2, 5, *shape)
    value, products = field.forward_and_jvp(TIME, z, tangents, *context)
    torch.testing.assert_close(value, field(TIME, z, *context))
    plain_value, plain = forward_mode(lambda v: field(TIME, v, *context), z, tangents)
    torch.testing.assert_close(plain_value, value)
    torch.testing.assert_close(plain, products)
    for tangent, product in zip(tangents, products, strict=True):
        expected = torch.autograd.functional.jvp(lambda v: field(TIME, v, *context), z, tangent)[1]
        torch.testing.assert_close(product, expected)
    units = torch.eye(6).reshape(6, 1, 1, *shape)
    wide = field.forward_and_jvp(TIME, z, units.expand(6, *z.shape), *context)[1]
    torch.testing.assert_close(field.forward_and_jvp(TIME, z, units, *context)[1], wide)


@pytest.mark.parametrize("name", FIELDS)
def test_a_context_is_broadcast(name):
    make, shape = FIELDS[name]
    field = perturb(make(context_dim=2), 0.5)
    z, context = torch.randn(4, 5, *shape), torch.randn(5, 2)
    many = field(TIME, z, context)
    torch.testing.assert_close(many[1], field(TIME, z[1], context))
    torch.testing.assert_close(many[1, 3], field(TIME, z[1, 3], context[3]))
    torch.testing.assert_close(field(TIME, z[1, 3], context)[3], many[1, 3])
    assert (field(TIME, z, context.roll(1, 0)) - many).abs().max() > 1e-3


def test_the_formula():
    field = nn.ConcatSquashMLP(2, hidden_dims=(3,), context_dim=1)
    z, c = torch.randn(4, 2), torch.randn(4, 1)
    inputs = torch.cat((TIME.expand(4, 1), c), -1)
    gates, shifts = field.gates.gate(inputs).sigmoid(), field.gates.shift(inputs)
    h = (field.layers[0](z) * gates[:, :3] + shifts[:, :3]).tanh()
    torch.testing.assert_close(field(TIME, z, c), field.layers[1](h) * gates[:, 3:] + shifts[:, 3:])
    pictures = nn.ConcatSquashConv((1, 4, 3), hidden_channels=(3,))
    z = torch.randn(4, 1, 4, 3)
    gates, shifts = pictures.gates.gate(TIME.reshape(1)).sigmoid(), pictures.gates.shift(TIME.reshape(1))
    gates, shifts = gates[:, None, None], shifts[:, None, None]
    h = torch.nn.functional.softplus(pictures.layers[0](z) * gates[:3] + shifts[:3])
    torch.testing.assert_close(pictures(TIME, z), pictures.layers[1](h) * gates[3:] + shifts[3:])


@pytest.mark.parametrize("name", FIELDS)
def test_a_small_start(name):
    make, shape = FIELDS[name]
    z = torch.randn(20, *shape)
    assert make(zero_init=True)(TIME, z).abs().max() < 0.02
    assert make()(TIME, z).abs().max() > 0.02


@pytest.mark.parametrize("activation", SMOOTH)
def test_slopes_are_derivatives(activation):
    x = torch.linspace(-30, 30, 61, requires_grad=True)
    smooth = SMOOTH[activation]
    value = smooth.value(x)
    torch.testing.assert_close(value, activation()(x))
    products = torch.randn(3, 61, requires_grad=True)
    (slope,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    multiplied = smooth.times_slope(products, x, value)
    torch.testing.assert_close(multiplied, products * slope, rtol=1e-8, atol=3e-9)
    ours, theirs = (
        torch.autograd.grad(y.sum(), (x, products), retain_graph=True) for y in (multiplied, products * slope)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("context_dim", [0, 2])
@pytest.mark.parametrize("name", FIELDS)
def test_a_field_held_at_several_times_is_the_field_at_each(name, context_dim):
    make, shape = FIELDS[name]
    field = perturb(make(context_dim=context_dim), 0.5)
    context = (torch.randn(5, context_dim),) if context_dim else ()
    z, tangents, times = torch.randn(2, 5, *shape), torch.randn(3, 2, 5, *shape), torch.tensor([0.0, 0.3, 1.0])
    for t, held in zip(times, field.at_times(times, *context), strict=True):
        torch.testing.assert_close(held.velocity(z), field(t, z, *context))
        expected = field.forward_and_jvp(t, z, tangents, *context)
        torch.testing.assert_close(held.velocity_and_products(z, tangents), expected)
