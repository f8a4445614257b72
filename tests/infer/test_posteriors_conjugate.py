import math

import pytest
import torch

from pyrodgm import infer
from tests.infer.conjugate import CASES, LinearRegression

# Statistical comparisons are of estimates with standard errors, within 4 of them: one in 15,000 fails by chance.
ERRORS = 4.0
CONJUGATE = pytest.mark.parametrize("name", CASES)


def moments_agree(draws, posterior, num_independent):
    mean, variance = draws.mean(0), draws.var(0)
    error = (posterior.variance / num_independent).sqrt()
    assert ((mean - posterior.mean).abs() < ERRORS * error).all()
    # The variance of a sample variance is 2 sigma^4 / n for normals, a little less for these flatter densities.
    relative = ERRORS * math.sqrt(2 / num_independent.min())
    torch.testing.assert_close(variance, posterior.variance, rtol=relative, atol=0)


@CONJUGATE
def test_map_is_the_mode(name):
    case = CASES[name]()
    fit = infer.map_estimate(case.bayes, case.x, num_steps=300, lr=0.05)
    torch.testing.assert_close(fit.point()["theta"], case.mode, rtol=0, atol=1e-4)


@CONJUGATE
def test_nuts_has_the_moments(name):
    case = CASES[name]()
    fit = infer.nuts(case.bayes, case.x, num_samples=200, num_warmup=100, progress=False)
    effective = fit.effective_sample_size()["theta"]
    moments_agree(fit.draws_by_chain(200)["theta"][0], case.posterior, effective)
    assert (fit.r_hat()["theta"] < 1.05).all()
    assert fit.num_divergences == 0


@CONJUGATE
@pytest.mark.parametrize("method", [infer.laplace, infer.mean_field, infer.flow_posterior])
def test_the_evidence_by_importance_sampling(name, method):
    case = CASES[name]()
    steps = {infer.laplace: 100, infer.mean_field: 300, infer.flow_posterior: 100}
    fit = method(case.bayes, case.x, num_steps=steps[method], lr=0.05)
    found = infer.evidence(fit, case.x, num_draws=4000)
    assert abs(found.value - case.log_evidence) < ERRORS * found.standard_error + 1e-6
    assert found.standard_error < 0.05
    assert found.effective_sample_size > 1500


def test_laplace_is_exact_where_the_posterior_is_normal():
    case = CASES["NormalNormal"]()
    fit = infer.laplace(case.bayes, case.x, structure="full", num_steps=50, lr=0.1)
    torch.testing.assert_close(fit.mode[0], case.posterior.mean)
    torch.testing.assert_close(1 / fit.factor[0, 0], case.posterior.stddev)
    assert fit.log_evidence == pytest.approx(case.log_evidence, abs=1e-9)


@pytest.fixture
def regression():
    return LinearRegression()


def test_regression_map(regression):
    fit = infer.map_estimate(regression.bayes, regression.x, regression.context, num_steps=600, lr=0.05)
    torch.testing.assert_close(fit.point()["weight"], regression.mean, rtol=0, atol=1e-5)


def test_regression_laplace(regression):
    fit = infer.laplace(regression.bayes, regression.x, regression.context, structure="full", num_steps=20)
    torch.testing.assert_close(fit.point()["weight"], regression.mean)
    torch.testing.assert_close(fit.factor @ fit.factor.T, regression.precision)
    assert fit.log_evidence == pytest.approx(regression.log_evidence, abs=1e-9)
    u = fit.draw_flat(5)
    exact = torch.distributions.MultivariateNormal(regression.mean, regression.covariance)
    torch.testing.assert_close(fit.log_density({"weight": u}), exact.log_prob(u))
    draws = fit.draw(20_000)["weight"]
    error = (regression.covariance.diagonal() / 20_000).sqrt()
    assert ((draws.mean(0) - regression.mean).abs() < ERRORS * error).all()
    torch.testing.assert_close(draws.T.cov(), regression.covariance, rtol=0.1, atol=1e-3)


def test_regression_laplace_by_the_diagonal(regression):
    fit = infer.laplace(regression.bayes, regression.x, regression.context, num_steps=600, lr=0.05)
    torch.testing.assert_close(fit.factor.square(), regression.precision.diagonal())


def test_regression_mean_field(regression):
    fit = infer.mean_field(regression.bayes, regression.x, regression.context, num_steps=1000, lr=0.02, num_particles=4)
    scale = regression.precision.diagonal().rsqrt()  # test_mean_field.py says that the gradient is zero there
    torch.testing.assert_close(fit.log_scale.exp(), scale, rtol=0.1, atol=0)
    assert ((fit.loc - regression.mean).abs() < 0.1 * scale).all()


@pytest.mark.parametrize(
    ("method", "settings"),
    [(infer.low_rank, {"rank": 2, "num_steps": 500}), (infer.flow_posterior, {"num_steps": 250})],
)
def test_regression_low_rank_and_flow_have_the_covariance(regression, method, settings):
    fit = method(regression.bayes, regression.x, regression.context, lr=0.03, num_particles=4, **settings)
    draws = fit.draw(4000)["weight"]
    scale = regression.covariance.diagonal().sqrt()
    assert ((draws.mean(0) - regression.mean).abs() < 0.2 * scale).all()
    off = (draws.T.cov() - regression.covariance) / torch.outer(scale, scale)
    assert off.abs().max() < 0.25
    found = infer.evidence(fit, regression.x, regression.context, num_draws=2000)
    assert abs(found.value - regression.log_evidence) < ERRORS * found.standard_error
    assert found.standard_error < 0.05


def test_regression_nuts(regression):
    fit = infer.nuts(
        regression.bayes, regression.x, regression.context, num_samples=200, num_warmup=100, progress=False
    )
    exact = torch.distributions.MultivariateNormal(regression.mean, regression.covariance)
    moments_agree(fit.draws_by_chain(200)["weight"][0], exact, fit.effective_sample_size()["weight"])


def test_regression_predictive(regression):
    new = torch.randn(6, 3)
    y = regression.predictive(new).sample()
    fit = infer.laplace(regression.bayes, regression.x, regression.context, structure="full", num_steps=20)
    p, exact = infer.predictive(fit, new, num_draws=4000), regression.predictive(new)
    density = p._over_draws(lambda q: q.log_prob(y)).exp()
    error = density.std(0) / density.mean(0) / math.sqrt(4000)
    assert ((p.log_prob(y) - exact.log_prob(y)).abs() < ERRORS * error).all()
    torch.testing.assert_close(p.variance, exact.variance, rtol=0.1, atol=0)
    assert ((p.mean - exact.mean).abs() < ERRORS * (exact.variance / 4000).sqrt()).all()
    torch.testing.assert_close(p.cdf(y), exact.cdf(y), rtol=0, atol=0.02)
    dirac = torch.distributions.Normal(new @ regression.mean, 0.5)
    torch.testing.assert_close(p.dirac.log_prob(y), dirac.log_prob(y))
