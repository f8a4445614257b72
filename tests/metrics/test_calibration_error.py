"""The calibration error, against a sum by hand, scikit-learn's curve, and probabilities that are right by design."""

import math

import pytest
import torch

from pyrodgm import metrics


def test_by_hand() -> None:
    # bins (0, 0.5] and (0.5, 1]: the first holds 0.2, 0.5 with labels 0, 1; the second 0.6, 0.8, 0.9 with 1, 1, 0
    found = metrics.calibration_error(torch.tensor([0.2, 0.6, 0.5, 0.8, 0.9]), torch.tensor([0, 1, 1, 1, 0]), 2)
    assert found.counts.tolist() == [2, 3]
    torch.testing.assert_close(found.confidence, torch.tensor([0.35, 2.3 / 3]))
    torch.testing.assert_close(found.accuracy, torch.tensor([0.5, 2 / 3]))
    assert found.value == pytest.approx((2 * 0.15 + 3 * 0.1) / 5)


def test_the_most_probable_class_counts() -> None:
    probabilities = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    found = metrics.calibration_error(probabilities, torch.tensor([0, 2, 0]), num_bins=2)
    assert found.counts.tolist() == [1, 2]
    assert found.accuracy.tolist() == [0.0, 1.0]
    assert found.value == pytest.approx((0.4 + 2 * 0.25) / 3)


@pytest.mark.parametrize("num_bins", [1, 5, 15])
def test_agrees_with_scikit_learn(num_bins: int) -> None:
    calibration = pytest.importorskip("sklearn.calibration")
    probabilities = torch.rand(400).square()
    labels = torch.bernoulli(probabilities.sqrt())
    found = metrics.calibration_error(probabilities, labels, num_bins)
    observed, predicted = calibration.calibration_curve(labels.numpy(), probabilities.numpy(), n_bins=num_bins)
    torch.testing.assert_close(found.curve[0], torch.from_numpy(predicted))
    torch.testing.assert_close(found.curve[1], torch.from_numpy(observed))
    expected = (found.curve[2] * torch.from_numpy(observed - predicted).abs()).sum() / 400
    assert found.value == pytest.approx(expected.item())


def test_edges_belong_to_the_lower_bin_and_the_ends_to_the_outer_ones() -> None:
    found = metrics.calibration_error(torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]), torch.zeros(5), num_bins=4)
    assert found.counts.tolist() == [2, 1, 1, 1]


def test_an_empty_bin_is_nan_and_not_drawn() -> None:
    found = metrics.calibration_error(torch.tensor([0.1, 0.9]), torch.tensor([0, 1]), num_bins=3)
    assert math.isnan(found.confidence[1])
    assert [len(part) for part in found.curve] == [2, 2, 2]
    assert found.value == pytest.approx(0.1)


def test_true_probabilities_are_calibrated_and_sharpened_ones_are_not() -> None:
    logits = 2 * torch.randn(20_000)
    labels = torch.bernoulli(logits.sigmoid())
    # 15 bins of about 1,300: the expected error is about sqrt(2 / pi) * sqrt(0.15 / 1300) = 0.009
    assert metrics.calibration_error(logits.sigmoid(), labels).value < 0.02
    assert metrics.calibration_error((3 * logits).sigmoid(), labels).value > 0.08


def test_float32_and_gradients() -> None:
    logits = torch.randn(50, 3, dtype=torch.float32, requires_grad=True)
    found = metrics.calibration_error(logits.softmax(-1), torch.arange(50) % 3)
    assert found.confidence.dtype == torch.float64
    assert not found.confidence.requires_grad
