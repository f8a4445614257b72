"""MintNet: what the builder builds, and images that it is trained on."""

import copy
import itertools
import math

import pytest
import torch

from pyrodgm import data, flows, testing, transforms
from pyrodgm.flows.mintnet import scale_shapes


def triangular_layers(flow):
    return [part for part in flow.bijection.parts if isinstance(part, transforms.Triangular)]


def test_orders_go_up_and_down_in_turn():
    vector = [layer.net.order.tolist() for layer in triangular_layers(flows.mintnet(3, num_layers=4))]
    assert vector == [[0, 1, 2], [2, 1, 0]] * 2
    image = [layer.net.order.tolist() for layer in triangular_layers(flows.mintnet((2, 1, 3), num_layers=2))]
    assert image == [[0, 3, 1, 4, 2, 5], [5, 2, 4, 1, 3, 0]]


def test_scales():
    flow = flows.mintnet((1, 4, 8), num_layers=2, num_scales=3, num_units=2)
    kinds = [type(part) for part in flow.bijection.parts]
    squeezes, finer = [transforms.Inverse] * 2, [transforms.Squeeze, *[transforms.Triangular] * 2]
    assert kinds == [*squeezes, *[transforms.Triangular] * 2, *finer, *finer, transforms.LogitTransform]
    shapes = [tuple(layer.net.event_shape) for layer in triangular_layers(flow)]
    assert shapes == [(16, 1, 2)] * 2 + [(4, 2, 4)] * 2 + [(1, 4, 8)] * 2
    assert flow.event_shape == (1, 4, 8)
    assert scale_shapes((3, 4, 4), 1) == [(3, 4, 4)]


@pytest.mark.parametrize("shape", [(2, 4, 4), (1, 2, 4)])
def test_against_the_full_jacobian(shape):
    """Through all layers, scales and the logit, of images."""
    flow = testing.perturb(flows.mintnet(shape, 2, num_layers=2, num_units=2, num_scales=2), 0.2)
    dim, context = math.prod(shape), torch.randn(2)
    x = torch.rand(shape)
    jacobian = torch.autograd.functional.jacobian(lambda v: flow.bijection.inverse_and_ladj(v, context)[0], x)
    ladj = flow.bijection.inverse_and_ladj(x, context)[1]
    torch.testing.assert_close(ladj, torch.linalg.slogdet(jacobian.reshape(dim, dim))[1], rtol=1e-8, atol=1e-8)


def test_without_the_logit_data_are_on_the_line():
    flow = flows.mintnet((1, 2, 2), logit=None)
    assert not any(isinstance(part, transforms.LogitTransform) for part in flow.bijection.parts)
    assert flow().log_prob(torch.full((1, 2, 2), -5.0)).isfinite()
    assert flows.mintnet((1, 2, 2), logit=0.1).bijection.parts[-1].alpha == 0.1


def test_a_solver_is_handed_to_each_layer_and_a_base_taken():
    solver = transforms.DiagonalFixedPoint(alpha=0.9)
    base = flows.logistic_base(3)
    flow = flows.mintnet(3, solver=solver, base=base)
    assert all(layer.solver is solver for layer in triangular_layers(flow))
    assert flow.base is base
    own = [layer.solver for layer in triangular_layers(flows.mintnet(3))]
    assert all(first is not second for first, second in itertools.combinations(own, 2))


def test_draws_carry_gradients_and_have_their_density():
    for shape in (3, (1, 2, 4)):
        flow = testing.perturb(flows.mintnet(shape, 2, num_layers=2, num_units=3), 0.2)
        context = torch.randn(5, 2, requires_grad=True)
        x, log_prob = flow(context).rsample_and_log_prob((4,))
        torch.testing.assert_close(flow(context).log_prob(x.detach()), log_prob)
        (gradient,) = torch.autograd.grad(x.sum() + log_prob.sum(), context)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().sum() > 0


def test_it_learns_digits_and_inverts_them():
    """A hundred steps on small digits; draws and data come back within 1e-5, and labels matter."""
    torch.manual_seed(0)
    splits = data.digits(num_levels=17)
    x = splits.train.x.reshape(-1, 1, 8, 8).to(torch.get_default_dtype())
    labels = torch.nn.functional.one_hot(splits.train.labels, 10).to(x)
    flow = flows.mintnet((1, 8, 8), 10, num_layers=2, num_units=4, num_scales=2)
    flow.initialize((x + torch.rand_like(x)) / 17, labels)
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-2)
    losses = []
    for _ in range(100):
        rows = torch.randint(len(x), (64,))
        y = (x[rows] + torch.rand(64, 1, 8, 8)) / 17
        loss = -flow(labels[rows]).log_prob(y).mean() / (64 * math.log(2)) + math.log2(17)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    late = sum(losses[-10:]) / 10
    assert late < losses[0] - 0.2  # bits per dimension
    with torch.no_grad():
        y = (x[:50] + torch.rand(50, 1, 8, 8)) / 17
        z, ladj = flow.bijection.inverse_and_ladj(y, labels[:50])
        back, forward_ladj = flow.bijection.forward_and_ladj(z, labels[:50])
        assert (back - y).abs().max() < 1e-5
        torch.testing.assert_close(forward_ladj, -ladj, atol=1e-4, rtol=1e-6)
        drawn = flow(labels[:50]).sample()
        z = flow.bijection.inverse_and_ladj(drawn, labels[:50])[0]
        assert (flow.bijection.forward_and_ladj(z, labels[:50])[0] - drawn).abs().max() < 1e-5
        gap = flow(labels[:50]).log_prob(y) - flow(labels[:50].roll(1, -1)).log_prob(y)
    assert gap.abs().mean() > 1e-3


def test_in_float32_draws_come_back():
    torch.manual_seed(0)
    flow = testing.perturb(flows.mintnet((1, 6, 6), num_layers=4, logit=None), 0.2).float()
    z = torch.randn(20, 1, 6, 6, dtype=torch.float32)
    with torch.no_grad():
        x, _ = flow.bijection.forward_and_ladj(z)
        back, _ = flow.bijection.inverse_and_ladj(x)
    assert (back - z).abs().max() < 1e-3


def test_a_copy_draws_the_same():
    flow = testing.perturb(flows.mintnet((1, 2, 4), num_layers=2, num_scales=2), 0.2)
    twin = copy.deepcopy(flow)
    torch.manual_seed(0)
    x = flow().sample((3,))
    torch.manual_seed(0)
    torch.testing.assert_close(twin().sample((3,)), x)
