"""How much of the samples is realistic, and how much of reality the samples cover."""

from dataclasses import dataclass

import torch

from pyrodgm.metrics.distances import CHUNK_SIZE, centred, nearest, squared_distances
from pyrodgm.metrics.features import FeatureSource
from pyrodgm.metrics.result import Result
from pyrodgm.metrics.samples import Samples, check_samples


@dataclass(frozen=True, repr=False)
class PRDC(Result):
    """What :func:`prdc` found.

    Attributes:
        precision: Share of samples that lie in the ball of a datum.
        recall: Share of data that lie in the ball of a sample.
        density: Number of data's balls that a sample lies in, over ``num_neighbours``, on average; 1 is expected of
            equal distributions, and more is possible.
        coverage: Share of data with a sample in their ball.
        num_neighbours: The ball of a point reaches to its neighbour of this rank in its own set.
        num_real: Number of data.
        num_fake: Number of samples.
        source: Of the features, if they are.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    num_neighbours: int
    num_real: int
    num_fake: int
    source: FeatureSource | None = None


@torch.no_grad()
def prdc(real: Samples, fake: Samples, k: int = 5, *, chunk_size: int = CHUNK_SIZE) -> PRDC:
    r"""Precision, recall, density and coverage of samples, by balls about points up to their k-th neighbour.

    One outlier among the data has a large ball, and any sample in it counts as precise; one among the samples raises
    the recall likewise. Density and coverage use balls of the data alone, and suffer less. All depend on both numbers
    of points: compare at equal ones.

    Args:
        real: Data ``(num_real, ...)``, or :class:`Features`.
        fake: Samples ``(num_fake, ...)`` of the same width, or features of the same network.
        k: Rank of the neighbour; the point itself does not count, and the border belongs to the ball.
        chunk_size: Rows on either side of a block of distances in memory.

    Returns:
        The four shares and what they were computed from.

    Raises:
        ValueError: If a set has no more than ``k`` rows, NaN, or another width.

    Example:
        >>> from pyrodgm import metrics
        >>> found = metrics.prdc(torch.randn(300, 4), torch.randn(200, 4))
        >>> found.num_neighbours, 0 <= found.precision <= 1
        (5, True)

    References:
        Kynkaanniemi, Karras, Laine, Lehtinen, Aila (2019), Improved Precision and Recall Metric for Assessing
        Generative Models, https://arxiv.org/abs/1904.06991;
        Naeem, Oh, Uh, Choi, Yoo (2020), Reliable Fidelity and Diversity Metrics for Generative Models,
        https://arxiv.org/abs/2002.09797
    """
    if k < 1 or chunk_size < 1:
        raise ValueError(f"Expected k >= 1 and chunk_size >= 1; got {k} and {chunk_size}. The authors take k=5.")
    (x, y), source = check_samples({"real": real, "fake": fake}, least=k + 1)
    x, y = centred(x, y)
    radii_x = nearest(x, x, k, leave_out_self=True, chunk_size=chunk_size)[0][:, -1]
    radii_y = nearest(y, y, k, leave_out_self=True, chunk_size=chunk_size)[0][:, -1]
    num_balls = torch.zeros(len(y), dtype=torch.long, device=x.device)  # of data, about each sample
    covered, recalled = [], []
    for some, reach in zip(x.split(chunk_size), radii_x.split(chunk_size), strict=True):
        in_theirs = torch.zeros(len(some), dtype=torch.bool, device=x.device)
        has_one = in_theirs.clone()
        for start in range(0, len(y), chunk_size):
            others = slice(start, start + chunk_size)
            distances = squared_distances(some, y[others])
            inside = distances <= reach[:, None]
            num_balls[others] += inside.sum(0)
            has_one |= inside.any(1)
            in_theirs |= (distances <= radii_y[others]).any(1)
        covered.append(has_one)
        recalled.append(in_theirs)
    return PRDC(
        precision=(num_balls > 0).double().mean().item(),
        recall=torch.cat(recalled).double().mean().item(),
        density=num_balls.double().mean().item() / k,
        coverage=torch.cat(covered).double().mean().item(),
        num_neighbours=k,
        num_real=len(x),
        num_fake=len(y),
        source=source,
    )
