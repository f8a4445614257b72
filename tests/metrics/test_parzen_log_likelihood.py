"""The kernel density estimate against scikit-learn's, and the choice of its bandwidth."""

import math

import pytest
import torch
from sklearn.neighbors import KernelDensity

from pyrodgm import metrics


@pytest.mark.parametrize("dim", [1, 3, 12])
@pytest.mark.parametrize("chunk_size", [7, 1000])
def test_agrees_with_scikit_learn(dim: int, chunk_size: int) -> None:
    samples, validation, test = torch.randn(50, dim), torch.randn(21, dim), torch.randn(30, dim)
    widths = [0.3, 0.05, 0.9, 0.6]
    scores = [KernelDensity(bandwidth=width).fit(samples).score_samples(validation).mean() for width in widths]
    best = max(zip(scores, widths, strict=True))[1]
    expected = KernelDensity(bandwidth=best).fit(samples).score_samples(test)
    found = metrics.parzen_log_likelihood(samples, validation, test, bandwidths=widths, chunk_size=chunk_size)
    assert found.bandwidth == best
    assert found.value == pytest.approx(expected.mean(), rel=1e-9)
    assert found.standard_error == pytest.approx(expected.std(ddof=1) / math.sqrt(30))
    assert found.at_end == (best in (0.05, 0.9))


def test_the_default_bandwidth_is_a_maximum() -> None:
    samples, validation = torch.randn(400, 2), torch.randn(200, 2)
    found = metrics.parzen_log_likelihood(samples, validation, validation)
    assert not found.at_end
    for factor in (0.7, 1.4):
        width = [factor * found.bandwidth]
        other = metrics.parzen_log_likelihood(samples, validation, validation, bandwidths=width)
        assert other.value < found.value
        assert other.at_end


def test_near_the_truth_in_the_plane() -> None:
    """A standard normal's log-density has mean -log(2 pi e) and variance 1; fails once in two million."""
    found = metrics.parzen_log_likelihood(*torch.randn(3, 1000, 2))
    assert abs(found.value + math.log(2 * math.pi * math.e)) < 5 / 1000**0.5


def test_far_from_all_samples_it_stays_finite() -> None:
    found = metrics.parzen_log_likelihood(torch.zeros(5, 2), torch.ones(3, 2), torch.full((3, 2), 1e3), bandwidths=[1])
    assert found.value == pytest.approx(-1e6 - math.log(2 * math.pi))
