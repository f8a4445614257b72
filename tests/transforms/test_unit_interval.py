import math

import pytest
import torch
from scipy import special

from pyrodgm import transforms
from tests.cases import coupling

FAMILIES = {"Logit": transforms.Logit, "NormalQuantile": transforms.NormalQuantile}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_against_scipy(name, dtype):
    univariate = FAMILIES[name]()
    x = torch.cat([torch.logspace(-30, -1, 60), torch.linspace(0.1, 0.999, 90)]).to(dtype)
    y, ladj = univariate.forward_and_ladj(x, x.new_zeros(150, 0))
    expected = {"Logit": special.logit, "NormalQuantile": special.ndtri}[name](x.double().numpy())
    tolerance = 8 * torch.finfo(dtype).eps
    torch.testing.assert_close(y.double(), torch.from_numpy(expected), rtol=tolerance, atol=tolerance)
    back, inverse_ladj = univariate.inverse_and_ladj(y, x.new_zeros(150, 0))
    assert back.dtype == y.dtype == dtype
    torch.testing.assert_close(back, x, rtol=1e3 * tolerance, atol=0)
    torch.testing.assert_close(inverse_ladj, -ladj, rtol=1e2 * tolerance, atol=1e2 * tolerance)


@pytest.mark.parametrize("univariate", [transforms.Logit(), transforms.Sigmoid(), transforms.NormalQuantile()])
def test_derivatives(univariate):
    none = torch.zeros(20, 0)
    unit, line = torch.rand(20).clamp(0.01, 0.99), torch.randn(20)
    takes_unit = univariate.domain.check(torch.tensor(2.0)).logical_not()
    forward_at, inverse_at = (unit, line) if takes_unit else (line, unit)
    for method, value in ((univariate.forward_and_ladj, forward_at), (univariate.inverse_and_ladj, inverse_at)):
        leaf = value.clone().requires_grad_()
        result, ladj = method(leaf, none)
        torch.testing.assert_close(ladj, torch.autograd.grad(result.sum(), leaf)[0].log())
        assert torch.autograd.gradcheck(lambda v, f=method: f(v, none), (leaf,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images_stay_inside_and_finite(dtype):
    line = torch.tensor([-1e6, -800.0, -100, -40, 40, 100, 800, 1e6], dtype=dtype).requires_grad_()
    none = torch.zeros(8, 0, dtype=dtype)
    mixture = transforms.MixtureNormalCDF(2)
    for method, params in (
        (transforms.Sigmoid().forward_and_ladj, none),
        (transforms.Logit().inverse_and_ladj, none),
        (transforms.NormalQuantile().inverse_and_ladj, none),
        (mixture.forward_and_ladj, torch.zeros(8, 6, dtype=dtype)),
    ):
        u, ladj = method(line, params)
        assert ((u > 0) & (u < 1)).all()
        assert ladj.isfinite().all()
        assert torch.autograd.grad(u.sum() + ladj.sum(), line)[0].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_normal_quantile_of_log_tails(dtype):
    y = torch.cat([torch.linspace(-60, 0, 601), -torch.logspace(2, 6, 5)]).to(dtype)
    log_cdf, log_sf = (torch.from_numpy(special.log_ndtr(s * y.double().numpy())).to(dtype) for s in (1, -1))
    eps = torch.finfo(dtype).eps
    for sign, pair in ((1, (log_cdf, log_sf)), (-1, (log_sf, log_cdf))):
        leaves = [t.clone().requires_grad_() for t in pair]
        value, log_slope = transforms.NormalQuantile().of_tails(*leaves)
        torch.testing.assert_close(value, sign * y, rtol=4 * eps, atol=4 * eps)
        mills = torch.from_numpy(math.sqrt(math.pi / 2) * special.erfcx(-y.double().numpy() / math.sqrt(2))).to(dtype)
        torch.testing.assert_close(log_slope, mills.log(), rtol=1e3 * eps, atol=1e3 * eps)
        gradients = torch.autograd.grad(value.sum() + log_slope.sum(), leaves)
        assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("name", ["Logit", "NormalQuantile", "Sigmoid"])
@pytest.mark.parametrize("bad", [0.0, 1.0, -0.5, 7.0, math.nan])
def test_values_outside_are_refused_while_validation_is_on(name, bad, monkeypatch):
    univariate = getattr(transforms, name)()
    method = univariate.inverse_and_ladj if name == "Sigmoid" else univariate.forward_and_ladj
    value, none = torch.tensor([0.5, bad]), torch.zeros(2, 0)
    with pytest.raises(ValueError, match=rf"Expected values inside \(0, 1\); got {bad:g}\."):
        method(value, none)
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", False)
    method(value, none)


def test_domains():
    unit, real = torch.distributions.constraints.unit_interval, torch.distributions.constraints.real
    assert (transforms.Logit().domain, transforms.Logit().codomain) == (unit, real)
    assert (transforms.Sigmoid().domain, transforms.Sigmoid().codomain) == (real, unit)
    assert transforms.InverseUnivariate(transforms.Logit()).codomain is unit
    squash = transforms.Chain([transforms.Affine(), transforms.Sigmoid()])
    assert (squash.domain, squash.codomain) == (real, unit)
    y, _ = coupling(4, squash)(torch.randn(5, 4)), None
    assert ((y[:, 2:] > 0) & (y[:, 2:] < 1)).all()
