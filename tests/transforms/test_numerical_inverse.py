import pytest
import torch

from pyrodgm import transforms
from pyrodgm.testing import perturb
from tests.cases import autoregressive
from tests.transforms.residual import Residual

ORDER = [2, 0, 3, 1]


class Cubic(transforms.Bijection):
    """Two triangular features, too steep for fixed points."""

    def forward_and_ladj(self, x, context=None):
        first, last = x.unbind(-1)
        y = torch.stack([first + first**3, torch.sinh(last) + first], -1)
        return y, (1 + 3 * first**2).log() + torch.cosh(last).log()

    def inverse_and_ladj(self, y, context=None):
        raise AssertionError("never called")


@pytest.fixture
def pairs():
    """Return two bijections that say the same, the first numerically."""
    planar = perturb(transforms.Planar(4, 2), 0.2)
    maf = perturb(autoregressive(4, transforms.Affine(), 2, ORDER))
    solver = transforms.Bisection(ORDER)
    return [
        (transforms.numerical_inverse(planar), planar),
        (transforms.numerical_inverse(transforms.Inverse(maf), solver=solver), transforms.Inverse(maf)),
    ]


def test_equals_the_closed_form(pairs):
    for ours, exact in pairs:
        values = []
        for bijection in (ours, exact):
            torch.manual_seed(1)
            y, context = torch.randn(6, 4, requires_grad=True), torch.randn(6, 2, requires_grad=True)
            x, ladj = bijection.inverse_and_ladj(y, context)
            inputs = (y, context, *exact.parameters())
            values.append((x, ladj, *torch.autograd.grad(x.pow(3).sum() + ladj.sum(), inputs)))
        for numerical, closed in zip(*values, strict=True):
            torch.testing.assert_close(numerical, closed, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("damping", [1.0, 0.5])
def test_gradients(damping):
    residual = Residual(3, 2)
    inverse = transforms.numerical_inverse(residual, solver=transforms.FixedPoint(damping=damping))
    y, context = torch.randn(2, 3, requires_grad=True), torch.randn(2, 2, requires_grad=True)
    torch.autograd.gradcheck(inverse.inverse_and_ladj, (y, context))
    y, context = y.detach(), context.detach()
    torch.autograd.gradcheck(lambda _: inverse.inverse_and_ladj(y, context), (residual.weight,))


def test_bisection_of_steep_maps():
    y = torch.tensor([[1e6, -50.0], [0.0, 0.0], [-3.0, 1e4], [1.0, -2.0]], requires_grad=True)
    inverse = transforms.numerical_inverse(Cubic(), solver=transforms.Bisection())
    x, _ = inverse.inverse_and_ladj(y)
    torch.testing.assert_close(inverse.forward_and_ladj(x)[0], y)
    torch.autograd.gradcheck(inverse.inverse_and_ladj, (y[2:].detach().requires_grad_(),))


def test_no_graph_is_kept_without_gradients():
    inverse = transforms.numerical_inverse(Residual(3))
    y = torch.randn(5, 3)
    with torch.no_grad():
        x, _ = inverse.inverse_and_ladj(y)
    assert not x.requires_grad
    torch.testing.assert_close(inverse.inverse_and_ladj(y)[0], x)


def test_shares_parameters_and_passes_data_on():
    act_norm = transforms.ActNorm(3)
    inverse = transforms.numerical_inverse(act_norm)
    inverse.initialize(torch.randn(10, 3))
    assert act_norm.initialized
    assert {id(p) for p in inverse.parameters()} == {id(p) for p in act_norm.parameters()}


def test_images():
    class Wave(transforms.Bijection):
        def forward_and_ladj(self, x, context=None):
            return x + x.sin() / 2, (1 + x.cos() / 2).log().sum((-1, -2, -3))

        def inverse_and_ladj(self, y, context=None):
            raise AssertionError("never called")

    inverse = transforms.numerical_inverse(Wave(event_dim=3))
    y = torch.randn(2, 1, 3, 4, requires_grad=True)
    x, ladj = inverse.inverse_and_ladj(y)
    assert ladj.shape == (2,)
    torch.testing.assert_close(inverse.forward_and_ladj(x)[0], y)
    (gradient,) = torch.autograd.grad(x.sum(), y)
    torch.testing.assert_close(gradient, 1 / (1 + x.cos() / 2))


def test_says_what_does_not_converge():
    y = torch.full((2, 2), 100.0)
    with pytest.raises(ValueError, match=r"inverse of Cubic to converge; got a residual of .* after \d+ steps"):
        transforms.numerical_inverse(Cubic()).inverse_and_ladj(y)
    shift = transforms.Inverse(perturb(autoregressive(4, transforms.Affine(), 0, ORDER), 1.0))
    backwards = transforms.numerical_inverse(shift, solver=transforms.Bisection(ORDER[::-1]))
    with pytest.raises(ValueError, match=r"inverse of Inverse to converge; got a residual of .* See that each"):
        backwards.inverse_and_ladj(torch.randn(5, 4))
    with pytest.raises(ValueError, match=r"to converge; got a residual of nan"):
        transforms.numerical_inverse(Residual(2)).inverse_and_ladj(torch.full((2, 2), torch.nan))
