"""Normals with covariances, and mixtures of vectors: parameters in their documented order, draws from noise."""

import pytest
import torch
import torch.nn.functional as F

from pyrodgm import heads

UNIT = torch.tensor(1.0).expm1().log()


def moments_of(head, params):
    """Return mean and covariance by the documented order of the parameters."""
    num = head.num_features
    loc, raw, rest = params[:num], params[num : 2 * num], params[2 * num :]
    positive = F.softplus(raw + UNIT) + 1e-4
    if isinstance(head, heads.LowRankNormal):
        factor = rest.reshape(num, head.rank)
        return loc, factor @ factor.t() + positive.square().diag()
    tril = positive.diag()
    for row in range(num):
        for column in range(row):
            tril[row, column] = rest[row * (row - 1) // 2 + column]
    return loc, tril @ tril.t()


@pytest.mark.parametrize(
    "head", [heads.MultivariateNormal(4), heads.LowRankNormal(4, 2), heads.LowRankNormal(3)], ids=repr
)
def test_mean_covariance_and_density(head):
    params = torch.randn(head.num_params)
    loc, covariance = moments_of(head, params)
    p = head(params)
    torch.testing.assert_close(p.mean, loc)
    torch.testing.assert_close(p.covariance_matrix, covariance)
    x = torch.randn(7, head.num_features)
    expected = torch.distributions.MultivariateNormal(loc, covariance).log_prob(x)
    torch.testing.assert_close(head.log_prob(params.expand(7, -1), x), expected)


@pytest.mark.parametrize("head", [heads.MultivariateNormal(3), heads.LowRankNormal(3, 2)], ids=repr)
def test_covariance_of_draws(head):
    params, num = torch.randn(head.num_params), 100_000
    loc, covariance = moments_of(head, params)
    many = params.expand(num, -1)
    for draws in (head.from_noise(many, head.noise((num,))), head(params).sample((num,))):
        products = (draws - loc).unsqueeze(-1) * (draws - loc).unsqueeze(-2)
        # Six standard errors of nine numbers: a true head fails once in about 10^8 runs.
        assert ((products.mean(0) - covariance).abs() < 6 * products.std(0) / num**0.5).all()


@pytest.mark.parametrize(
    "head",
    [heads.MultivariateNormal(3), heads.LowRankNormal(3, 2), heads.DiagonalNormalMixture(1, 3)],
    ids=repr,
)
def test_zero_parameters_are_the_standard_normal(head):
    x = torch.randn(5, 3)
    expected = torch.distributions.Normal(0.0, 1.0 + 1e-4).log_prob(x).sum(-1)
    torch.testing.assert_close(head(torch.zeros(head.num_params)).log_prob(x), expected)


def test_features_of_a_draw_share_the_component_of_a_mixture():
    """Two components far apart in every feature: a draw is near one of them in all features."""
    head = heads.DiagonalNormalMixture(2, 3)
    params = torch.zeros(head.num_params)
    params[2:5], params[5:8] = -50.0, 50.0
    draws = head.from_noise(params.expand(1000, -1), head.noise((1000,)))
    signs = draws.sign().sum(-1).abs()
    assert (signs == 3).all()
    # Half of the draws each: six standard errors of a share of 1000 fail once in about 10^9 runs.
    assert abs((draws[:, 0] > 0).double().mean() - 0.5) < 6 * 0.5 / 1000**0.5


@pytest.mark.parametrize("head", [heads.MultivariateNormal(4), heads.LowRankNormal(4, 2)], ids=repr)
def test_wild_parameters_keep_density_and_gradients_finite(head):
    params = (20 * torch.randn(6, head.num_params, dtype=torch.float32)).requires_grad_()
    p = head(params)
    z = p.rsample()
    log_prob = p.log_prob(z)
    assert log_prob.isfinite().all()
    assert torch.autograd.grad(log_prob.sum() + z.sum(), params)[0].isfinite().all()
