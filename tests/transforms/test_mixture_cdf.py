import math

import numpy
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp
from torch import nn

from pyrodgm import transforms
from tests.cases import autoregressive, coupling

MIXTURES = {
    "normal": (transforms.MixtureNormalCDF, transforms.NormalQuantile, stats.norm),
    "logistic": (transforms.MixtureLogisticCDF, transforms.Logit, stats.logistic),
}
EXTREME = torch.tensor([-1e4, -1e3, -300.0, -80, -40, -38, -37, -13, -8, 0, 8, 13, 36, 37, 38, 40, 80, 300, 1e3, 1e4])


def parts(params, num_components, bound=7.0):
    """Weights, locations and scales by the documented order of the parameters."""
    logits, locations, raw = params.double().unflatten(-1, (3, num_components)).unbind(-2)
    return (part.numpy() for part in (logits.log_softmax(-1), locations, (bound * torch.tanh(raw / bound)).exp()))


def by_scipy(name, x, params, num_components):
    log_weights, locations, scales = parts(params, num_components)
    z, family = (x.double().numpy()[..., None] - locations) / scales, MIXTURES[name][2]
    logs = (family.logcdf(z), family.logsf(z), family.logpdf(z) - numpy.log(scales))
    return [torch.from_numpy(logsumexp(log_weights + log, -1)) for log in logs]


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("scale", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tails_against_scipy(name, scale, dtype):
    mixture = MIXTURES[name][0](4)
    x = torch.cat([torch.linspace(-60, 60, 601), EXTREME]).to(dtype)
    params = scale * torch.randn(len(x), mixture.num_params, dtype=dtype)
    tolerance = 1e-10 if dtype == torch.float64 else 2e-4  # of z = (x - m) / s, whose own rounding is multiplied by z
    for ours, expected in zip(mixture.tails(x, params), by_scipy(name, x, params, 4), strict=True):
        assert ours.dtype == dtype
        torch.testing.assert_close(ours.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", MIXTURES)
def test_small_upper_and_lower_tails_keep_their_digits(name):
    mixture = MIXTURES[name][0](2)
    x = torch.linspace(-30, 30, 301)
    log_cdf, log_sf, _ = mixture.tails(x, torch.zeros(6))
    family = MIXTURES[name][2]
    for ours, expected in ((log_cdf, family.logcdf(x.numpy())), (log_sf, family.logsf(x.numpy()))):
        torch.testing.assert_close(ours, torch.from_numpy(expected), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize(("x_shape", "params_batch"), [((), ()), ((5,), ()), ((2, 5), (5,)), ((0,), (0,)), ((), (3,))])
def test_shapes_broadcast(name, x_shape, params_batch):
    mixture = MIXTURES[name][0](3)
    x, params = torch.randn(x_shape), torch.randn(*params_batch, mixture.num_params)
    shape = torch.broadcast_shapes(x_shape, params_batch)
    full = [mixture.forward_and_ladj(x.expand(shape), params.expand(*shape, -1))]
    full.append(mixture.inverse_and_ladj(full[0][0], params.expand(*shape, -1)))
    for ours, expected in zip([mixture.forward_and_ladj(x, params)], full, strict=False):
        for a, b in zip(ours, expected, strict=True):
            assert a.shape == shape
            torch.testing.assert_close(a, b)
    back = mixture.inverse_and_ladj(full[0][0], params)[0]
    assert back.shape == shape
    torch.testing.assert_close(back, x.expand(shape))


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_inverse_of_probabilities_from_end_to_end(name, dtype):
    mixture = MIXTURES[name][0](3)
    u = torch.cat([torch.logspace(-30, -1, 60), torch.linspace(0.1, 0.99, 90)]).to(dtype)
    params = 2 * torch.randn(len(u), mixture.num_params, dtype=dtype)
    x, ladj = mixture.inverse_and_ladj(u, params)
    again, forward_ladj = mixture.forward_and_ladj(x, params)
    tolerance = 1e-11 if dtype == torch.float64 else 3e-4
    torch.testing.assert_close(again.log(), u.log(), rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(ladj, -forward_ladj)


@pytest.mark.parametrize("name", MIXTURES)
def test_gradients_against_finite_differences(name):
    family, quantile, _ = MIXTURES[name]
    mixture = family(3)
    params = torch.randn(6, mixture.num_params, requires_grad=True)
    x, u = torch.randn(6, requires_grad=True), torch.rand(6, requires_grad=True)
    assert torch.autograd.gradcheck(mixture.forward_and_ladj, (x, params))
    assert torch.autograd.gradcheck(mixture.inverse_and_ladj, (u, params))
    normalized = transforms.Normalized(mixture, quantile())
    far = torch.tensor([-60.0, -41.0, -12.0, 9.0, 39.0, 75.0], requires_grad=True)
    for value in (x, far):
        assert torch.autograd.gradcheck(normalized.forward_and_ladj, (value, params), rtol=1e-2, eps=1e-5)
        assert torch.autograd.gradcheck(normalized.inverse_and_ladj, (value, params), rtol=1e-2, eps=1e-5)


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normalized_is_the_identity_at_zero_however_far_out(name, dtype):
    family, quantile, _ = MIXTURES[name]
    normalized = transforms.Normalized(family(3), quantile())
    eps = torch.finfo(dtype).eps
    x = torch.cat([torch.linspace(-60, 60, 2401), EXTREME, torch.tensor([-1e6, 1e6])]).to(dtype).requires_grad_()
    params = torch.zeros(len(x), normalized.num_params, dtype=dtype, requires_grad=True)
    for method in (normalized.forward_and_ladj, normalized.inverse_and_ladj):
        y, ladj = method(x, params)
        torch.testing.assert_close(y, x, rtol=4 * eps, atol=4 * eps)
        # Beyond the bulk (11 and 36 standard deviations) nothing is lost; before it, a log-density of -60 or -700.
        assert ladj.abs().max() < (2e-5 if dtype == torch.float32 else 1e-12)
        slope, by_params = torch.autograd.grad(y.sum(), (x, params), retain_graph=True)
        torch.testing.assert_close(slope, torch.ones_like(x), rtol=0, atol=3e-5 if dtype == torch.float32 else 1e-12)
        assert by_params.isfinite().all()


@pytest.mark.parametrize("name", MIXTURES)
def test_normalized_against_scipy(name):
    family, quantile, reference = MIXTURES[name]
    normalized = transforms.Normalized(family(4), quantile())
    x, params = 6 * torch.randn(200), torch.randn(200, normalized.num_params)
    y, ladj = normalized.forward_and_ladj(x, params)
    log_cdf, log_sf, log_density = by_scipy(name, x, params, 4)
    expected = numpy.where(log_cdf < log_sf, reference.ppf(log_cdf.exp()), reference.isf(log_sf.exp()))
    torch.testing.assert_close(y, torch.from_numpy(expected), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ladj, log_density - torch.from_numpy(reference.logpdf(expected)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", MIXTURES)
def test_families_may_be_mixed(name, turned):
    other = {"normal": "logistic", "logistic": "normal"}[name]
    normalized = transforms.Normalized(MIXTURES[name][0](3), MIXTURES[other][1]())
    univariate = transforms.InverseUnivariate(normalized) if turned else normalized
    x, params = 4 * torch.randn(50), torch.randn(50, univariate.num_params)
    y, ladj = univariate.forward_and_ladj(x, params)
    back, inverse_ladj = univariate.inverse_and_ladj(y, params)
    torch.testing.assert_close(back, x, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(inverse_ladj, -ladj, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("seed", range(5))
def test_wild_parameters_stay_finite(name, dtype, seed):
    torch.manual_seed(seed)
    family, quantile, _ = MIXTURES[name]
    normalized = transforms.Normalized(family(4), quantile())
    x = torch.cat([10 * torch.randn(190), torch.logspace(0, 6, 10), -torch.logspace(0, 6, 10)]).to(dtype)
    for scale in (1.0, 20.0):
        for method in (normalized.forward_and_ladj, normalized.inverse_and_ladj, family(4).forward_and_ladj):
            leaf, params = (
                x.clone().requires_grad_(),
                (scale * torch.randn(210, 12, dtype=dtype)).requires_grad_(),
            )
            value, ladj = method(leaf, params)
            outputs = (value, ladj, *torch.autograd.grad(value.sum() + ladj.sum(), (leaf, params)))
            assert all(t.isfinite().all() for t in outputs)


def test_a_compiled_graph_takes_the_logarithms_for_all(monkeypatch):
    normalized = transforms.Normalized(transforms.MixtureNormalCDF(4), transforms.NormalQuantile())
    x, params = torch.cat([torch.linspace(-60, 60, 301), EXTREME]), torch.randn(321, normalized.num_params)
    expected = normalized.forward_and_ladj(x, params)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    for ours, other in zip(normalized.forward_and_ladj(x, params), expected, strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-10, atol=1e-10)


def test_the_density_integrates_to_one():
    mixture = transforms.InverseUnivariate(transforms.Normalized(transforms.MixtureNormalCDF(3), transforms.Logit()))
    grid = torch.linspace(-400, 400, 400001)
    z, ladj = mixture.inverse_and_ladj(grid, 0.5 * torch.randn(9))
    log_prob = ladj + nn.functional.logsigmoid(z) + nn.functional.logsigmoid(-z)
    assert abs(torch.trapezoid(log_prob.exp(), grid) - 1) < 1e-9


@pytest.mark.parametrize("build", [coupling, autoregressive])
def test_a_chain_over_a_mixture_in_flows(build):
    chain = transforms.Chain([transforms.MixtureLogisticCDF(3), transforms.Logit(), transforms.Affine()])
    bijection = build(4, chain)
    x = torch.randn(7, 4)
    y, ladj = bijection.forward_and_ladj(x)
    back, inverse_ladj = bijection.inverse_and_ladj(y)
    torch.testing.assert_close(back, x)
    torch.testing.assert_close(inverse_ladj, -ladj)


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("num_components", [1, 2, 8])
def test_parameters_set_from_data(name, num_components):
    family, quantile, reference = MIXTURES[name]
    univariate = transforms.InverseUnivariate(transforms.Normalized(family(num_components), quantile()))
    x = torch.stack([torch.randn(4000), 5 + 100 * torch.randn(4000), torch.randn(4000).exp()], -1)
    params = univariate.fit_codomain(x)
    assert params.shape == (3, univariate.num_params)
    z = univariate.inverse_and_ladj(x, params)[0] / reference.std()
    assert z.mean(0).abs().max() < 0.2
    assert (z.std(0) - 1).abs().max() < 0.35
    assert univariate.fit_domain(x) is None


def test_two_clusters_are_found():
    x = torch.cat([torch.randn(500, 1) - 20, torch.randn(500, 1) + 20])
    mixture = transforms.MixtureNormalCDF(6)
    log_density = mixture.tails(x, mixture.fit_domain(x))[2]
    assert log_density.mean() > -2.3  # the two normals have -2.11, one normal over all -4.4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transforms.MixtureNormalCDF(0), "Expected num_components to be an integer of at least 1; got 0"),
        (lambda: transforms.MixtureNormalCDF(2.0), "Expected num_components to be an integer of at least 1; got 2.0"),
        (lambda: transforms.MixtureLogisticCDF(2, max_log_scale=0.0), "Expected max_log_scale > 0; got 0.0"),
        (
            lambda: transforms.MixtureNormalCDF(2).inverse_and_ladj(torch.tensor([0.5, 1.0]), torch.zeros(6)),
            r"Expected values inside \(0, 1\); got 1\.",
        ),
        (
            lambda: transforms.MixtureNormalCDF(4).fit_domain(torch.randn(3, 2)),
            "Expected at least 4 rows to initialize MixtureNormalCDF; got 3",
        ),
        (
            lambda: transforms.MixtureNormalCDF(4).fit_domain(torch.zeros(9, 2) + torch.tensor([math.pi, 0.0])),
            r"got one value only in column\(s\) \[0, 1\]",
        ),
    ],
)
def test_messages(call, message):
    with pytest.raises(ValueError, match=message):
        call()
