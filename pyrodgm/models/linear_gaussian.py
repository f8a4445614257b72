"""A linear map of normal latents with normal noise, in which everything has a closed form."""

import math
from dataclasses import dataclass

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.heads.normal import UNIT_SCALE
from pyrodgm.models.incomplete_rows import split_missing
from pyrodgm.models.raw_scale import raw_scale

LOG_TWO_PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class LatentMoments:
    """The normal posterior of latents: what an E step finds.

    Args:
        loc: Means, ``(num_rows, latent_dim)``.
        covariance: ``(latent_dim, latent_dim)``, that of every row, or with missing values ``(num_rows, ...)``.
        log_det: Logarithm of the determinant of the covariance, ``()`` or ``(num_rows,)``.
    """

    loc: Tensor
    covariance: Tensor
    log_det: Tensor


class LinearGaussian(nn.Module):
    r""":math:`z \sim N(0, I),\; x \sim N(W z + \mu, \mathrm{diag}\, \sigma^2)`, and what follows from it.

    All inverses are of :math:`M = I + W_o^\top \Psi_o^{-1} W_o`, as wide as the latent; :math:`o` are the observed
    features of a row.

    Args:
        input_dim: Number of features of ``x``.
        latent_dim: Number of latent variables.
        num_scales: Number of noise scales: one, or one a feature.
        min_scale: The least scale of the noise.
    """

    def __init__(self, input_dim: int, latent_dim: int, num_scales: int, min_scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(input_dim, latent_dim) / latent_dim**0.5)
        self.loc = nn.Parameter(torch.zeros(input_dim))
        self.raw_scale = nn.Parameter(torch.zeros(num_scales))
        self.min_scale = min_scale

    @property
    def scale(self) -> Tensor:
        """Scales of the noise, ``(num_scales,)``."""
        return F.softplus(self.raw_scale + UNIT_SCALE) + self.min_scale

    @property
    def variance(self) -> Tensor:
        """Variance of each feature's noise, ``(input_dim,)``."""
        return self.scale.square().expand_as(self.loc)

    @torch.no_grad()
    def set_variance(self, variance: Tensor) -> None:
        """Set the noise to variances ``(num_scales,)``, or to the least that there is."""
        self.raw_scale.copy_(raw_scale(variance.sqrt(), self.min_scale))

    def prior(self) -> dist.TorchDistribution:
        """Return the distribution of one row's latent."""
        zeros = self.weight.new_zeros(self.weight.shape[1])
        return dist.Normal(zeros, torch.ones_like(zeros)).to_event(1)

    def likelihood(self, z: Tensor, observed: Tensor | None = None) -> dist.TorchDistribution:
        """Return ``p(x | z)`` of ``(*batch, latent_dim)``, only of the observed features if these are given."""
        each = dist.Normal(z @ self.weight.t() + self.loc, self.scale)
        return (each if observed is None else each.mask(observed)).to_event(1)

    def moments(self, x: Tensor) -> LatentMoments:
        """Return the posterior of each row's latent given what is observed of ``x``, ``(num_rows, input_dim)``."""
        centred, observed = self.centred(x)
        scaled = self.weight / self.variance.unsqueeze(-1)  # (input_dim, latent_dim)
        if observed is None:
            precision = self.weight.t() @ scaled
        else:
            squares = scaled.unsqueeze(-1) * self.weight.unsqueeze(-2)
            precision = (observed.to(x.dtype) @ squares.flatten(1)).unflatten(1, squares.shape[1:])
        tril = torch.linalg.cholesky(precision + torch.eye(len(precision[-1]), dtype=x.dtype, device=x.device))
        covariance = torch.cholesky_inverse(tril)
        loc = ((centred @ scaled).unsqueeze(-2) @ covariance).squeeze(-2)
        return LatentMoments(loc, covariance, -2 * tril.diagonal(dim1=-2, dim2=-1).log().sum(-1))

    def posterior(self, x: Tensor) -> dist.TorchDistribution:
        """Return ``p(z | x)`` of each row, given what is observed."""
        moments = self.moments(x)
        tril = torch.linalg.cholesky(moments.covariance)
        return dist.MultivariateNormal(moments.loc, scale_tril=tril, validate_args=False)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log-density of what is observed of each row, in nats, ``(num_rows,)``."""
        moments = self.moments(x)
        residual, observed = self.residual(x, moments.loc)
        # The quadratic form of the marginal covariance, as a sum of squares: nothing cancels where the noise is small.
        squares = residual.square() / self.variance + self.variance.log() + LOG_TWO_PI
        squares = squares if observed is None else squares * observed
        return -0.5 * (squares.sum(-1) + moments.loc.square().sum(-1) - moments.log_det)

    def bound(self, x: Tensor, q: LatentMoments) -> Tensor:
        r"""Return :math:`E_q[\log p(x, z) - \log q(z)]` summed over rows, in nats."""
        residual, observed = self.residual(x, q.loc)
        counts, spread = self.covariance_sums(x, observed, q)
        noise = residual.square().sum(0) + torch.einsum("dk,dkl,dl->d", self.weight, spread, self.weight)
        likelihood = (noise / self.variance + counts * (self.variance.log() + LOG_TWO_PI)).sum()
        trace = q.covariance.diagonal(dim1=-2, dim2=-1).sum(-1)
        each = q.loc.square().sum(-1) + trace - q.log_det - q.loc.shape[1]
        return -0.5 * (likelihood + each.sum())

    def centred(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return ``x`` minus the mean, zero where missing, and where it is observed, or ``None`` if everywhere."""
        return split_missing(x - self.loc)

    def residual(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what latents leave unexplained, zero where missing, and where ``x`` is observed."""
        centred, observed = self.centred(x)
        residual = centred - z @ self.weight.t()
        return (residual, None) if observed is None else (residual * observed, observed)

    @staticmethod
    def covariance_sums(x: Tensor, observed: Tensor | None, q: LatentMoments) -> tuple[Tensor, Tensor]:
        """Return how many rows each feature is observed in, and the sum of the covariances of these rows.

        Returns:
            ``(input_dim,)``, and ``(input_dim, latent_dim, latent_dim)``, or ``(1, ...)`` where nothing is missing.
        """
        if observed is None:
            return x.new_full(x.shape[1:], len(x)), len(x) * q.covariance.unsqueeze(0)
        weights = observed.to(x.dtype)
        return weights.sum(0), (weights.t() @ q.covariance.flatten(1)).unflatten(1, q.covariance.shape[1:])
