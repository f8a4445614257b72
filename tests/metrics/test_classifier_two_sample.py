"""The classifier two-sample test: Fisher's exact p-value, chance under the null, Bayes' accuracy where it is known."""

import numpy as np
import pytest
import torch
from scipy.stats import binom, fisher_exact, norm
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyrodgm import metrics


def test_finds_what_bayes_rule_finds() -> None:
    """Normals 2 apart: accuracy Phi(1), area Phi(sqrt 2); five standard errors, fails once in two million."""
    shift = torch.tensor([2.0, 0.0])
    found = metrics.classifier_two_sample(
        torch.randn(2000, 2), torch.randn(2000, 2) + shift, classifier=LogisticRegression()
    )
    assert found.accuracy == pytest.approx(norm.cdf(1), abs=5 * (0.841 * 0.159 / 4000) ** 0.5 + 0.002)
    assert found.auc == pytest.approx(norm.cdf(2**0.5), abs=5 * 0.0045 + 0.002)
    assert found.held_out_accuracy == pytest.approx(norm.cdf(1), abs=5 * (0.841 * 0.159 / 2000) ** 0.5 + 0.002)
    assert found.p_value < 1e-100
    assert (found.num_x, found.num_y, found.num_held_out) == (2000, 2000, 2000)
    assert found.classifier == "LogisticRegression"


def test_the_p_value_is_fishers() -> None:
    x, y = torch.randn(31, 3), torch.randn(45, 3) + 0.5
    torch.manual_seed(2)
    found = metrics.classifier_two_sample(x, y, classifier=LogisticRegression())
    torch.manual_seed(2)
    x, y = (z[torch.randperm(len(z))[:31]].numpy() for z in (x, y))
    model = LogisticRegression().fit(np.concatenate([x[:15], y[:15]]), [0] * 15 + [1] * 15)
    of_x, of_y = model.predict(x[15:]).sum(), model.predict(y[15:]).sum()
    assert found.p_value == pytest.approx(fisher_exact([[of_y, 16 - of_y], [of_x, 16 - of_x]], "greater").pvalue)
    assert found.held_out_accuracy == pytest.approx((of_y + 16 - of_x) / 32)
    assert (found.num_x, found.num_y, found.num_held_out) == (31, 31, 32)


def test_p_values_are_valid_under_the_null() -> None:
    """At each level no more are below than a binomial allows once in a million; and not all are large."""
    p = torch.tensor(
        [metrics.classifier_two_sample(torch.randn(60, 2), torch.randn(40, 2), num_folds=2).p_value for _ in range(200)]
    )
    for level in (0.05, 0.2, 0.5):
        assert int((p <= level).sum()) <= binom.isf(1e-6, 200, level)
    assert (p <= 0.5).double().mean() > 0.2


def test_chance_under_the_null() -> None:
    accuracies = torch.tensor(
        [metrics.classifier_two_sample(torch.randn(60, 2), torch.randn(90, 2), num_folds=3).auc for _ in range(60)]
    )
    assert abs(accuracies.mean() - 0.5) < 5 * accuracies.std() / 60**0.5  # fails once in two million


def test_neighbours_see_what_a_line_does_not() -> None:
    x, y = torch.randn(400, 2), 2.5 * torch.randn(400, 2)
    default = metrics.classifier_two_sample(x, y)
    assert default.accuracy > 0.65
    assert default.p_value < 1e-6
    assert default.classifier == "nearest neighbours"
    assert metrics.classifier_two_sample(x, y, classifier=LogisticRegression()).accuracy < 0.6


def test_seeds_come_from_torch() -> None:
    x, y = torch.randn(40, 2), torch.randn(40, 2) + 1
    classifier = make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=5, tol=1.0, n_iter_no_change=1))
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(metrics.classifier_two_sample(x, y, classifier=classifier))
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert classifier[-1].random_state is None  # a copy was seeded
