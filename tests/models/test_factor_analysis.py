import pytest
import torch
from sklearn.decomposition import FactorAnalysis

from pyrodgm import infer, models


def factors(num_rows=500, input_dim=8, latent_dim=2):
    noise = torch.linspace(0.5, 2.0, input_dim)
    return torch.randn(num_rows, latent_dim) @ torch.randn(latent_dim, input_dim) + noise * torch.randn(
        num_rows, input_dim
    )


def test_log_prob_equals_scikit_learns_score():
    x = factors()
    theirs = FactorAnalysis(2).fit(x.numpy())
    ours = models.FactorAnalysis(8, 2)
    with torch.no_grad():
        ours.weight.copy_(torch.as_tensor(theirs.components_).t())
        ours.loc.copy_(torch.as_tensor(theirs.mean_))
        ours.joint.set_variance(torch.as_tensor(theirs.noise_variance_))
    expected = torch.as_tensor(theirs.score_samples(x.numpy()))
    torch.testing.assert_close(ours.log_prob(x).detach(), expected, rtol=0, atol=1e-8)


def test_em_reaches_scikit_learns_likelihood():
    x = factors()
    theirs = FactorAnalysis(2, tol=1e-10, max_iter=10_000, svd_method="lapack").fit(x.numpy())
    ours = models.FactorAnalysis(8, 2)
    result = infer.em(ours, x, num_steps=2000, tolerance=1e-12)
    assert result.converged
    assert result.log_likelihood / len(x) == pytest.approx(theirs.score(x.numpy()), abs=1e-6)
    torch.testing.assert_close(ours.noise_variance.detach(), torch.as_tensor(theirs.noise_variance_), rtol=2e-3, atol=0)


def test_units_do_not_matter():
    x = factors()
    units = torch.linspace(0.1, 10, 8)
    found = [infer.em(models.FactorAnalysis(8, 2), rows, num_steps=2000, tolerance=1e-12) for rows in (x, x * units)]
    moved = found[1].log_likelihood / len(x) + units.log().sum().item()
    assert moved == pytest.approx(found[0].log_likelihood / len(x), abs=1e-6)


def test_a_feature_without_noise_keeps_the_least():
    x = factors()
    x[:, 0] = 1.0
    model = models.FactorAnalysis(8, 2, min_scale=1e-2)
    result = infer.em(model, x, num_steps=200)
    assert model.noise_variance[0].sqrt().item() == pytest.approx(1e-2, rel=2e-3)
    assert all(b >= a - 1e-8 for a, b in zip(result.bounds, result.bounds[1:], strict=False))
