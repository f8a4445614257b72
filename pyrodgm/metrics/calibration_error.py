"""Whether probabilities of classes are frequencies."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class CalibrationError:
    """How far predicted probabilities are from what happened, bin by bin.

    Attributes:
        value: The expected calibration error, a share from 0 to 1.
        confidence: Mean prediction of each bin, ``(num_bins,)``; NaN where a bin is empty.
        accuracy: Share of predictions that came true, ``(num_bins,)``; NaN where a bin is empty.
        counts: Number of data of each bin, ``(num_bins,)``.
    """

    value: float
    confidence: Tensor
    accuracy: Tensor
    counts: Tensor

    @property
    def curve(self) -> tuple[Tensor, Tensor, Tensor]:
        """Confidence, accuracy and counts of the bins that are not empty: what ``plots.reliability`` draws."""
        used = self.counts > 0
        return self.confidence[used], self.accuracy[used], self.counts[used]


def calibration_error(probabilities: Tensor, labels: Tensor, num_bins: int = 15) -> CalibrationError:
    r"""Expected calibration error :math:`\sum_b \frac{n_b}{N} |\mathrm{acc}_b - \mathrm{conf}_b|`, bin by bin.

    The bins divide [0, 1] equally. With a column a class, the prediction is the most probable class, and what counts
    is how often it is right. With one number a datum, it is the probability of label 1, and what counts is how often
    the label is 1. The error is zero only if a thing that is predicted with 70 % happens in 70 % of such cases. It
    depends on the number of bins, and is a little above zero for any finite number of data: compare only figures of
    equal bins and data.

    Args:
        probabilities: ``(num, num_classes)``, rows that sum to 1, or ``(num,)``, the probability of label 1.
        labels: Class of each datum, whole numbers from 0, ``(num,)``.
        num_bins: Number of bins; a prediction on an edge belongs to the lower bin.

    Returns:
        The error, and the mean prediction, the frequency and the count of each bin.

    Raises:
        ValueError: If there is nothing to judge, shapes differ, a probability is none, a row does not sum to 1, or a
            label is no class (with its row).

    Example:
        >>> from pyrodgm import metrics
        >>> probabilities, labels = torch.tensor([0.9, 0.9, 0.3, 0.3]), torch.tensor([1, 0, 0, 0])
        >>> found = metrics.calibration_error(probabilities, labels, num_bins=5)
        >>> round(found.value, 3), found.counts.tolist()
        (0.35, [0, 2, 0, 0, 2])

    References:
        Naeini, Cooper, Hauskrecht (2015), Obtaining Well Calibrated Probabilities Using Bayesian Binning,
        https://doi.org/10.1609/aaai.v29i1.9602; Guo, Pleiss, Sun, Weinberger (2017), On Calibration of Modern Neural
        Networks, section 2, https://arxiv.org/abs/1706.04599
    """
    check_probabilities(probabilities, labels)
    if num_bins < 1:
        raise ValueError(f"Expected num_bins of at least 1; got {num_bins}. Fifteen are usual.")
    predicted = probabilities.detach().double()
    if predicted.dim() == 1:
        confidence, right = predicted, labels == 1
    else:
        confidence, chosen = predicted.max(-1)
        right = chosen == labels
    inner_edges = torch.arange(1, num_bins, dtype=torch.float64, device=confidence.device) / num_bins
    bins = torch.bucketize(confidence, inner_edges)
    counts = torch.bincount(bins, minlength=num_bins)
    sums = torch.zeros(2, num_bins, dtype=torch.float64, device=confidence.device)
    sums.index_add_(1, bins, torch.stack((confidence, right.double())))
    means = sums / counts  # 0 / 0 where a bin is empty
    value = (sums[0] - sums[1]).abs().sum() / len(confidence)
    return CalibrationError(value.item(), means[0], means[1], counts)


def check_probabilities(probabilities: Tensor, labels: Tensor) -> None:
    """Raise unless there is one distribution over classes, and one class, a datum.

    Raises:
        ValueError: Saying which, with the row.
    """
    if probabilities.dim() not in (1, 2) or not probabilities.numel() or not probabilities.is_floating_point():
        raise ValueError(
            f"Expected probabilities as floats of shape (num,) or (num, num_classes), num > 0; got "
            f"{probabilities.dtype} of shape {tuple(probabilities.shape)}. Give one row a datum."
        )
    if labels.shape != probabilities.shape[:1]:
        raise ValueError(
            f"Expected labels of shape ({len(probabilities)},), one a row of probabilities; got {tuple(labels.shape)}. "
            "Give the class of each datum."
        )
    table = probabilities if probabilities.dim() == 2 else probabilities[:, None]
    wrong = ~((table >= 0) & (table <= 1 + 1e-6)).all(-1)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ValueError(
            f"Expected probabilities from 0 to 1; got {table[row].tolist()} in row {row}. Apply softmax or sigmoid."
        )
    num_classes = table.shape[1] if probabilities.dim() == 2 else 2
    off = (table.sum(-1) - 1).abs() > 1e-3
    if probabilities.dim() == 2 and off.any():
        row = int(off.nonzero()[0])
        raise ValueError(
            f"Expected rows of probabilities that sum to 1; got {float(table[row].sum()):.4g} in row {row}. "
            "Divide each row by its sum."
        )
    strange = (labels < 0) | (labels >= num_classes) | (labels != labels.long())
    if strange.any():
        row = int(strange.nonzero()[0])
        raise ValueError(
            f"Expected labels from 0 to {num_classes - 1}; got {labels[row].item()} in row {row}. Number the classes "
            "from 0."
        )
