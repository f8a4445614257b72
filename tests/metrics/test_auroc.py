"""The area under the curve, against all pairs, scikit-learn and scipy; and the log-ratio that it is often taken of."""

import math

import pytest
import torch

from pyrodgm import metrics


def test_by_hand() -> None:
    # pairs: 1 > 0, 2 > 0, 3 > 0, 3 > 2 won; 2 = 2 halved; 1 < 2 lost
    assert metrics.auroc(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 2.0])) == 4.5 / 6
    assert metrics.auroc(torch.ones(3), torch.ones(5)) == 0.5
    assert metrics.auroc(torch.tensor([1.0, math.inf]), torch.tensor([-math.inf])) == 1.0


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("num_in", "num_out"), [(1, 1), (1, 50), (80, 31)])
def test_agrees_with_all_pairs_and_others(num_in: int, num_out: int, ties: bool) -> None:
    score_in, score_out = torch.randn(num_in) + 0.5, torch.randn(num_out)
    if ties:
        score_in, score_out = score_in.round(), score_out.round()
    area = metrics.auroc(score_in, score_out)
    pairs = score_in[:, None] - score_out
    assert area == pytest.approx(((pairs > 0).double() + 0.5 * (pairs == 0).double()).mean().item(), abs=1e-12)
    assert metrics.auroc(score_out, score_in) == pytest.approx(1 - area, abs=1e-12)
    assert metrics.auroc(3 * score_in + 1, 3 * score_out + 1) == area
    stats = pytest.importorskip("scipy.stats")
    statistic = stats.mannwhitneyu(score_in.numpy(), score_out.numpy()).statistic
    assert area == pytest.approx(statistic / (num_in * num_out), abs=1e-12)
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    labels = [1] * num_in + [0] * num_out
    assert area == pytest.approx(sklearn_metrics.roc_auc_score(labels, torch.cat([score_in, score_out])), abs=1e-12)


def test_counts_do_not_overflow() -> None:
    x = torch.randn(100_000, dtype=torch.float32)
    assert metrics.auroc(x + 20, x) == 1.0


def test_the_ratio_finds_what_the_likelihood_does_not() -> None:
    """Data vary more in a background that both models know than in what tells them apart."""
    background = 10 * torch.randn(2, 500)
    signal = torch.stack([torch.randn(500) + 1, torch.randn(500) - 1])
    log_prob, log_prob_background = background + signal, background
    ratio = [metrics.likelihood_ratio(p, q) for p, q in zip(log_prob, log_prob_background, strict=True)]
    torch.testing.assert_close(torch.stack(ratio), signal)
    # normals 2 apart have an area of Phi(2 / sqrt 2) = 0.921, with a standard error here of 0.009 (Hanley, McNeil):
    # five of them fail once in a million. With the background it is Phi(2 / sqrt 202) = 0.556, error 0.018
    assert metrics.auroc(*ratio) == pytest.approx(0.921, abs=5 * 0.009)
    assert metrics.auroc(*log_prob) == pytest.approx(0.556, abs=5 * 0.018)


def test_the_ratio_of_an_impossible_datum_is_infinite() -> None:
    ratio = metrics.likelihood_ratio(torch.tensor([-math.inf, -1.0]), torch.tensor([-2.0, -math.inf]))
    assert ratio.tolist() == [-math.inf, math.inf]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.auroc(torch.zeros(0), torch.zeros(2)), r"Expected score_in as floats .* \(0,\)"),
        (lambda: metrics.auroc(torch.zeros(2), torch.zeros(2, 2)), r"Expected score_out as floats .* \(2, 2\)"),
        (lambda: metrics.auroc(torch.zeros(2), torch.full((2,), math.nan)), r"in score_out; got NaN in row 0\."),
        (
            lambda: metrics.likelihood_ratio(torch.zeros(3), torch.zeros(2)),
            r"Expected log_prob and log_prob_background of the same data; got 3 and 2 rows\.",
        ),
        (
            lambda: metrics.likelihood_ratio(torch.tensor([0.0, -math.inf]), torch.tensor([0.0, -math.inf])),
            r"Expected a finite log-likelihood by one model at least; got infinite ones by both in row 1\.",
        ),
        (lambda: metrics.likelihood_ratio(torch.zeros(0), torch.zeros(0)), r"Expected log_prob as floats .* \(0,\)"),
        (
            lambda: metrics.likelihood_ratio(torch.zeros(1), torch.tensor([math.nan])),
            r"in log_prob_background; got NaN",
        ),
    ],
)
def test_refuses(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
