"""Against scikit-learn from the same start, the bound against importance sampling, and empty components."""

import math

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import infer, models


def clusters(num_rows=240, dim=2, num=3):
    return torch.cat([torch.randn(num_rows // num, dim) + 6 * torch.randn(dim) for _ in range(num)])


def test_the_steps_and_bound_of_scikit_learn():
    from sklearn.mixture import BayesianGaussianMixture

    x = clusters()
    ours = models.BayesianGaussianMixture(2, 5, concentration=0.3, mean_precision=0.7, degrees_of_freedom=3.5)
    ours.initialize(x)
    theirs = BayesianGaussianMixture(
        n_components=5,
        reg_covar=0.0,
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=0.3,
        mean_precision_prior=0.7,
        degrees_of_freedom_prior=3.5,
    )
    rows = x.numpy()
    theirs._check_parameters(rows)
    theirs._initialize(rows, ours.assignments(x).numpy())  # one M step of their own, from our responsibilities
    ours.m_step(x, ours.e_step(x))
    gaps = []
    for _ in range(20):
        log_norm, log_resp = theirs._e_step(rows)
        theirs._m_step(rows, log_resp)
        q = ours.e_step(x)
        torch.testing.assert_close(q.counts, torch.from_numpy(log_resp).exp().sum(0), rtol=1e-7, atol=1e-7)
        ours.m_step(x, q)
        gaps.append(ours.bound(x, q).item() - theirs._compute_lower_bound(log_resp, log_norm))  # a constant
    assert max(gaps) - min(gaps) < 1e-6
    for one, other in (
        (ours.concentration, theirs.weight_concentration_),
        (ours.mean_precision, theirs.mean_precision_),
        (ours.degrees_of_freedom, theirs.degrees_of_freedom_),
        (ours.means, theirs.means_),
        (ours.covariances, theirs.covariances_),
        (ours.assignments(x), theirs.predict_proba(rows)),
    ):
        torch.testing.assert_close(one, torch.from_numpy(other), rtol=1e-6, atol=1e-7)


def test_what_is_not_needed_loses_its_rows():
    x = clusters()
    mixture = models.BayesianGaussianMixture(2, 8, concentration=1e-3)
    found = infer.em(mixture, x, num_steps=500)
    assert found.converged
    assert mixture.occupied().sum() == 3
    assert mixture.weights[~mixture.occupied()].sum() < 1e-3
    crowded = models.BayesianGaussianMixture(2, 8, concentration=100.0)
    infer.em(crowded, x, num_steps=500)
    assert crowded.occupied().sum() > 3


@pytest.mark.parametrize("missing", ["error", "em"])
def test_the_bound_never_decreases(missing):
    x = clusters(60)
    if missing == "em":
        x[torch.rand_like(x) < 0.2] = math.nan
    bounds = torch.tensor(infer.em(models.BayesianGaussianMixture(2, 4), x, missing=missing, tolerance=0.0).bounds)
    assert (bounds.diff() > -1e-8).all()
    assert bounds[-1] > bounds[0] + 1


def test_one_component_is_the_conjugate_posterior():
    x = torch.randn(7, 2) @ torch.randn(2, 2) + 1
    prior_mean, prior_scatter = torch.randn(2), torch.tensor([[2.0, 0.3], [0.3, 1.0]])
    mixture = models.BayesianGaussianMixture(
        2, 1, mean_precision=0.5, degrees_of_freedom=4.0, prior_mean=prior_mean, prior_scatter=prior_scatter
    )
    nothing = mixture.log_prob(x[:1])
    found = infer.em(mixture, x)
    # The chain rule over rows: each is scored by the predictive of those before it.
    evidence, so_far = (
        nothing.sum(),
        models.BayesianGaussianMixture(
            2, 1, mean_precision=0.5, degrees_of_freedom=4.0, prior_mean=prior_mean, prior_scatter=prior_scatter
        ),
    )
    for n in range(1, len(x)):
        infer.em(so_far, x[:n])
        evidence = evidence + so_far.log_prob(x[n : n + 1]).sum()
    assert found.log_likelihood == pytest.approx(evidence.item(), abs=1e-9)


def test_the_bound_is_below_the_evidence_and_near():
    # The evidence by importance sampling: draws of the posterior of the parameters; components are summed over.
    x = torch.cat((torch.randn(6, 1) - 6, torch.randn(6, 1) + 6))
    mixture = models.BayesianGaussianMixture(1, 2, concentration=1.0, degrees_of_freedom=2.0)
    found = infer.em(mixture, x)
    q = _parameters(
        mixture.concentration, mixture.mean_precision, mixture.degrees_of_freedom, mixture.means, mixture.scatter
    )
    ones = torch.ones(2)
    p = _parameters(ones, ones, 2.0 * ones, mixture.prior_mean.expand(2, 1), mixture.prior_scatter.expand(2, 1, 1))
    draws = q["draw"](4000)
    weights, precision, means = draws
    likelihood = dist.MixtureSameFamily(
        dist.Categorical(weights[:, None]), dist.Normal(means[:, None], precision[:, None].rsqrt())
    ).log_prob(x[:, 0])
    log_weights = likelihood.sum(1) + p["log_prob"](*draws) - q["log_prob"](*draws)
    evidence = (log_weights.logsumexp(0) - math.log(len(log_weights))).item()
    error = (log_weights.softmax(0).square().sum() - 1 / 4000).clamp_min(0).sqrt().item()
    assert error < 0.2
    assert -4 * error < evidence - found.log_likelihood < 1.0


def _parameters(alpha, beta, nu, means, scatter):
    weights = dist.Dirichlet(alpha)
    precision = dist.Gamma(0.5 * nu, 0.5 * scatter[:, 0, 0]).to_event(1)

    def location(given):
        return dist.Normal(means[:, 0], (beta * given).rsqrt()).to_event(1)

    def draw(num):
        given = precision.sample((num,))
        return weights.sample((num,)), given, location(given).sample()

    def log_prob(w, given, mu):
        return weights.log_prob(w) + precision.log_prob(given) + location(given).log_prob(mu)

    return {"draw": draw, "log_prob": log_prob}


def test_the_predictive_is_the_average_over_parameters():
    # 20,000 draws within 4.5 standard errors at 5 points: fails once in 30,000 seeds.
    x = torch.cat((torch.randn(6, 1) - 3, torch.randn(6, 1) + 3))
    mixture = models.BayesianGaussianMixture(1, 2)
    infer.em(mixture, x)
    q = _parameters(
        mixture.concentration, mixture.mean_precision, mixture.degrees_of_freedom, mixture.means, mixture.scatter
    )
    weights, precision, means = q["draw"](20_000)
    points = torch.linspace(-5, 5, 5)
    p = dist.MixtureSameFamily(
        dist.Categorical(weights[:, None]), dist.Normal(means[:, None], precision[:, None].rsqrt())
    ).log_prob(points)
    density = p.exp()
    error = density.std(0) / math.sqrt(len(density))
    assert ((density.mean(0) - mixture.log_prob(points[:, None]).exp()).abs() < 4.5 * error).all()
    assert mixture.sample(5).shape == (5, 1)


def test_single_precision_and_copies_of_the_state():
    x = clusters().float()
    mixture = models.BayesianGaussianMixture(2, 4).float()
    infer.em(mixture, x)
    other = models.BayesianGaussianMixture(2, 4).float()
    other.load_state_dict(mixture.state_dict())
    torch.testing.assert_close(other.log_prob(x), mixture.log_prob(x))
    assert mixture.log_prob(x).dtype == torch.float32
