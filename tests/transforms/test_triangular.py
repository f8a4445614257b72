"""Triangular layers: what their Jacobian is, and how they are solved."""

import math

import pytest
import torch

from pyrodgm import data, nn, testing, transforms

ORDER = [2, 0, 3, 1]


def vector(context_dim=0, order=ORDER, **kwargs):
    net = nn.TriangularMLP(4, num_units=3, context_dim=context_dim, order=order)
    return testing.perturb(transforms.Triangular(net, **kwargs), 0.3)


def image(context_dim=0, shape=(2, 4, 4), **kwargs):
    net = nn.TriangularConvNet(shape, num_units=2, context_dim=context_dim, **kwargs)
    return testing.perturb(transforms.Triangular(net), 0.3)


LAYERS = {
    "vector": vector,
    "vector, natural order": lambda: vector(order=None),
    "image": image,
    "image, reversed": lambda: image(reverse=True),
    "image, wide kernel": lambda: image(kernel_size=5),
    "image, one pixel": lambda: image(shape=(3, 1, 1)),
}


def full_jacobian(function, x):
    """Return the Jacobian ``(D, D)`` of a function of one event."""
    dim = x.numel()
    return torch.autograd.functional.jacobian(function, x).reshape(dim, dim)


def net_as_function(layer):
    return lambda x: layer.net(x)[0]


@pytest.mark.parametrize("name", LAYERS)
def test_against_the_full_jacobian(name):
    layer = LAYERS[name]()
    y = torch.randn(layer.net.event_shape)
    for function in (layer.inverse_and_ladj, layer.forward_and_ladj):
        jacobian = full_jacobian(lambda v, f=function: f(v)[0], y)
        sign, log_det = torch.linalg.slogdet(jacobian)
        assert sign == 1
        torch.testing.assert_close(function(y)[1], log_det, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", LAYERS)
def test_the_jacobian_is_triangular_in_the_order_and_its_diagonal_is_the_slope(name):
    layer = LAYERS[name]()
    order = layer.net.order
    assert sorted(order.tolist()) == list(range(layer.net.event_shape.numel()))
    x = torch.randn(layer.net.event_shape)
    jacobian = full_jacobian(net_as_function(layer), x)
    sorted_jacobian = jacobian[order][:, order]
    assert (sorted_jacobian.triu(1) == 0).all()
    slope = layer.net(x)[1]
    torch.testing.assert_close(jacobian.diagonal(), slope.flatten(), rtol=1e-10, atol=1e-10)
    assert (slope > 0).all()


def test_each_feature_sees_all_earlier_ones():
    layer = vector()
    order = layer.net.order
    jacobian = full_jacobian(net_as_function(layer), torch.randn(4))[order][:, order]
    assert (jacobian[torch.ones(4, 4).tril(-1).bool()].abs() > 1e-8).all()


def test_a_channel_sees_earlier_channels_of_its_pixel_and_the_rows_above_on_both_sides():
    layer = image()
    jacobian = full_jacobian(net_as_function(layer), torch.randn(2, 4, 4)).reshape(2, 4, 4, 2, 4, 4)
    seen = jacobian[1, 2, 1].abs() > 1e-10  # by the second channel of row 2, column 1: (channel, row, column)
    assert seen[0, 2, 1]
    assert seen[:, 2, 0].all()
    assert seen[:, 1, :3].all()  # one column to the right for each row above
    assert not seen[:, 1, 3].any()
    assert seen[:, 0].all()
    assert not seen[:, 2, 2:].any()
    assert not seen[:, 3].any()
    assert not (jacobian[0, 2, 1, 1, 2, 1].abs() > 0)


def test_the_reversed_order_is_the_picture_turned_round():
    upright = image()
    turned = image(reverse=True)
    turned.load_state_dict(upright.state_dict())
    x = torch.randn(5, 2, 4, 4)
    for ours, theirs in zip(turned.net(x.flip((-3, -2, -1))), upright.net(x), strict=True):
        torch.testing.assert_close(ours.flip((-3, -2, -1)), theirs)


def test_an_order_is_the_features_renamed():
    natural, ordered = vector(order=None), vector()
    weights = natural.net.state_dict() | {"order": ordered.net.order}
    ordered.net.load_state_dict(weights)
    x = torch.randn(5, 4)
    for ours, theirs in zip(ordered.net(x), natural.net(x[:, ORDER]), strict=True):
        torch.testing.assert_close(ours[:, ORDER], theirs)


def test_slopes_are_bounded_at_any_weights():
    for scale in (1.0, 100.0):
        net = testing.perturb(nn.TriangularMLP(3, num_units=5), scale)
        slope = net(3 * torch.randn(500, 3))[1]
        assert (slope >= 0).all()
        assert (slope < 217).all()
    with torch.no_grad():
        for layer in net.layers:
            layer.own.fill_(1e3)
            layer.earlier.weight.zero_()
            layer.earlier.bias.zero_()
    torch.testing.assert_close(net(torch.zeros(3))[1], torch.full((3,), math.log1p(math.exp(6.0)) ** 3))


def test_the_start_is_smooth_and_near_the_identity():
    layer = transforms.Triangular(nn.TriangularMLP(5))
    x = torch.randn(1000, 5)
    value, slope = layer.net(x)
    assert (slope < 0.7).all()
    assert slope.mean() > 0.02
    assert (value - value.mean(0)).abs().max() < 1.0


def test_initialize_standardizes_what_the_net_sees():
    layer = transforms.Triangular(nn.TriangularMLP(3))
    y = torch.tensor([1e-3, 1.0, 1e3]) * (2 * torch.randn(500, 3) + 3)
    layer.initialize(y)
    x = layer.inverse_and_ladj(y)[0]
    assert ((x.std(0) > 0.9) & (x.std(0) < 1.6)).all()
    assert (x.mean(0).abs() < 1).all()
    picture = transforms.Triangular(nn.TriangularConvNet((2, 3, 4)))
    y = torch.tensor([1e-2, 1e2])[:, None, None] * (torch.randn(200, 2, 3, 4) - 2)
    picture.initialize(y)
    assert picture.raw_log_scale.shape == (2, 3, 4)
    x = picture.inverse_and_ladj(y)[0]
    assert ((x.std((0, 2, 3)) > 0.9) & (x.std((0, 2, 3)) < 1.6)).all()


def steep(layer):
    """Make own weights as steep as they get, at places of their own."""
    with torch.no_grad():
        for part in layer.net.layers:
            part.own.fill_(1e3)
    return layer


@pytest.mark.parametrize("make", [lambda: steep(vector()), lambda: steep(image()), lambda: testing.perturb(image(), 3)])
def test_steep_layers_are_solved(make):
    layer = make()
    x = 3 * torch.randn(20, *layer.net.event_shape)
    with torch.no_grad():
        y, ladj = layer.forward_and_ladj(x)
        back, inverse_ladj = layer.inverse_and_ladj(y)
    torch.testing.assert_close(back, x, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(inverse_ladj, -ladj, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("make", [vector, image])
def test_in_order_gives_the_same_as_the_fixed_point(make):
    layer = make()
    x = torch.randn(6, *layer.net.event_shape)
    y, ladj = layer.forward_and_ladj(x)
    assert layer.solver.num_in_order == 0
    assert 1 < layer.solver.num_steps < 300
    layer.solver = transforms.DiagonalFixedPoint(max_steps=1)
    ordered, ordered_ladj = layer.forward_and_ladj(x)
    assert layer.solver.num_in_order == 6
    torch.testing.assert_close(ordered, y, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(ordered_ladj, ladj, atol=1e-9, rtol=1e-9)


def test_only_rows_that_move_are_solved_in_order():
    layer = vector(2)
    x, context = torch.randn(6, 4), torch.randn(6, 2)
    y, _ = layer.forward_and_ladj(x, context)
    calls = []

    def system(v, c):
        value, slope = layer.net(v, c)
        calls.append(len(v))
        slow = 1 + 1e6 * (v.detach() > 50)  # a slope that is far too large stops the first row's last feature
        return v + value, (1 + slope) * slow

    far = layer.net.order[-1]
    goal = x.clone()
    goal[0, far] = 200.0
    solver = transforms.DiagonalFixedPoint(max_steps=100, tolerance=1e-12)
    v = solver.solve(system, goal, context, layer.net.order, what="a test")
    assert solver.num_in_order == 1
    assert calls[:100] == [6] * 100
    assert set(calls[100:]) == {1}
    value, _ = layer.net(v, context)
    torch.testing.assert_close(v + value, goal, atol=1e-6, rtol=1e-6)
    own = (v[1:] - layer.shift) / layer.raw_log_scale.div(16).tanh().mul(16).exp()
    torch.testing.assert_close(own, y[1:], atol=1e-8, rtol=1e-8)


def plain_iteration(layer, alpha, start, goal, num_steps):
    v = start
    for _ in range(num_steps):
        value, slope = layer.net(v)
        v = v + alpha * (goal - v - value) / (1 + slope)
    return v


@pytest.mark.parametrize("make", [vector, lambda: image(shape=(1, 2, 2))])
def test_the_iteration_converges_from_nearby_for_alpha_between_0_and_2(make):
    """The paper's condition: the spectral radius at the solution is ``|1 - alpha|``."""
    layer = make()
    with torch.no_grad():
        solution = torch.randn(5, *layer.net.event_shape)
        goal = solution + layer.net(solution)[0]
        start = solution + 1e-4 * torch.randn_like(solution)
        for alpha in (0.3, 1.0, 1.7):
            error = (plain_iteration(layer, alpha, start, goal, 80) - solution).abs().max()
            assert error < 1e-6, alpha
        error = (plain_iteration(layer, 2.4, start, goal, 80) - solution).abs().max()
        assert not error < 1e-2


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5])
def test_every_alpha_reaches_the_solution(alpha):
    layer = vector(solver=transforms.DiagonalFixedPoint(alpha=alpha))
    x = torch.randn(50, 4)
    y, _ = layer.forward_and_ladj(x)
    assert layer.solver.num_in_order == 0
    torch.testing.assert_close(layer.inverse_and_ladj(y)[0], x, atol=1e-9, rtol=1e-9)


def test_a_step_between_plains_is_found():
    """Undamped, Newton's steps jump from plain to plain for ever: here the slope is 1 but for a step of width 1e-3."""
    solver = transforms.DiagonalFixedPoint()

    def system(x, _):
        h = (1e3 * x).tanh()
        return x + 5 * h, 1 + 5e3 * (1 - h * h)

    y = torch.tensor([[0.5], [-3.0], [4.9], [7.0], [0.0]])
    x = solver.solve(system, y, None, torch.arange(1), what="a step")
    assert solver.num_in_order <= 1  # for one that damping does not settle there is bisection
    torch.testing.assert_close(system(x, None)[0], y, atol=1e-7, rtol=1e-7)
    undamped = y.clone()
    for _ in range(500):
        value, slope = system(undamped, None)
        undamped = undamped + (y - value) / slope
    assert (system(undamped, None)[0] - y).abs().max() > 1


@pytest.mark.parametrize("make", [vector, lambda d: image(d, shape=(2, 2, 2))])
def test_gradients_of_a_draw_are_those_of_the_implicit_function_theorem(make):
    layer = make(2)
    parameters = list(layer.parameters())
    dim = layer.net.event_shape.numel()
    x = torch.randn(layer.net.event_shape, requires_grad=True)
    context = torch.randn(2, requires_grad=True)
    weight = torch.randn(layer.net.event_shape)
    y, _ = layer.forward_and_ladj(x, context)
    ours = torch.autograd.grad((weight * y).sum(), (x, context, *parameters))
    y = y.detach()
    jacobian = full_jacobian(lambda v: layer.inverse_and_ladj(v, context)[0], y)
    adjoint = torch.linalg.solve(jacobian.T, weight.flatten())
    # F(y; theta) = x gives dy = J^-1 (dx - dF/dtheta dtheta).
    torch.testing.assert_close(ours[0].flatten(), adjoint, atol=1e-9, rtol=1e-9)
    value = layer.inverse_and_ladj(y, context)[0].reshape(dim)
    theirs = torch.autograd.grad(-(adjoint.detach() * value).sum(), (context, *parameters))
    for own, other in zip(ours[1:], theirs, strict=True):
        torch.testing.assert_close(own, other, atol=1e-9, rtol=1e-9)


def test_gradients_against_differences():
    net = nn.TriangularMLP(3, num_units=2, context_dim=1, order=[1, 2, 0])
    layer = testing.perturb(transforms.Triangular(net), 0.3)
    x, context = torch.randn(2, 3, requires_grad=True), torch.randn(2, 1, requires_grad=True)
    assert torch.autograd.gradcheck(layer.forward_and_ladj, (x, context))
    assert torch.autograd.gradcheck(layer.inverse_and_ladj, (x, context))
    x, context = x.detach(), context.detach()
    for parameter in (layer.raw_log_scale, layer.net.layers[0].own, layer.net.layers[2].earlier.weight):
        assert torch.autograd.gradcheck(lambda _: layer.forward_and_ladj(x, context), (parameter,))


def test_no_graph_is_kept_without_gradients():
    layer = vector()
    x = torch.randn(5, 4)
    with torch.no_grad():
        y, ladj = layer.forward_and_ladj(x)
    assert not y.requires_grad
    torch.testing.assert_close(layer.forward_and_ladj(x), (y, ladj))


@pytest.mark.parametrize("make", [vector, image])
def test_float32(make):
    layer = make().float()
    x = torch.randn(100, *layer.net.event_shape, dtype=torch.float32)
    y, ladj = layer.forward_and_ladj(x)
    assert y.dtype == ladj.dtype == torch.float32
    assert layer.solver.num_in_order == 0
    torch.testing.assert_close(layer.inverse_and_ladj(y)[0], x, atol=1e-4, rtol=1e-4)


def test_an_empty_batch():
    for layer in (vector(2), image(2)):
        x = torch.zeros(0, *layer.net.event_shape)
        y, ladj = layer.forward_and_ladj(x, torch.zeros(0, 2))
        assert y.shape == x.shape
        assert ladj.shape == (0,)


def test_inverse_error_on_trained_weights():
    """A hundred steps on the pinwheel make layers that bend; inverses stay within 1e-5."""
    torch.manual_seed(0)
    x = data.toy.pinwheel().sample((2000,))
    layers = [transforms.Triangular(nn.TriangularMLP(2, order=order)) for order in ([0, 1], [1, 0]) * 2]
    flow = transforms.Compose(layers)
    flow.initialize(x)
    optimizer = torch.optim.Adam(flow.parameters(), lr=2e-2)
    losses = []
    for _ in range(100):
        z, ladj = flow.inverse_and_ladj(x[torch.randint(2000, (256,))])
        loss = (z.square().sum(-1) / 2 - ladj).mean() + math.log(2 * math.pi)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < losses[0] - 0.1
    with torch.no_grad():
        z, ladj = flow.inverse_and_ladj(x)
        back, forward_ladj = flow.forward_and_ladj(z)
        assert (back - x).abs().max() < 1e-5
        assert (forward_ladj + ladj).abs().max() < 1e-4
        draw = flow.forward_and_ladj(torch.randn(2000, 2))[0]
        assert (flow.forward_and_ladj(flow.inverse_and_ladj(draw)[0])[0] - draw).abs().max() < 1e-5
