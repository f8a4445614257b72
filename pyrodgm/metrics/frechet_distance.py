"""How far apart two samples are as Gaussians."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm.metrics.features import FeatureSource
from pyrodgm.metrics.result import Result
from pyrodgm.metrics.samples import Samples, check_samples


@dataclass(frozen=True, repr=False)
class FrechetDistance(Result):
    r"""What :func:`frechet_distance` found.

    Attributes:
        value: The squared distance, the sum of both terms.
        mean_term: :math:`\|\mu_x - \mu_y\|^2`.
        covariance_term: :math:`\operatorname{tr}(\Sigma_x + \Sigma_y - 2 (\Sigma_x \Sigma_y)^{1/2})`.
        num_x: Rows of ``x``.
        num_y: Rows of ``y``.
        num_features: Numbers in a row.
        source: Of the features, if they are.
    """

    value: float
    mean_term: float
    covariance_term: float
    num_x: int
    num_y: int
    num_features: int
    source: FeatureSource | None = None


@torch.no_grad()
def frechet_distance(x: Samples, y: Samples) -> FrechetDistance:
    r"""Frechet distance :math:`\|\mu_x - \mu_y\|^2 + \mathrm{tr}(\Sigma_x + \Sigma_y - 2 (\Sigma_x \Sigma_y)^{1/2})`.

    The squared 2-Wasserstein distance of the Gaussians with the samples' means and covariances. With features of the
    authors' Inception network it is the Frechet inception distance; with any other network it is another number, to
    be compared only with numbers of the same network. The estimate is too large by an amount that falls with the
    number of samples: compare at equal numbers, and prefer :func:`kid` for few.

    Args:
        x: Samples ``(num_x, ...)``, or :class:`Features`.
        y: Samples ``(num_y, ...)`` of the same width, or features of the same network.

    Returns:
        The squared distance, its terms, and what they were computed from; computed in double precision.

    Raises:
        ValueError: If a set has no more rows than features, which leaves its covariance without full rank; NaN, or
            another width.

    Example:
        >>> from pyrodgm import metrics
        >>> metrics.frechet_distance(torch.randn(100, 3), torch.randn(80, 3)).num_features
        3

    References:
        Dowson, Landau (1982), The Frechet distance between multivariate normal distributions,
        https://doi.org/10.1016/0047-259X(82)90077-X;
        Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter (2017), GANs Trained by a Two Time-Scale Update Rule
        Converge to a Local Nash Equilibrium, https://arxiv.org/abs/1706.08500
    """
    (x, y), source = check_samples({"x": x, "y": y})
    num_features = x.shape[1]
    for name, rows in {"x": x, "y": y}.items():
        if len(rows) <= num_features:
            raise ValueError(
                f"Expected at least {num_features + 1} rows of {name} for a covariance of {num_features} features; got "
                f"{len(rows)}. Draw {num_features + 1 - len(rows)} more, or take narrower features."
            )
    x, y = x.double(), y.double()
    mean_term, covariance_term = gaussian_terms(x.mean(0), torch.cov(x.T), y.mean(0), torch.cov(y.T))
    value = max(0.0, mean_term + covariance_term)  # rounding can leave equal sets a little below
    return FrechetDistance(value, mean_term, covariance_term, len(x), len(y), num_features, source)


def gaussian_terms(mean_x: Tensor, covariance_x: Tensor, mean_y: Tensor, covariance_y: Tensor) -> tuple[float, float]:
    r"""Return both terms of the squared distance of two Gaussians.

    The trace of the square root is taken of :math:`\Sigma_x^{1/2} \Sigma_y \Sigma_x^{1/2}`, which is symmetric, so that
    no eigenvalue is complex by rounding.

    Args:
        mean_x: Mean ``(dim,)``.
        covariance_x: Covariance ``(dim, dim)``; of one variable also ``()``.
        mean_y: Mean ``(dim,)``.
        covariance_y: Covariance, likewise.
    """
    covariance_x, covariance_y = (c.reshape(len(mean_x), -1) for c in (covariance_x, covariance_y))
    eigenvalues, vectors = torch.linalg.eigh(covariance_x)
    root = (vectors * eigenvalues.clamp(min=0).sqrt()) @ vectors.T
    trace = torch.linalg.eigvalsh(root @ covariance_y @ root).clamp(min=0).sqrt().sum()
    distance = (covariance_x.trace() + covariance_y.trace() - 2 * trace).item()
    return (mean_x - mean_y).square().sum().item(), distance
