"""Against scikit-learn from the same start, marginals by hand, gradients, and data that are hard."""

import copy
import math
import warnings

import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO, TraceEnum_ELBO, config_enumerate
from pyro.optim import Adam

from pyrodgm import infer, models
from pyrodgm.models import gaussian_mixture_steps as steps

KINDS = {"full": "full", "diagonal": "diag", "tied": "tied"}  # ours: scikit-learn's


def clusters(num_rows=300, dim=3, num=3):
    parts = [torch.randn(num_rows // num, dim) @ torch.randn(dim, dim) + 3 * torch.randn(dim) for _ in range(num)]
    return torch.cat(parts)


def sklearn_twin(mixture, **kwargs):
    from sklearn.mixture import GaussianMixture

    weights, means, covariances = (t.detach() for t in (mixture.weights, mixture.means, mixture.covariances))
    kind = mixture.components.covariance
    return GaussianMixture(
        mixture.num_components,
        covariance_type=KINDS[kind],
        weights_init=weights.numpy(),
        means_init=means.numpy(),
        precisions_init=(1 / covariances if kind == "diagonal" else torch.linalg.inv(covariances)).numpy(),
        **kwargs,
    )


def fitted_twin(mixture, x, num_steps, **kwargs):
    twin = sklearn_twin(mixture, max_iter=num_steps, tol=0.0, **kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so few steps do not converge
        return twin.fit(x.numpy())


def filled_in(covariance="full", x=None, num=3, **kwargs):
    x = clusters() if x is None else x
    mixture = models.GaussianMixture(x.shape[1], num, covariance, **kwargs)
    mixture.initialize(x)
    return mixture


def detached(mixture):
    gaussians = mixture.components.gaussians()
    return type(gaussians)(*(t.detach() for t in vars(gaussians).values()))


@pytest.mark.parametrize("covariance", KINDS)
def test_em_takes_the_steps_of_scikit_learn(covariance):
    x = clusters()
    mixture = filled_in(covariance, x)
    twin = fitted_twin(mixture, x, 15, reg_covar=0.0)
    found = infer.em(mixture, x, num_steps=15, tolerance=0.0, initialize=False)
    assert found.num_steps == 15
    assert found.log_likelihood == pytest.approx(len(x) * twin.score(x.numpy()), abs=1e-6)
    for ours, theirs in (
        (mixture.weights, twin.weights_),
        (mixture.means, twin.means_),
        (mixture.covariances, twin.covariances_),
        (mixture.log_prob(x), twin.score_samples(x.numpy())),
        (mixture.assignments(x), twin.predict_proba(x.numpy())),
    ):
        torch.testing.assert_close(ours.detach(), torch.from_numpy(theirs), rtol=1e-6, atol=1e-6)
    assert mixture.bic(x) == pytest.approx(twin.bic(x.numpy()), abs=1e-5)


@pytest.mark.parametrize("covariance", KINDS)
def test_the_floor_is_no_other_optimum_than_their_regularization(covariance):
    x = clusters()
    mixture = filled_in(covariance, x)
    twin = fitted_twin(mixture, x, 300)
    found = infer.em(mixture, x, num_steps=300, tolerance=0.0, initialize=False)
    assert found.log_likelihood / len(x) == pytest.approx(twin.score(x.numpy()), abs=1e-6)


@pytest.mark.parametrize("covariance", KINDS)
@pytest.mark.parametrize("missing", [False, True])
def test_the_bound_is_tight_after_e_and_rises_with_m(covariance, missing):
    x = clusters(90)
    if missing:
        x[torch.rand_like(x) < 0.3] = math.nan
        x[7] = math.nan  # nothing is known of this row
    mixture = filled_in(covariance, x)
    for _ in range(5):
        q = mixture.e_step(x)
        likelihood = mixture.log_prob_observed(x).sum().detach()
        torch.testing.assert_close(mixture.bound(x, q), likelihood)
        mixture.m_step(x, q)
        assert likelihood < mixture.bound(x, q) < mixture.log_prob_observed(x).sum()


@pytest.mark.parametrize("covariance", KINDS)
def test_the_m_step_maximizes(covariance):
    x = clusters(60)
    x[::4, 1] = math.nan
    mixture = filled_in(covariance, x, covariance_floor=0.0)
    q = mixture.e_step(x)
    mixture.m_step(x, q)
    expected = steps.MixtureStatistics.expected_log_joint(q, mixture.components.gaussians())
    for name, gradient in zip(
        dict(mixture.named_parameters()), torch.autograd.grad(expected, list(mixture.parameters())), strict=True
    ):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-8, rtol=0, msg=name)


@pytest.mark.parametrize("covariance", KINDS)
def test_missing_values_have_the_marginals_by_hand(covariance):
    x = clusters(60)
    mixture = filled_in(covariance, x)
    holes = x.clone()
    holes[:20, 1] = math.nan
    holes[20:40, [0, 2]] = math.nan
    observed = {0: [0, 2], 20: [1], 40: [0, 1, 2]}
    for first, features in observed.items():
        rows = slice(first, first + 20)
        full = mixture.components.component(torch.arange(3))
        sigma = torch.diag_embed(full.variance) if covariance == "diagonal" else full.covariance_matrix
        marginal = dist.MultivariateNormal(full.mean[:, features], sigma[:, features][:, :, features])
        wanted = dist.MixtureSameFamily(dist.Categorical(mixture.weights), marginal)
        torch.testing.assert_close(mixture.log_prob_observed(holes)[rows], wanted.log_prob(x[rows][:, features]))


def test_moments_of_missing_values_by_conditioning_row_by_row():
    x = clusters(30)
    mixture = filled_in("full", x)
    x[torch.rand_like(x) < 0.4] = math.nan
    shares = mixture.assignments(x).detach()
    first, second = torch.zeros(3, 3), torch.zeros(3, 3, 3)
    for row, share in zip(x, shares, strict=True):
        m, o = row.isnan().nonzero()[:, 0], (~row.isnan()).nonzero()[:, 0]
        for k in range(3):
            mu, sigma = mixture.means[k].detach(), mixture.covariances[k].detach()
            gain = sigma[m][:, o] @ torch.linalg.inv(sigma[o][:, o])
            guess = row.clone()
            guess[m] = mu[m] + gain @ (row[o] - mu[o])
            spread = torch.zeros(3, 3)
            spread[m[:, None], m] = sigma[m][:, m] - gain @ sigma[o][:, m]
            first[k] += share[k] * guess
            second[k] += share[k] * (guess.outer(guess) + spread)
    q = mixture.e_step(x)
    torch.testing.assert_close(q.counts, shares.sum(0))
    torch.testing.assert_close(q.counts[:, None] * q.means, first)
    torch.testing.assert_close(q.scatter + q.counts[:, None, None] * q.means[:, :, None] * q.means[:, None], second)


@pytest.mark.parametrize("covariance", KINDS)
def test_products_and_whitening_agree(covariance):
    x = clusters()
    gaussians = detached(filled_in(covariance, x))
    fast, exact = steps.by_products(gaussians, x, gaussians.means.mean(0)), steps.by_whitening(gaussians, x)
    for one, other in zip(vars(fast).values(), vars(exact).values(), strict=True):
        torch.testing.assert_close(one, other)


def test_narrow_components_far_apart_lose_no_digits():
    x = torch.cat((1e6 + 1e-3 * torch.randn(500, 2), -1e6 + 1e-3 * torch.randn(500, 2)))
    mixture = filled_in("full", x, num=2, covariance_floor=0.0)
    infer.em(mixture, x, initialize=False)
    spread = mixture.covariances.detach().diagonal(dim1=1, dim2=2)
    wanted = torch.stack((x[:500].var(0, correction=0), x[500:].var(0, correction=0)))
    order = mixture.means[:, 0].argsort(descending=True)
    torch.testing.assert_close(spread[order], wanted, rtol=1e-6, atol=0)


@pytest.mark.parametrize("covariance", KINDS)
def test_single_precision(covariance):
    x = clusters()
    wide = filled_in(covariance, x)
    narrow = copy.deepcopy(wide).float()
    found = infer.em(wide, x, num_steps=10, tolerance=0.0, initialize=False)
    rounded = infer.em(narrow, x.float(), num_steps=10, tolerance=0.0, initialize=False)
    assert rounded.log_likelihood == pytest.approx(found.log_likelihood, rel=1e-5)
    assert narrow.log_prob(x.float()).dtype == torch.float32


def test_gradients_reach_the_likelihood_of_em():
    x = clusters(150, dim=2)
    start = filled_in("full", x)
    best = copy.deepcopy(start)
    wanted = infer.em(best, x, num_steps=500, tolerance=1e-9, initialize=False).log_likelihood
    svi = SVI(start.model, config_enumerate(start.guide), Adam({"lr": 0.05}), TraceEnum_ELBO(max_plate_nesting=1))
    for _ in range(500):
        svi.step(x)
    assert start.log_prob(x).sum().item() == pytest.approx(wanted, abs=0.05)


def test_enumeration_of_guide_or_model_gives_likelihood_and_gradient():
    x = clusters(30)
    mixture = filled_in("full", x)
    exact = -mixture.log_prob(x).sum()
    wanted = torch.autograd.grad(exact, list(mixture.parameters()))
    objective = TraceEnum_ELBO(max_plate_nesting=1)
    for model, guide in (
        (mixture.model, config_enumerate(mixture.guide)),
        (mixture.model, lambda x: None),
    ):
        loss = objective.differentiable_loss(model, guide, x)
        torch.testing.assert_close(loss, exact)
        for ours, theirs in zip(torch.autograd.grad(loss, list(mixture.parameters())), wanted, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_gradients_of_one_draw_are_unbiased():
    # 400 draws of 3 x 1 + 3 x 2 + 3 x 3 gradients within 4.5 standard errors: fails once in 8,000 seeds.
    x = clusters(30, dim=2)
    mixture = filled_in("full", x)
    parameters = list(mixture.parameters())
    exact = torch.cat([g.flatten() for g in torch.autograd.grad(-mixture.log_prob(x).sum(), parameters)])
    loss_of = Trace_ELBO()(mixture.model, mixture.guide)
    draws = []
    for _ in range(400):
        loss = loss_of(x)
        torch.testing.assert_close(loss, -mixture.log_prob(x).sum())
        draws.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)]))
    draws = torch.stack(draws)
    assert ((draws.mean(0) - exact).abs() < 4.5 * draws.std(0) / math.sqrt(len(draws)) + 1e-9).all()


@pytest.mark.parametrize("covariance", KINDS)
def test_log_prob_is_that_of_the_distribution_and_of_the_draws(covariance):
    mixture = filled_in(covariance)
    with torch.no_grad():
        x = mixture.sample(4000)
        torch.testing.assert_close(mixture.log_prob(x), mixture.distribution().log_prob(x))
    # First and second moments within 5 standard errors: fails once in 100,000 seeds.
    p = mixture.distribution()
    assert ((x.mean(0) - p.mean).abs() < 5 * p.stddev / math.sqrt(len(x))).all()
    squares = (x - p.mean).square()
    assert ((squares.mean(0) - p.variance).abs() < 5 * squares.std(0) / math.sqrt(len(x))).all()


def test_a_rank_deficient_component_is_held_at_the_floor():
    x = torch.cat((torch.randn(100, 2), torch.full((20, 2), 5.0)))
    mixture = models.GaussianMixture(2, 2, covariance_floor=1e-3)
    found = infer.em(mixture, x)
    variances = torch.linalg.eigvalsh(mixture.covariances.detach())
    assert variances.min().item() == pytest.approx(1e-3, rel=1e-6)
    assert (torch.tensor(found.bounds).diff() > -1e-9).all()


def test_a_component_without_rows_stays():
    x = clusters(60, num=2)
    mixture = filled_in("full", x, num=3)
    weights, means = mixture.weights.detach(), mixture.means.detach().clone()
    means[2] = 1e9
    mixture.set_parameters(weights, means, mixture.covariances.detach())
    infer.em(mixture, x, initialize=False)
    assert mixture.weights[2] < 1e-300
    assert (mixture.means[2] == 1e9).all()
    assert mixture.log_prob(x).isfinite().all()


def test_one_feature_one_component_one_row():
    mixture = models.GaussianMixture(1, 1)
    infer.em(mixture, torch.tensor([[2.0], [4.0]]))
    assert (mixture.means.item(), mixture.covariances.item()) == pytest.approx((3.0, 1.0))
    infer.em(mixture, torch.tensor([[2.0]]))
    assert mixture.covariances.item() == pytest.approx(1e-6)


def test_equal_rows_start():
    mixture = models.GaussianMixture(2, 3)
    found = infer.em(mixture, torch.ones(5, 2))
    assert math.isfinite(found.log_likelihood)


@pytest.mark.parametrize(("covariance", "number"), [("full", 2 + 6 + 9), ("diagonal", 2 + 6 + 6), ("tied", 2 + 6 + 3)])
def test_number_of_parameters(covariance, number):
    assert models.GaussianMixture(2, 3, covariance).num_parameters() == number
