"""Whether two samples come from one distribution, by distances within and between them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm.metrics.distances import CHUNK_SIZE, centred, squared_distances
from pyrodgm.metrics.features import FeatureSource
from pyrodgm.metrics.permutations import check_permutations, kernel_discrepancies
from pyrodgm.metrics.result import Result
from pyrodgm.metrics.samples import Samples, check_samples


@dataclass(frozen=True, repr=False)
class EnergyDistance(Result):
    r"""What :func:`energy_distance` found.

    Attributes:
        value: Unbiased estimate of :math:`2 E\|x - y\| - E\|x - x'\| - E\|y - y'\|`; about 0, also below, where both
            are one.
        p_value: Share of divisions of the pooled rows with an estimate at least as large.
        num_permutations: Number of random divisions.
        num_x: Rows of ``x``.
        num_y: Rows of ``y``.
        source: Of the features, if they are.
    """

    value: float
    p_value: float
    num_permutations: int
    num_x: int
    num_y: int
    source: FeatureSource | None = None


@torch.no_grad()
def energy_distance(
    x: Samples, y: Samples, *, num_permutations: int = 200, chunk_size: int = CHUNK_SIZE
) -> EnergyDistance:
    r"""Energy distance :math:`2 E\|x - y\| - E\|x - x'\| - E\|y - y'\|`, and a permutation p-value.

    It is 0 only for equal distributions, and has no bandwidth to choose. Variables of a large scale dominate:
    standardize first. The p-value is as valid, and the memory as bounded, as those of :func:`mmd`.

    Args:
        x: Samples ``(num_x, ...)``, or :class:`Features`.
        y: Samples ``(num_y, ...)`` of the same width, or features of the same network.
        num_permutations: Number of random divisions of the pooled rows, by torch's generator; 0 leaves the p-value
            at 1.
        chunk_size: Rows on either side of a block in memory.

    Returns:
        The estimate without bias, so that pairs of a row with itself do not count; its p-value, and what they were
        computed from.

    Raises:
        ValueError: If a set has fewer than two rows, NaN, or another width.

    Example:
        >>> from pyrodgm import metrics
        >>> found = metrics.energy_distance(torch.randn(100, 3), torch.randn(80, 3) + 1, num_permutations=99)
        >>> found.value > 0, found.p_value < 0.05
        (True, True)

    References:
        Szekely, Rizzo (2013), Energy statistics: A class of statistics based on distances,
        https://doi.org/10.1016/j.jspi.2013.03.018
    """
    check_permutations(num_permutations, chunk_size)
    (x, y), source = check_samples({"x": x, "y": y}, least=2)
    x, y = centred(x, y)
    value, p_value = kernel_discrepancies(
        x, y, minus_distance, num_permutations=num_permutations, chunk_size=chunk_size
    )
    return EnergyDistance(value, p_value, num_permutations, len(x), len(y), source)


def minus_distance(rows: Tensor, others: Tensor) -> Tensor:
    r"""Return :math:`-\|a - b\|` of all pairs."""
    return squared_distances(rows, others).sqrt_().neg_()
