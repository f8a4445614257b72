import math

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import Neural, flows, heads, infer, nn
from pyrodgm.infer import curvature
from pyrodgm.infer.curvature import LogJoint
from pyrodgm.infer.flat_weights import FlatWeights
from pyrodgm.infer.laplace import newton
from tests.infer.conjugate import LinearRegression, OneNumber


def small_net():
    context = torch.linspace(-1, 1, 12)[:, None]
    x = (2 * context).sin() + 0.1 * torch.randn(12, 1)
    likelihood = Neural(nn.MLP(1, 2, hidden_dims=(3,), activation=torch.nn.Tanh), heads.Normal(1))
    return infer.bayesian(likelihood, 1.0), x, context


def test_the_curvature_is_torch_func_s(monkeypatch):
    monkeypatch.setattr(curvature, "CHUNK", 4)
    bayes, x, context = small_net()
    flat = FlatWeights(bayes)
    joint = LogJoint(bayes, flat, x, context)
    u = torch.randn(flat.num_weights)
    reference = torch.func.jacrev(torch.func.jacrev(lambda v: -joint(v)))(u)
    torch.testing.assert_close(joint.hessian(u, diagonal=False), reference)
    torch.testing.assert_close(joint.hessian(u, diagonal=True), reference.diagonal())


def test_the_curvature_where_gradients_cannot_be_mapped():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * Looked.apply(gradient)

    class Looked(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * (1.0 if x.sum().item() < math.inf else 0.0)

        @staticmethod
        def backward(ctx, gradient):
            return gradient * (1.0 if gradient.sum().item() < math.inf else 0.0)

    values = torch.randn(3)
    leaf = values.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(Cube.apply(leaf).sum(), leaf, create_graph=True)
    found = curvature.matrix_rows(gradient, leaf, diagonal=False)
    torch.testing.assert_close(found, torch.diag(6 * values))


def test_newton_ends_at_the_mode():
    bayes, x, context = small_net()
    fit = infer.laplace(bayes, x, context, structure="full", num_steps=1500, lr=0.05)
    joint = LogJoint(bayes, fit.flat, x, context)
    leaf = fit.mode.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(joint(leaf), leaf)
    assert gradient.abs().max() < 1e-4
    torch.testing.assert_close(fit.factor @ fit.factor.T, joint.hessian(fit.mode, diagonal=False))
    normal = torch.distributions.MultivariateNormal(fit.mode, precision_matrix=fit.factor @ fit.factor.T)
    u = fit.draw_flat(4)
    torch.testing.assert_close(fit.log_density_flat(u), normal.log_prob(u))
    assert fit.log_evidence == pytest.approx((joint(fit.mode) - normal.log_prob(fit.mode)).item())


def test_the_evidence_of_unconstrained_numbers_by_hand():
    # A positive weight under Exponential(1): log p(u) = -exp(u) + u, mode of a product of such terms by hand.
    x = torch.tensor([1.0, 2.0, 3.0])
    bayes = infer.bayesian(OneNumber(dist.Poisson, 1.0), dist.Exponential(torch.tensor(1.0)))
    fit = infer.laplace(bayes, x, structure="full", num_steps=200, lr=0.05)
    rate = torch.tensor(7.0 / 4.0)  # of 6 log r - 3 r - r + log r
    torch.testing.assert_close(fit.mode[0], rate.log())
    joint = 7 * rate.log() - 4 * rate - torch.lgamma(x + 1).sum()
    expected = joint + 0.5 * math.log(2 * math.pi) - 0.5 * (4 * rate).log()
    assert fit.log_evidence == pytest.approx(expected.item())
    # In weights the density has the Jacobian's share besides.
    at_mode = -0.5 * math.log(2 * math.pi) + 0.5 * (4 * rate).log() - rate.log()
    assert fit.log_density({"theta": rate}).item() == pytest.approx(at_mode.item())


def test_the_fisher_information_of_a_linear_model(monkeypatch):
    regression = LinearRegression()
    monkeypatch.setattr(curvature, "NUM_LABELS", 400)
    for structure in ("full", "diagonal"):
        fit = infer.laplace(
            regression.bayes, regression.x, regression.context, structure=structure, curvature="fisher", num_steps=300
        )
        exact = regression.precision if structure == "full" else regression.precision.diagonal()
        found = fit.factor @ fit.factor.T if structure == "full" else fit.factor.square()
        # A sum of 400 squares has a relative standard error of 0.07 or less; rows average it further.
        torch.testing.assert_close(found, exact, rtol=0.1, atol=0.05 * exact.abs().max().item())


def test_the_fisher_information_of_an_unconditional_model():
    bayes = infer.bayesian(flows.maf(2, num_layers=1, hidden_dims=(4,)), 1.0)
    fit = infer.laplace(bayes, torch.randn(40, 2), curvature="fisher", num_steps=20)
    assert (fit.factor >= 1.0 - 1e-9).all()  # the prior's precision, at least


def test_a_flat_prior_has_no_evidence():
    regression = LinearRegression()
    bayes = infer.bayesian(regression.bayes.module, math.inf)
    for kind in ("hessian", "fisher"):
        fit = infer.laplace(bayes, regression.x, regression.context, curvature=kind, num_steps=50)
        assert fit.log_evidence is None
    least_squares = torch.linalg.lstsq(regression.context, regression.x[:, None]).solution[:, 0]
    full = infer.laplace(bayes, regression.x, regression.context, structure="full", num_steps=50)
    torch.testing.assert_close(full.mode, least_squares)


def test_newton_climbs_from_where_the_curvature_is_negative():
    context = torch.linspace(-2, 2, 60)[:, None]
    x = torch.sin(2 * context) + 0.1 * torch.randn(60, 1)
    bayes = infer.bayesian(Neural(torch.nn.Linear(1, 2), heads.Normal(1)), 1.0)
    flat = FlatWeights(bayes)
    joint = LogJoint(bayes, flat, x, context)
    start = torch.tensor([0.0, 0.5, 0.0, 5.0])
    assert torch.linalg.eigvalsh(joint.hessian(start, diagonal=False))[0] < 0
    mode, matrix = newton(joint, start)
    leaf = mode.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(joint(leaf), leaf)
    assert gradient.abs().max() < 1e-4
    assert torch.linalg.eigvalsh(matrix)[0] > 0
