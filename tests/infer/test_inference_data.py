import warnings

import pytest
import torch

from pyrodgm import Neural, heads, infer, nn
from tests.infer.conjugate import LinearRegression

with warnings.catch_warnings():  # ArviZ 0.23 announces version 1 whenever it is imported
    warnings.filterwarnings("ignore", category=FutureWarning)
    import arviz


@pytest.fixture
def regression():
    return LinearRegression()


def test_chains_of_nuts(regression):
    fit = infer.nuts(
        regression.bayes, regression.x, regression.context, num_samples=60, num_warmup=40, num_chains=2, progress=False
    )
    found = fit.to_inference_data(regression.x, regression.context)
    assert found.posterior["weight"].shape == (2, 60, 3)
    assert found.log_likelihood["x"].shape == (2, 60, 30)
    assert found.observed_data["x"].shape == (30,)
    summary = arviz.summary(found)
    assert len(summary) == 3
    assert (summary["r_hat"] < 1.3).all()
    ours = arviz.rhat(found, method="split")["weight"].to_numpy()
    assert fit.r_hat()["weight"].numpy() == pytest.approx(ours, abs=0.02)
    last = torch.from_numpy(found.posterior["weight"].to_numpy())[1, -1]
    assert torch.equal(last, fit.samples[1, -1])
    score = regression.bayes.log_likelihood({"weight": last}, regression.x, regression.context)
    torch.testing.assert_close(torch.from_numpy(found.log_likelihood["x"].to_numpy())[1, -1], score)


def test_leave_one_out_against_the_closed_form(regression):
    fit = infer.laplace(regression.bayes, regression.x, regression.context, structure="full", num_steps=20)
    found = fit.to_inference_data(regression.x, regression.context, num_draws=2000)
    assert found.posterior["weight"].shape == (1, 2000, 3)
    with warnings.catch_warnings():  # one of thirty rows may have a tail that ArviZ warns of
        warnings.simplefilter("ignore", UserWarning)
        loo = arviz.loo(found)
    exact = 0.0
    for row in range(30):
        kept = torch.arange(30) != row
        context, x = regression.context[kept], regression.x[kept]
        covariance = torch.linalg.inv(torch.eye(3) + context.T @ context / 0.25)
        mean = covariance @ context.T @ x / 0.25
        c = regression.context[row]
        scale = (c @ covariance @ c + 0.25).sqrt()
        exact += torch.distributions.Normal(c @ mean, scale).log_prob(regression.x[row]).item()
    # Over 2,000 draws the sum's standard error is a few hundredths of a nat.
    assert loo.elpd_loo == pytest.approx(exact, abs=0.3)


def test_any_posterior_and_pictures_of_it():
    bayes = infer.bayesian(Neural(nn.MLP(1, 2, hidden_dims=(3,)), heads.Normal(1)), 1.0)
    x, context = torch.randn(8, 1), torch.randn(8, 1)
    for method in (infer.map_estimate, infer.mean_field, infer.ensemble):
        found = method(bayes, x, context, num_steps=2).to_inference_data(x, context, num_draws=10)
        assert set(found.posterior.data_vars) == set(bayes.weights.names)
        assert found.posterior["net.layers.0.weight"].shape == (1, 10, 3, 1)
        assert found.log_likelihood["x"].shape == (1, 10, 8)
