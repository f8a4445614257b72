"""Weighted normals as whitening maps: scores of rows under all components at once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

LOG_TWO_PI = math.log(2.0 * math.pi)
CHUNK_ELEMENTS = 2**19  # of an intermediate tensor: what stays in a processor's cache


@dataclass(frozen=True)
class Gaussians:
    r"""Normals :math:`w_k\, N(x; \mu_k, \Sigma_k)` with :math:`\Sigma_k = (U_k^\top U_k)^{-1}`.

    Attributes:
        log_weights: ``(K,)``, normalized or not.
        means: ``(K, D)``.
        whitening: The triangles :math:`U_k`, ``(K, D, D)``, or of diagonal covariances their diagonals, ``(K, D)``.
    """

    log_weights: Tensor
    means: Tensor
    whitening: Tensor

    @property
    def diagonal(self) -> bool:
        """Whether the covariances are diagonal."""
        return self.whitening.dim() == 2

    @property
    def log_scale(self) -> Tensor:
        """What the weighted log-densities are at the means, ``(K,)``."""
        diagonal = self.whitening if self.diagonal else self.whitening.diagonal(dim1=-2, dim2=-1)
        return self.log_weights + diagonal.log().sum(-1) - 0.5 * self.means.shape[-1] * LOG_TWO_PI

    def double(self) -> "Gaussians":
        """Return the same in float64."""
        return Gaussians(self.log_weights.double(), self.means.double(), self.whitening.double())

    def whiten(self, x: Tensor) -> Tensor:
        """Return ``U_k (x - mu_k)`` of rows ``(n, D)``, as ``(K, D, n)``."""
        shifted = x.t() - self.means[..., None]
        return self.whitening[..., None] * shifted if self.diagonal else self.whitening @ shifted

    def log_joint(self, x: Tensor) -> Tensor:
        """Return ``log w_k + log N(x; mu_k, Sigma_k)`` of rows ``(n, D)``, as ``(K, n)``, nats."""
        return self.log_scale[:, None] - 0.5 * self.whiten(x).square().sum(1)

    def log_joint_observed(self, x: Tensor) -> Tensor:
        """Return the same of the observed part of rows, ``(K, n)``; NaN means missing."""
        if self.diagonal:
            logs = self.whitening.log()[..., None] - 0.5 * self.whiten(x).square() - 0.5 * LOG_TWO_PI
            return self.log_weights[:, None] + logs.nan_to_num(0.0).sum(1)
        logs = self.means.new_empty(len(self.means), len(x))
        for rows, observed, missing in patterns(x):
            marginal, _ = self.split(observed, missing)
            logs[:, rows] = marginal.log_joint(x[rows][:, observed])
        return logs

    def split(self, observed: Tensor, missing: Tensor) -> tuple["Gaussians", Tensor]:
        r"""Return the normals of some features, and the factors of the covariances in the order observed, missing.

        Args:
            observed: Indices of the features.
            missing: Indices of all others.

        Returns:
            The marginals, and triangles :math:`L_k`, ``(K, D, D)``, whose last rows give the mean of what is missing,
            :math:`\mu_m + L_{mo} U_o (x_o - \mu_o)`, and its covariance, :math:`L_{mm} L_{mm}^\top`.
        """
        dim = self.means.shape[-1]
        identity = torch.eye(dim, dtype=self.means.dtype, device=self.means.device).expand_as(self.whitening)
        scale_tril = torch.linalg.solve_triangular(self.whitening, identity, upper=False)
        permuted = scale_tril[:, torch.cat((observed, missing))]
        factor = triangle(permuted)
        num = len(observed)
        small = factor[:, :num, :num]
        whitening = torch.linalg.solve_triangular(small, identity[:, :num, :num], upper=False)
        return Gaussians(self.log_weights, self.means[:, observed], whitening), factor


def triangle(factor: Tensor) -> Tensor:
    """Return the lower triangles ``L`` with a positive diagonal and ``L L' = F F'``, without squaring ``F``.

    Args:
        factor: ``(*batch, D, D)``.
    """
    upper = torch.linalg.qr(factor.mT, mode="r").R
    signs = torch.where(upper.diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0).to(factor)
    return (upper * signs[..., None]).mT.tril()


def patterns(x: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield, for each set of features that are missing together, its rows, and indices of what is observed and not."""
    masks, which = torch.unique(x.isnan(), dim=0, return_inverse=True)
    order = which.argsort(stable=True)
    for mask, rows in zip(masks, order.split(which.bincount(minlength=len(masks)).tolist()), strict=True):
        yield rows, (~mask).nonzero()[:, 0], mask.nonzero()[:, 0]


def chunk_size(num_values: int) -> int:
    """Return how many rows to take at once where each makes ``num_values`` numbers."""
    return max(64, CHUNK_ELEMENTS // num_values)
