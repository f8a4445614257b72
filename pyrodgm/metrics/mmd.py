"""Whether two samples come from one distribution, by means in the space of a kernel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pyrodgm.metrics.distances import CHUNK_SIZE, centred, squared_distances
from pyrodgm.metrics.features import FeatureSource
from pyrodgm.metrics.permutations import check_permutations, kernel_discrepancies
from pyrodgm.metrics.result import Result
from pyrodgm.metrics.samples import Samples, check_samples

MEDIAN_ROWS = 1000  # rows whose pairs give the median


@dataclass(frozen=True, repr=False)
class KernelDiscrepancy(Result):
    r"""What :func:`mmd` found.

    Attributes:
        value: Unbiased estimate of :math:`\mathrm{MMD}^2`; it varies about 0, also below, where both are one.
        p_value: Share of divisions of the pooled rows with an estimate at least as large.
        bandwidths: Standard deviations of the Gaussian kernels.
        num_permutations: Number of random divisions.
        num_x: Rows of ``x``.
        num_y: Rows of ``y``.
        source: Of the features, if they are.
    """

    value: float
    p_value: float
    bandwidths: tuple[float, ...]
    num_permutations: int
    num_x: int
    num_y: int
    source: FeatureSource | None = None


@torch.no_grad()
def mmd(
    x: Samples,
    y: Samples,
    *,
    bandwidth: float | Sequence[float] | Literal["median"] = "median",
    num_permutations: int = 200,
    chunk_size: int = CHUNK_SIZE,
) -> KernelDiscrepancy:
    r"""Squared maximum mean discrepancy :math:`E k(x, x') + E k(y, y') - 2 E k(x, y)`, and a permutation p-value.

    The kernel is :math:`k(a, b) = \exp(-\|a - b\|^2 / 2 \sigma^2)`, or the mean of several such. It sees what differs
    at the scale :math:`\sigma`, and hardly what is finer: clusters that are small beside the distances between them
    want a small bandwidth, or several.

    The p-value is valid for independent rows of any distribution: where both sets have the same,
    :math:`P(p \le \alpha) \le \alpha`. Memory is bounded by blocks of the kernel and by one number a row and
    permutation.

    Args:
        x: Samples ``(num_x, ...)``, or :class:`Features`.
        y: Samples ``(num_y, ...)`` of the same width, or features of the same network.
        bandwidth: :math:`\sigma`, or several; ``"median"`` takes the median distance between 1,000 pooled rows.
        num_permutations: Number of random divisions of the pooled rows, by torch's generator; 0 leaves the p-value
            at 1.
        chunk_size: Rows on either side of a block in memory.

    Returns:
        The estimate, its p-value, and what they were computed from.

    Raises:
        ValueError: If a set has fewer than two rows, NaN, or another width; or a bandwidth is not positive.

    Example:
        >>> from pyrodgm import metrics
        >>> found = metrics.mmd(torch.randn(100, 3), torch.randn(80, 3) + 1, num_permutations=99)
        >>> found.value > 0, found.p_value < 0.05
        (True, True)

    References:
        Gretton, Borgwardt, Rasch, Schoelkopf, Smola (2012), A Kernel Two-Sample Test, lemma 6, eq. 3,
        https://jmlr.org/papers/v13/gretton12a.html
    """
    check_permutations(num_permutations, chunk_size)
    (x, y), source = check_samples({"x": x, "y": y}, least=2)
    x, y = centred(x, y)
    bandwidths = (median_distance(torch.cat([x, y])),) if bandwidth == "median" else as_tuple(bandwidth)

    def gaussian(rows: Tensor, others: Tensor) -> Tensor:
        distances = squared_distances(rows, others)
        if len(bandwidths) == 1:
            return distances.mul_(-0.5 / bandwidths[0] ** 2).exp_()
        return torch.stack([(distances * (-0.5 / width**2)).exp_() for width in bandwidths]).mean(0)

    value, p_value = kernel_discrepancies(x, y, gaussian, num_permutations=num_permutations, chunk_size=chunk_size)
    return KernelDiscrepancy(value, p_value, bandwidths, num_permutations, len(x), len(y), source)


def median_distance(rows: Tensor) -> float:
    """Return the median distance between some pooled rows, chosen without regard to which set they are of.

    Raises:
        ValueError: If half of all pairs are equal.
    """
    some = rows[torch.randperm(len(rows))[:MEDIAN_ROWS].to(rows.device)]
    upper = torch.ones(len(some), len(some), dtype=torch.bool, device=rows.device).triu(1)
    median = squared_distances(some, some)[upper].median().sqrt().item()
    if median == 0:
        raise ValueError(
            "Expected rows that differ, for their median distance; half of all pairs are equal. Give a bandwidth."
        )
    return median


def as_tuple(bandwidth: float | Sequence[float] | str) -> tuple[float, ...]:
    """Return bandwidths as floats, or raise."""
    several = [bandwidth] if isinstance(bandwidth, (int, float, str)) else list(bandwidth)
    if not several or not all(isinstance(width, (int, float)) and width > 0 for width in several):
        raise ValueError(f'Expected bandwidth as positive numbers or "median"; got {bandwidth!r}.')
    return tuple(float(width) for width in several)
