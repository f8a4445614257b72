"""Whether samples are copies of the training data."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm.metrics.distances import CHUNK_SIZE, centred, nearest
from pyrodgm.metrics.features import FeatureSource
from pyrodgm.metrics.result import Result
from pyrodgm.metrics.samples import Samples, check_samples


@dataclass(frozen=True, eq=False)
class NearestNeighbours:
    """What :func:`nearest_neighbours` found.

    Attributes:
        distances: Distances to the nearest rows, ``(num_x, num)``, the nearest first.
        indices: Which rows they are, ``(num_x, num)``.
    """

    distances: Tensor
    indices: Tensor


@dataclass(frozen=True, repr=False)
class Memorisation(Result):
    """What :func:`memorisation` found.

    Attributes:
        ratio: Median distance of samples to the nearest training datum, over that of test data; well below 1 where
            samples are copies.
        closer_share: Chance that a sample is closer to the training data than a test datum; 0.5 is expected, and 1
            where all are copies.
        p_value: Of samples that are closer than test data: small for copies.
        num_samples: Number of samples.
        num_train: Number of training data.
        num_test: Number of test data.
        source: Of the features, if they are.
    """

    ratio: float
    closer_share: float
    p_value: float
    num_samples: int
    num_train: int
    num_test: int
    source: FeatureSource | None = None


@torch.no_grad()
def nearest_neighbours(
    x: Samples, reference: Samples, *, num: int = 1, chunk_size: int = CHUNK_SIZE
) -> NearestNeighbours:
    r"""Nearest rows of a reference set, with :math:`\|x_i - r_j\|`: what to look at beside samples.

    Args:
        x: Samples ``(num_x, ...)``, or :class:`Features`.
        reference: Training data ``(num_reference, ...)`` of the same width, or features of the same network.
        num: Neighbours of each.
        chunk_size: Rows on either side of a block of distances in memory.

    Returns:
        Distances and indices, each ``(num_x, num)``.

    Raises:
        ValueError: If there are fewer than ``num`` rows to find, NaN, or two widths.

    Example:
        >>> from pyrodgm import metrics
        >>> metrics.nearest_neighbours(torch.randn(5, 3), torch.randn(80, 3), num=2).indices.shape
        torch.Size([5, 2])
    """
    (rows, others), _ = check_samples({"x": x, "reference": reference})
    if not 1 <= num <= len(others) or chunk_size < 1:
        raise ValueError(
            f"Expected num from 1 to {len(others)}, the rows of reference, and chunk_size >= 1; got {num} and "
            f"{chunk_size}."
        )
    rows, others = centred(rows, others)
    indices = nearest(rows, others, num, chunk_size=chunk_size)[1]
    # once more from differences: what the product of matrices loses matters for copies
    distances = [
        (some[:, None] - others[found]).norm(dim=-1)
        for some, found in zip(rows.split(chunk_size), indices.split(chunk_size), strict=True)
    ]
    return NearestNeighbours(torch.cat(distances), indices)


@torch.no_grad()
def memorisation(samples: Samples, train: Samples, test: Samples, *, chunk_size: int = CHUNK_SIZE) -> Memorisation:
    r"""Compare distances of samples to the training data with those of test data: :math:`d(s, T)` and :math:`d(t, T)`.

    Test data are draws of the truth that nobody copied. Samples that are closer to the training data than those are,
    copy; the p-value is that of Mann's and Whitney's test; needs scipy. It assumes that test data and samples are
    independent draws. Samples that are poor are far from everything: this finds copies, not quality. A model that
    copies a few data and draws the rest well is found by looking at the smallest distances of
    :func:`nearest_neighbours`. Distances of pixels miss copies that are shifted by one; take :class:`Features`.

    Args:
        samples: Draws of a model ``(num_samples, ...)``, or :class:`Features`.
        train: The data that it was trained on, ``(num_train, ...)``.
        test: Data that it has not seen, ``(num_test, ...)``.
        chunk_size: Rows on either side of a block of distances in memory.

    Returns:
        The ratio of the medians, how often samples are closer, and the p-value.

    Raises:
        ValueError: If a set is empty, has NaN, or another width; or most test data are training data.
        ImportError: If scipy is absent.

    Example:
        >>> from pyrodgm import metrics
        >>> train, test = torch.randn(300, 4), torch.randn(100, 4)
        >>> found = metrics.memorisation(train[:50] + 0.01 * torch.randn(50, 4), train, test)
        >>> found.ratio < 0.2, found.p_value < 1e-6
        (True, True)

    References:
        Meehan, Chaudhuri, Dasgupta (2020), A Non-Parametric Test to Detect Data-Copying in Generative Models,
        https://arxiv.org/abs/2004.05675
    """
    _, source = check_samples({"samples": samples, "train": train, "test": test})
    try:
        from scipy.stats import mannwhitneyu
    except ImportError as error:
        raise ImportError('The test of memorisation needs scipy; pip install "pyrodgm[train]".') from error
    of_samples = nearest_neighbours(samples, train, chunk_size=chunk_size).distances[:, 0].double().cpu()
    of_test = nearest_neighbours(test, train, chunk_size=chunk_size).distances[:, 0].double().cpu()
    if of_test.median() == 0:
        raise ValueError("Expected test data that are not in train; got more than half of them there. Split the data.")
    found = mannwhitneyu(of_samples.numpy(), of_test.numpy(), alternative="less")
    return Memorisation(
        ratio=(of_samples.median() / of_test.median()).item(),
        closer_share=1 - float(found.statistic) / (len(of_samples) * len(of_test)),
        p_value=float(found.pvalue),
        num_samples=len(samples),
        num_train=len(train),
        num_test=len(test),
        source=source,
    )
