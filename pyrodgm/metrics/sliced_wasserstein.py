"""How far one sample must be moved to become another, along random lines."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm.metrics.features import FeatureSource
from pyrodgm.metrics.result import Result
from pyrodgm.metrics.samples import Samples, check_samples

MAX_NUMBERS = 2**24  # projected rows in memory at once


@dataclass(frozen=True, repr=False)
class SlicedWasserstein(Result):
    r"""What :func:`sliced_wasserstein` found.

    Attributes:
        value: The distance :math:`(\tfrac1L \sum_l W_p^p)^{1/p}`, in units of the data.
        standard_error: Of ``value`` over the choice of lines, not over the choice of samples.
        order: :math:`p`.
        num_projections: Number :math:`L` of lines.
        num_x: Rows of ``x``.
        num_y: Rows of ``y``.
        source: Of the features, if they are.
    """

    value: float
    standard_error: float
    order: int
    num_projections: int
    num_x: int
    num_y: int
    source: FeatureSource | None = None


@torch.no_grad()
def sliced_wasserstein(x: Samples, y: Samples, *, num_projections: int = 500, order: int = 2) -> SlicedWasserstein:
    r"""Sliced Wasserstein distance :math:`\bigl(E_\theta W_p^p(\theta^\top x, \theta^\top y)\bigr)^{1/p}`.

    On each of many random lines the distance is exact, between sorted values; sets of different size are matched by
    their quantiles. Two samples of one distribution have a distance above 0, which falls with their size: compare with
    that between two halves of the data.

    Args:
        x: Samples ``(num_x, ...)``, or :class:`Features`.
        y: Samples ``(num_y, ...)`` of the same width, or features of the same network.
        num_projections: Number of lines, their directions by torch's generator.
        order: :math:`p`, 1 or 2 as a rule.

    Returns:
        The distance, and what it was computed from.

    Raises:
        ValueError: If a set is empty, has NaN or another width, or a number is not positive.

    Example:
        >>> from pyrodgm import metrics
        >>> metrics.sliced_wasserstein(torch.randn(100, 3), torch.randn(80, 3)).num_projections
        500

    References:
        Rabin, Peyre, Delon, Bernot (2011), Wasserstein Barycenter and Its Application to Texture Mixing,
        https://doi.org/10.1007/978-3-642-24785-9_37
    """
    if num_projections < 1 or order < 1:
        raise ValueError(
            f"Expected num_projections >= 1 and order >= 1; got {num_projections} and {order}. Give 500 and 2, say."
        )
    (x, y), source = check_samples({"x": x, "y": y})
    directions = torch.randn(num_projections, x.shape[1]).to(x)
    directions = directions / directions.norm(dim=1, keepdim=True)
    of_x, of_y, weights = matching(len(x), len(y), x.device)
    costs = []
    for some in directions.split(max(1, MAX_NUMBERS // (len(x) + len(y)))):
        sorted_x, sorted_y = (some @ x.T).sort(1).values, (some @ y.T).sort(1).values
        gaps = sorted_x[:, of_x].sub_(sorted_y[:, of_y]).abs_().pow_(order)  # (lines, num_x + num_y)
        costs.append(gaps.double() @ weights)
    cost = torch.cat(costs)
    value = cost.mean().item() ** (1 / order)
    error = cost.std().item() / math.sqrt(num_projections) if num_projections > 1 else math.nan
    error = error * value / (order * cost.mean().item()) if value > 0 else 0.0  # through the root
    return SlicedWasserstein(value, error, order, num_projections, len(x), len(y), source)


def matching(num_x: int, num_y: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return which sorted value of one set meets which of the other, and what share of the mass does.

    Args:
        num_x: Size of one set.
        num_y: Size of the other.
        device: Where the tensors go.

    Returns:
        Indices into either set, and shares that sum to 1, each ``(num_x + num_y - gcd,)``.
    """
    multiple = math.lcm(num_x, num_y)
    ends_x = torch.arange(1, num_x + 1, device=device) * (multiple // num_x)  # in units of one over the multiple
    ends_y = torch.arange(1, num_y + 1, device=device) * (multiple // num_y)
    ends = torch.cat([ends_x, ends_y]).unique()  # sorted
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    shares = (ends - starts).double() / multiple
    return starts // (multiple // num_x), starts // (multiple // num_y), shares
