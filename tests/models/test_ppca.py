import math

import numpy as np
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from sklearn.decomposition import PCA

from pyrodgm import infer, models
from tests.infer.linear_gaussian import LinearGaussian


def low_rank(num_rows=200, input_dim=6, latent_dim=2, noise=0.5, shift=3.0):
    x = torch.randn(num_rows, latent_dim) @ torch.randn(latent_dim, input_dim) * 2
    return x + noise * torch.randn(num_rows, input_dim) + shift


def with_holes(x, share=0.3):
    x = x.clone()
    x[torch.rand_like(x) < share] = torch.nan
    return x


def marginal(ppca):
    covariance = ppca.weight @ ppca.weight.t() + torch.diag(ppca.noise_variance)
    return dist.MultivariateNormal(ppca.loc, covariance)


def observed_log_prob(model, x):
    """The log-density of each row's observed part, from that part's marginal covariance."""
    loc, covariance = marginal(model).loc, marginal(model).covariance_matrix
    rows = []
    for row in x:
        o = ~row.isnan()
        part = (
            torch.tensor(0.0) if not o.any() else dist.MultivariateNormal(loc[o], covariance[o][:, o]).log_prob(row[o])
        )
        rows.append(part)
    return torch.stack(rows)


@pytest.mark.parametrize("make", [models.PPCA, models.FactorAnalysis])
def test_log_prob_is_that_of_the_marginal_normal(make):
    model, x = make(6, 2), low_rank()
    model.initialize(x)
    torch.testing.assert_close(model.log_prob(x), marginal(model).log_prob(x))


@pytest.mark.parametrize("make", [models.PPCA, models.FactorAnalysis])
def test_log_prob_of_what_is_observed(make):
    model, x = make(6, 2), with_holes(low_rank(30))
    x[4] = torch.nan
    model.initialize(x)
    torch.testing.assert_close(model.log_prob_observed(x), observed_log_prob(model, x))


def test_small_noise_costs_no_digits():
    model = models.PPCA(6, 2)
    x = low_rank(noise=1e-3)
    model.fit(x)
    exact = dist.MultivariateNormal(
        model.loc, model.weight @ model.weight.t() + torch.diag(model.noise_variance)
    ).log_prob(x)
    single = models.PPCA(6, 2).float()
    single.load_state_dict(model.state_dict())
    assert (single.log_prob(x.float()).double() - exact).abs().mean() < 0.05
    assert model.noise_variance[0].sqrt().item() == pytest.approx(1e-3, rel=0.1)


def test_posterior_is_that_of_a_linear_gaussian_model():
    case = LinearGaussian()
    net = case.vae.likelihood.net
    model = models.PPCA(3, 2)
    with torch.no_grad():
        model.weight.copy_(net.weight)
        model.loc.copy_(net.bias)
        model.joint.set_variance(torch.tensor([0.25]))
    torch.testing.assert_close(model.log_prob(case.x), case.evidence)
    posterior = model.posterior(case.x)
    torch.testing.assert_close(posterior.mean, case.posterior.mean)
    torch.testing.assert_close(posterior.covariance_matrix, case.posterior.covariance_matrix.expand(6, 2, 2))


def test_the_elbo_is_the_log_likelihood_also_with_holes():
    model, x = models.PPCA(6, 2), low_rank()
    model.initialize(x)
    for rows in (x, with_holes(x)):
        loss = Trace_ELBO()(model.model, model.guide)(rows)
        assert loss.item() == pytest.approx(-model.log_prob_observed(rows).sum().item(), rel=1e-10)


def test_log_prob_equals_scikit_learns_score():
    x = low_rank()
    pca = PCA(2).fit(x.numpy())
    model = models.PPCA(6, 2)
    noise = pca.noise_variance_
    with torch.no_grad():
        model.loc.copy_(torch.as_tensor(pca.mean_))
        model.weight.copy_(torch.as_tensor(pca.components_.T * np.sqrt(pca.explained_variance_ - noise)))
        model.joint.set_variance(torch.tensor([noise]))
    torch.testing.assert_close(
        model.log_prob(x).detach(), torch.as_tensor(pca.score_samples(x.numpy())), rtol=0, atol=1e-8
    )


@pytest.mark.parametrize("shape", [(200, 6), (8, 12)])
def test_closed_form_finds_scikit_learns_components(shape):
    x = low_rank(*shape)
    pca, model = PCA(2).fit(x.numpy()), models.PPCA(shape[1], 2).fit(x)
    torch.testing.assert_close((model.principal_axes().t() @ torch.as_tensor(pca.components_).t()).abs(), torch.eye(2))
    # Scikit-learn divides by one row less than there are, and leaves empty directions out of few rows' noise.
    share = (shape[0] - 1) / shape[0]
    torch.testing.assert_close(model.principal_variances(), torch.as_tensor(pca.explained_variance_) * share)
    if shape[0] > shape[1]:
        assert model.noise_variance[0].item() == pytest.approx(pca.noise_variance_ * share)


@pytest.mark.parametrize("shape", [(200, 6), (8, 12)])
def test_closed_form_is_a_maximum(shape):
    x = low_rank(*shape)
    model = models.PPCA(shape[1], 2).fit(x)
    loss = -model.log_prob(x).mean()
    for gradient in torch.autograd.grad(loss, list(model.parameters())):
        assert gradient.abs().max() < 1e-8
    best = loss.item()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    assert -model.log_prob(x).mean().item() > best


def test_em_converges_to_the_closed_form():
    x = low_rank(noise=1.0)  # the lengths of loadings converge the slower, the less noise there is
    closed, model = models.PPCA(6, 2).fit(x), models.PPCA(6, 2)
    result = infer.em(model, x, num_steps=1000, tolerance=1e-14)
    assert result.log_likelihood / len(x) == pytest.approx(closed.log_prob(x).mean().item(), abs=1e-8)
    assert all(b >= a - 1e-8 for a, b in zip(result.bounds, result.bounds[1:], strict=False))
    torch.testing.assert_close(model.noise_variance, closed.noise_variance, rtol=1e-6, atol=0)
    before = model.log_prob(x)
    torch.testing.assert_close(model.rotate().log_prob(x), before)
    torch.testing.assert_close(
        model.weight * model.weight[0].sign(), closed.weight * closed.weight[0].sign(), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("make", [models.PPCA, models.FactorAnalysis])
def test_em_with_holes_raises_the_exact_likelihood_to_a_maximum(make):
    x = with_holes(low_rank(80, noise=1.0))
    model = make(6, 2)
    model.initialize(x)
    q = model.e_step(x)
    assert model.bound(x, q).item() == pytest.approx(model.log_prob_observed(x).sum().item())
    result = infer.em(model, x, num_steps=1000, tolerance=1e-11, missing="em")
    assert all(b >= a - 1e-8 for a, b in zip(result.bounds, result.bounds[1:], strict=False))
    gradients = torch.autograd.grad(model.log_prob_observed(x).mean(), [model.weight, model.loc])
    assert max(gradient.abs().max() for gradient in gradients) < 1e-4


def test_m_step_maximizes_the_bound():
    x = with_holes(low_rank(80))
    model = models.FactorAnalysis(6, 2)
    model.initialize(x)
    q = model.e_step(x)
    model.m_step(x, q)
    bound = model.joint.bound(x, q) / len(x)
    for gradient in torch.autograd.grad(bound, list(model.parameters())):
        assert gradient.abs().max() < 1e-10


def test_holes_filled_in_by_the_conditional_mean():
    x = low_rank(40)
    model = models.PPCA(6, 2).fit(x)
    gone = torch.arange(6) < 2
    holes = torch.where(gone, torch.nan, x)
    covariance = marginal(model).covariance_matrix
    gain = covariance[gone][:, ~gone] @ torch.linalg.inv(covariance[~gone][:, ~gone])
    expected = model.loc[gone] + (x - model.loc)[:, ~gone] @ gain.t()
    imputed = model.impute(holes)
    torch.testing.assert_close(imputed[:, gone], expected.detach())
    assert torch.equal(imputed[:, ~gone], x[:, ~gone])


def test_svi_gets_near_the_closed_form():
    x = low_rank()
    best = models.PPCA(6, 2).fit(x).log_prob(x).mean().item()
    model = models.PPCA(6, 2)
    model.initialize(x)
    loss_of = infer.ReparameterizedELBO()(model.model, model.guide)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
    for _ in range(400):
        optimizer.zero_grad()
        (loss_of(x) / len(x)).backward()
        optimizer.step()
        schedule.step()
    assert best - 1e-3 < model.log_prob(x).mean().item() <= best + 1e-10


def test_draws_have_the_moments_of_the_marginal():
    model = models.PPCA(4, 2).fit(low_rank(input_dim=4))
    x = model.sample(20_000)
    # Six standard errors for each of 20 numbers: about one failure in 2e7 runs.
    exact = marginal(model)
    deviation = exact.covariance_matrix.diagonal().sqrt()
    assert ((x.mean(0) - exact.mean) / deviation).abs().max() < 6 / math.sqrt(20_000)
    standard = ((x - exact.mean) / deviation).detach()
    correlation = exact.covariance_matrix / deviation.outer(deviation)
    errors = ((1 + correlation.square()) / 20_000).sqrt()
    assert ((standard.t() @ standard / 20_000 - correlation) / errors).abs().max() < 6


def test_counts_of_parameters():
    assert models.PPCA(5, 1).num_parameters() == 5 + 1 + 5
    assert models.PPCA(5, 2).num_parameters() == 5 + 1 + 10 - 1
    assert models.FactorAnalysis(5, 2).num_parameters() == 10 + 10 - 1


def test_both_are_fitted_by_em():
    assert isinstance(models.PPCA(3, 1), models.ExpectationMaximization)
    assert isinstance(models.FactorAnalysis(3, 1), models.ExpectationMaximization)
