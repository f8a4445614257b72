import pytest
import torch

from pyrodgm import transforms
from pyrodgm.testing import perturb


def test_starts_near_the_identity():
    x = torch.randn(100, 5)
    assert (transforms.Planar(5).forward_and_ladj(x)[0] - x).abs().max() < 0.1


def test_the_product_is_what_the_slope_says():
    planar = perturb(transforms.Planar(5), 3.0)
    u_hat, w, _, slope = planar._parts(None)
    torch.testing.assert_close((w * u_hat).sum(), slope)


@pytest.mark.parametrize("towards", [-1e3, -10.0, -1.0, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_trip_at_any_slope(towards, dtype):
    planar = transforms.Planar(3)
    w = torch.randn(3)
    planar.params.data = torch.cat([towards * w / w.square().sum(), w, torch.zeros(1)])  # w . u = towards
    planar = planar.to(dtype)
    slope = planar._parts(None)[3]
    assert slope > -1
    x = torch.cat([torch.randn(200, 3), torch.zeros(1, 3)]).to(dtype)  # zero is where the slope is least
    y, ladj = planar.forward_and_ladj(x)
    back, inverse_ladj = planar.inverse_and_ladj(y)
    tolerance = 1e-2 if dtype == torch.float32 else 1e-9
    torch.testing.assert_close(back, x, atol=tolerance, rtol=tolerance)
    assert torch.isfinite(ladj).all()
    torch.testing.assert_close(inverse_ladj, -ladj, atol=10 * tolerance, rtol=10 * tolerance)


@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-8, 1e-3])
def test_a_short_w_is_no_division_by_zero(length):
    planar = perturb(transforms.Planar(3), 1.0)
    planar.params.data[3:6] *= length
    x = torch.randn(4, 3, requires_grad=True)
    for direction in (planar.forward_and_ladj, planar.inverse_and_ladj):
        value, ladj = direction(x)
        gradients = torch.autograd.grad(value.square().sum() + ladj.sum(), (x, planar.params))
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
    torch.testing.assert_close(planar.inverse_and_ladj(planar.forward_and_ladj(x)[0])[0], x)


@pytest.mark.parametrize("method", ["forward_and_ladj", "inverse_and_ladj"])
def test_gradients(method):
    planar = perturb(transforms.Planar(3, 2), 0.7)
    direction = getattr(planar, method)
    context = torch.randn(2, 2, requires_grad=True)
    torch.autograd.gradcheck(direction, (torch.randn(2, 3, requires_grad=True), context))
    x = torch.randn(2, 3)
    torch.autograd.gradcheck(lambda _: direction(x, context.detach()), (planar.params,))


def test_one_context_of_many_rows():
    planar = perturb(transforms.Planar(3, 2, hidden_dims=(8,)))
    x, context = torch.randn(4, 5, 3), torch.randn(2)
    y, ladj = planar.forward_and_ladj(x, context)
    assert y.shape == (4, 5, 3)
    assert ladj.shape == (4, 5)
    many, many_ladj = planar.forward_and_ladj(x[0, 0], context.expand(6, 2))
    torch.testing.assert_close(many, y[0, 0].expand(6, 3))
    torch.testing.assert_close(many_ladj, ladj[0, 0].expand(6))
    one = planar.inverse_and_ladj(y[0, 0], context.expand(6, 2))[0]
    torch.testing.assert_close(one, x[0, 0].expand(6, 3))
