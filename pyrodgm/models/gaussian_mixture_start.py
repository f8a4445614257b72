"""Where the components of a mixture start: k-means++."""

import math

import torch
from torch import Tensor

ROWS_PER_COMPONENT = 256  # of more data, as many are drawn
NUM_ROUNDS = 5  # of k-means after the seeds


def filled(x: Tensor) -> Tensor:
    """Return rows with the mean of the column in place of NaN, and 0 where a column has nothing else."""
    return torch.where(x.isnan(), x.nanmean(0).nan_to_num(0.0), x)


@torch.no_grad()
def k_means_plus_plus(x: Tensor, num: int) -> Tensor:
    r"""Return centres by k-means++ and a few rounds of k-means.

    Each seed is a row drawn in proportion to its squared distance to the nearest seed so far, the best of
    :math:`2 + \log K` such draws.

    Args:
        x: ``(num_rows, D)``, finite.
        num: Number of centres.

    Returns:
        ``(num, D)``.

    References:
        Arthur, Vassilvitskii (2007), k-means++: The Advantages of Careful Seeding
    """
    rows = x[torch.randperm(len(x), device=x.device)[: ROWS_PER_COMPONENT * num]]
    seeds = rows[:1]
    nearest = (rows - seeds).square().sum(1)
    for _ in range(num - 1):
        weights = nearest if nearest.sum() > 0 else torch.ones_like(nearest)  # where all rows are seeds already
        candidates = rows[torch.multinomial(weights, 2 + int(math.log(num)), replacement=True)]
        distances = torch.minimum(nearest, (rows - candidates[:, None]).square().sum(-1))
        best = distances.sum(1).argmin()
        seeds, nearest = torch.cat((seeds, candidates[best][None])), distances[best]
    for _ in range(NUM_ROUNDS):
        seeds = centres(rows, nearest_of(rows, seeds), seeds)
    return seeds


def nearest_of(x: Tensor, seeds: Tensor) -> Tensor:
    """Return the index of the nearest seed of each row."""
    return torch.cdist(x, seeds, compute_mode="use_mm_for_euclid_dist").argmin(1)


def centres(x: Tensor, nearest: Tensor, seeds: Tensor) -> Tensor:
    """Return the means of the rows of each seed; a seed without rows stays."""
    counts = nearest.bincount(minlength=len(seeds))
    sums = torch.zeros_like(seeds).index_add_(0, nearest, x)
    return torch.where(counts[:, None] > 0, sums / counts.clamp_min(1)[:, None], seeds)


@torch.no_grad()
def start(x: Tensor, num: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return shares of rows ``(num,)``, centres ``(num, D)``, and the covariance within clusters ``(D, D)``.

    All components start with one covariance: that of a small cluster alone would be a spike that EM does not leave.

    Args:
        x: ``(num_rows, D)``; NaN counts as the column's mean.
        num: Number of components.
    """
    x = filled(x.double())
    seeds = k_means_plus_plus(x, num)
    nearest = nearest_of(x, seeds)
    means = centres(x, nearest, seeds)
    within = x - means[nearest]
    counts = nearest.bincount(minlength=num).double() + 1.0
    return counts / counts.sum(), means, within.t() @ within / len(x)
