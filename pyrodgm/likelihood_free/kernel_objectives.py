"""Distances between two samples that a generator can minimise without an adversary."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor


class SampleObjective(ABC):
    """A loss of real and fake data; :func:`train` takes it in place of a game, and no discriminator."""

    @abstractmethod
    def __call__(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the loss of ``real``, ``(num, ...)``, and ``fake``, ``(num', ...)``, with gradients to ``fake``."""


class MMDObjective(SampleObjective):
    r"""Squared maximum mean discrepancy, :math:`E[k(x, x')] + E[k(y, y')] - 2 E[k(x, y)]`, without bias.

    The kernel is a sum of Gaussian ones, :math:`k(x, y) = \sum_h \exp(-\|x - y\|^2 / 2 h^2)`.

    Args:
        bandwidths: Widths :math:`h`, in units of the data. By default the median distance between real data of the
            batch, times 1/4, 1/2, 1, 2 and 4.

    Raises:
        ValueError: If a bandwidth is not positive, or, on use, a sample has fewer than two rows.

    Example:
        >>> MMDObjective()(torch.randn(5, 2), torch.randn(6, 2)).shape
        torch.Size([])

    References:
        Gretton, Borgwardt, Rasch, Schoelkopf, Smola (2012), A Kernel Two-Sample Test, eq. 3,
        https://jmlr.org/papers/v13/gretton12a.html; Li, Swersky, Zemel (2015), Generative Moment Matching Networks,
        https://arxiv.org/abs/1502.02761
    """

    def __init__(self, bandwidths: Sequence[float] | None = None) -> None:
        if bandwidths is not None and (not len(bandwidths) or not all(width > 0 for width in bandwidths)):
            raise ValueError(f"Expected bandwidths > 0; got {list(bandwidths)}. Leave them out to take the median.")
        self.bandwidths = None if bandwidths is None else tuple(bandwidths)

    def __call__(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the squared discrepancy; it may be negative by chance."""
        real, fake = as_rows(real, fake)
        within = squared_distances(real, real)
        if self.bandwidths is None:
            scales = torch.tensor([0.25, 0.5, 1.0, 2.0, 4.0], dtype=real.dtype, device=real.device)
            widths = scales * off_diagonal(within).median().sqrt().detach()
        else:
            widths = torch.tensor(self.bandwidths, dtype=real.dtype, device=real.device)
        precisions = 0.5 / widths.square().clamp(min=torch.finfo(real.dtype).tiny)

        def kernel(squares: Tensor) -> Tensor:
            return (-squares[..., None] * precisions).exp().sum(-1)

        return (
            mean_off_diagonal(kernel(within))
            + mean_off_diagonal(kernel(squared_distances(fake, fake)))
            - (2 * kernel(squared_distances(real, fake)).mean())
        )


class EnergyObjective(SampleObjective):
    r"""Energy distance :math:`2 E\|x - y\| - E\|x - x'\| - E\|y - y'\|`, without bias; it has no bandwidth.

    Raises:
        ValueError: On use, if a sample has fewer than two rows.

    Example:
        >>> EnergyObjective()(torch.randn(5, 2), torch.randn(6, 2)).shape
        torch.Size([])

    References:
        Szekely, Rizzo (2013), Energy statistics: A class of statistics based on distances,
        https://doi.org/10.1016/j.jspi.2013.03.018
    """

    def __call__(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the distance; it may be negative by chance."""
        real, fake = as_rows(real, fake)
        across = distances(real, fake).mean()
        return 2 * across - mean_off_diagonal(distances(real, real)) - mean_off_diagonal(distances(fake, fake))


def as_rows(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return both as vectors.

    Raises:
        ValueError: If one has fewer than two rows, or their widths differ.
    """
    for name, rows in (("real", real), ("fake", fake)):
        if len(rows) < 2:
            raise ValueError(f"Expected at least 2 rows of {name} data for their pairs; got {len(rows)}. Draw more.")
    if real.shape[1:] != fake.shape[1:]:
        raise ValueError(f"Expected data of one shape; got {tuple(real.shape[1:])} and {tuple(fake.shape[1:])}.")
    return real.flatten(1), fake.flatten(1)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the distance of each pair; the derivative at 0 is 0."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared distance of each pair."""
    return distances(x, y).square()


def off_diagonal(pairs: Tensor) -> Tensor:
    """Return the entries of a square matrix beside its diagonal."""
    return pairs[~torch.eye(len(pairs), dtype=torch.bool, device=pairs.device)]


def mean_off_diagonal(pairs: Tensor) -> Tensor:
    """Return the mean over pairs of different rows."""
    num = len(pairs)
    return (pairs.sum() - pairs.diagonal().sum()) / (num * (num - 1))
