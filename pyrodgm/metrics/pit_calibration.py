"""Whether predicted intervals of real targets hold what they promise."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm.metrics.checks import check_scores


@dataclass(frozen=True)
class PITCalibration:
    """How many targets fell into the central intervals that were predicted.

    Attributes:
        value: Mean distance of the shares from the levels, from 0 to 1.
        levels: What the intervals promise, ``(num_levels,)``.
        coverage: Share of the targets inside the central interval of each level, ``(num_levels,)``.
    """

    value: float
    levels: Tensor
    coverage: Tensor

    @property
    def curve(self) -> tuple[Tensor, Tensor]:
        """Levels and shares: what ``plots.reliability`` draws. Below the diagonal, predictions are too sure."""
        return self.levels, self.coverage


def pit_calibration(pit: Tensor, num_levels: int = 19) -> PITCalibration:
    r"""Share of targets inside central intervals, from the probability integral transform :math:`u_n = F_n(x_n)`.

    If the predictive distributions are right, the :math:`u_n` are uniform, and a central interval of level :math:`a`
    holds :math:`x_n`, that is :math:`|2 u_n - 1| \le a`, for a share :math:`a` of the targets. The calibration error
    is the mean of :math:`|\mathrm{share}(a) - a|` over the levels.

    Args:
        pit: Predicted distribution functions at the targets, ``(num,)``, from 0 to 1: a distribution's ``cdf``, or
            :func:`pit_of_draws`.
        num_levels: Number of levels, equally spaced inside (0, 1); 19 are 5 %, 10 %, ... 95 %.

    Returns:
        The error, the levels and the shares.

    Raises:
        ValueError: If the values are empty, of another shape, NaN, or outside of [0, 1] (with the row).

    Example:
        >>> from pyrodgm import metrics
        >>> found = metrics.pit_calibration(torch.tensor([0.5, 0.1, 0.6, 0.9]), num_levels=3)
        >>> found.levels.tolist(), found.coverage.tolist()
        ([0.25, 0.5, 0.75], [0.5, 0.5, 0.5])

    References:
        Dawid (1984), Statistical Theory: The Prequential Approach, https://doi.org/10.2307/2981683; Gneiting,
        Balabdaoui, Raftery (2007), Probabilistic forecasts, calibration and sharpness,
        https://doi.org/10.1111/j.1467-9868.2007.00587.x; Kuleshov, Fenner, Ermon (2018), Accurate Uncertainties for
        Deep Learning Using Calibrated Regression, https://arxiv.org/abs/1807.00263
    """
    check_scores("pit", pit)
    if num_levels < 1:
        raise ValueError(f"Expected num_levels of at least 1; got {num_levels}. Nineteen are 5 %, 10 %, ... 95 %.")
    wrong = ((pit < 0) | (pit > 1)).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"Expected pit from 0 to 1; got {pit[row].item():.4g} in row {row}. Pass cumulative probabilities."
        )
    centred = (2 * pit.detach().double() - 1).abs().sort().values
    levels = torch.arange(1, num_levels + 1, dtype=torch.float64, device=pit.device) / (num_levels + 1)
    coverage = torch.searchsorted(centred, levels, right=True).double() / len(pit)
    return PITCalibration((coverage - levels).abs().mean().item(), levels, coverage)
