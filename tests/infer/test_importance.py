"""The diagnostics against formulas and known tails, with the cases in which they must warn."""

import math
import sys

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import Fixed, flows, infer
from pyrodgm.infer.importance import pareto_k

NORMAL = dist.Normal(torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)).to_event(1)


def diagnose(q, log_density, **kwargs):
    return infer.importance_diagnostics(Fixed(q), log_density, **kwargs)


def test_equal_densities():
    found = diagnose(NORMAL, lambda x: NORMAL.log_prob(x) + 3.0)
    assert found.effective_sample_size == pytest.approx(10_000)
    assert found.log_normalizer == pytest.approx(3.0)
    assert found.log_normalizer_error == pytest.approx(0.0, abs=1e-9)
    assert found.reverse_kl == pytest.approx(0.0, abs=1e-9)
    assert found.reliable
    assert found.k_hat == -math.inf  # ArviZ says plus infinity, the worst value, where the weights do not vary
    assert "10000 of 10000 (100.0%)" in str(found)


def test_formulas_on_the_same_draws():
    q = dist.Normal(torch.tensor([0.3, 0.0]), 1.4).to_event(1)
    seen = []

    def log_density(x):
        seen.append(x)
        return NORMAL.log_prob(x) + 0.5

    found = diagnose(q, log_density, num_samples=25_000)
    assert [len(x) for x in seen] == [10_000, 10_000, 5_000]
    x = torch.cat(seen)
    w = (NORMAL.log_prob(x) + 0.5 - q.log_prob(x)).exp()
    assert found.effective_sample_size == pytest.approx(float(w.sum() ** 2 / w.square().sum()))
    assert found.efficiency == pytest.approx(found.effective_sample_size / 25_000)
    assert found.log_normalizer == pytest.approx(float(w.mean().log()))
    assert found.log_normalizer_error == pytest.approx(float(w.std() / w.mean() / math.sqrt(25_000)))
    assert found.reverse_kl == pytest.approx(float(w.mean().log() - w.log().mean()))


def test_normaliser_and_divergence_are_the_closed_ones():
    # Both within 5 standard errors (that of the divergence bounded by 0.02): fails once in a million seeds.
    q = dist.Normal(torch.tensor([0.3, 0.0]), 1.4).to_event(1)
    found = diagnose(q, lambda x: NORMAL.log_prob(x) - 2.0, num_samples=40_000)
    exact = torch.distributions.kl_divergence(q.base_dist, NORMAL.base_dist).sum()
    assert abs(found.log_normalizer + 2.0) < 5 * found.log_normalizer_error < 0.05
    assert found.reverse_kl == pytest.approx(float(exact), abs=0.04)


@pytest.mark.parametrize(("scale", "reliable"), [(2.0, True), (1.0, True), (0.5, False), (0.3, False)])
def test_k_hat_knows_the_tail(scale, reliable):
    # Weights of a normal target by a normal of standard deviation s < 1 have a Pareto tail of shape 1 - s^2, here
    # 0.75 and 0.91; k-hat of 20,000 draws scatters by about 0.07, so these are slow tails told with a margin below.
    q = dist.Normal(torch.zeros(1), scale).to_event(1)
    found = diagnose(q, lambda x: dist.Normal(0.0, 1.0).log_prob(x).sum(-1), num_samples=20_000)
    shape = 1.0 - scale**2
    assert found.k_hat == pytest.approx(shape, abs=0.35) if scale < 1 else found.k_hat < 0.2
    assert found.reliable == reliable


def test_heavy_mismatch_is_not_reliable():
    found = diagnose(dist.Normal(torch.zeros(2), 0.1).to_event(1), NORMAL.log_prob)
    assert found.k_hat > 0.7
    assert not found.reliable
    assert "not reliable" in str(found)
    assert found.efficiency < 0.05


def test_a_missed_mode_shows_in_the_normaliser_only():
    two = dist.MixtureSameFamily(
        dist.Categorical(logits=torch.zeros(2)),
        dist.Normal(torch.tensor([[-20.0, 0.0], [20.0, 0.0]]), 1.0).to_event(1),
    )
    found = diagnose(dist.Normal(torch.tensor([20.0, 0.0]), 1.0).to_event(1), two.log_prob)
    assert found.efficiency == pytest.approx(1.0)
    assert found.reliable
    assert found.log_normalizer == pytest.approx(math.log(0.5))


def test_threshold_depends_on_the_number_of_draws():
    def with_samples(num):
        return infer.ImportanceDiagnostics(num, 50.0, 0.6, 0.0, 0.1, 0.1)

    assert not with_samples(100).reliable  # 1 - 1 / log10(100) = 0.5
    assert with_samples(10_000).reliable


def test_draws_outside_of_the_support_weigh_nothing():
    # The share of a normal's draws above 0, by 40,000 of them: fails once in 1.7 million seeds.
    def half(x):
        return torch.where(x[:, 0] > 0, NORMAL.log_prob(x), -math.inf)

    found = diagnose(NORMAL, half, num_samples=40_000)
    assert math.exp(found.log_normalizer) == pytest.approx(0.5, abs=5 * 0.5 / 200)
    assert found.reverse_kl == math.inf
    assert found.reliable
    with pytest.raises(FloatingPointError, match="got no draw where the target is positive"):
        diagnose(NORMAL, lambda x: torch.full((len(x),), -math.inf))
    with pytest.raises(FloatingPointError, match="got NaN or inf at 10000 of 10000 draws"):
        diagnose(NORMAL, lambda x: torch.full((len(x),), math.nan))


def test_float32_and_one_context():
    torch.set_default_dtype(torch.float32)
    flow = flows.maf(2, 3, hidden_dims=(8,))
    context = torch.ones(3)
    found = infer.importance_diagnostics(
        flow, lambda x, c: dist.Normal(c[:, :2], 1.0).to_event(1).log_prob(x), context=context, num_samples=500
    )
    assert 0 < found.efficiency < 1
    with pytest.raises(ValueError, match=r"Expected one context; got a batch of shape \(4,\)"):
        infer.importance_diagnostics(flow, NORMAL.log_prob, context=torch.ones(4, 3))


def test_no_spread_of_weights_is_too_much_for_k_hat():
    normal = torch.randn(1000)
    for scale in (1e-8, 1e-3, 1.0, 30.0, 1e3, 1e6):
        for log_weights in (normal, normal.square(), normal.float().double(), normal.clamp(min=0.0)):
            k_hat = pareto_k(scale * log_weights)
            assert not math.isnan(k_hat)
            assert k_hat > 0.7 or scale < 1e3
    assert pareto_k(normal.clamp(max=0.0)) == -math.inf  # bounded: half of the weights are the largest


def test_says_which_extra_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(ImportError, match=r'needs ArviZ; pip install "pyrodgm\[train\]"'):
        diagnose(NORMAL, NORMAL.log_prob)
