"""What the E step of a mixture of normals keeps of the data: counts, means and scatters under the posterior.

One pass over the rows, chunk by chunk, in float64. Where rows are not far from the means on the scale of the narrowest
component, squares are multiplied out: one product of matrices scores a chunk under all components, and its transpose
gathers the moments. Otherwise rows are whitened component by component, which keeps all digits and takes four times as
long.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm.distributions.components import LOG2_E
from pyrodgm.models.gaussians import LOG_TWO_PI, Gaussians, chunk_size, patterns

MAX_ERROR = 1e-8  # of a log-density, by rounding, up to which squares are multiplied out
MAX_DIM = 64  # number of features up to which all their products make up a faster matrix product


@dataclass(frozen=True)
class MixtureStatistics:
    """The exact posterior over components, as far as an M step and the bound need it.

    Attributes:
        counts: Expected number of rows of each component, ``(K,)``.
        means: Expected means of these rows, ``(K, D)``; where a count is 0, whatever.
        scatter: Sums of squared deviations from these means, ``(K, D, D)``, or their diagonals, ``(K, D)``.
        entropy: Of the posterior, over components and missing values, summed over rows; nats.
    """

    counts: Tensor
    means: Tensor
    scatter: Tensor
    entropy: Tensor

    def expected_log_joint(self, gaussians: Gaussians) -> Tensor:
        """Return the expectation of ``log w_z + log N(x; mu_z, Sigma_z)``, summed over rows; a scalar."""
        shift = self.means - gaussians.means
        if gaussians.diagonal:
            squares = (self.scatter + self.counts[:, None] * shift.square()) * gaussians.whitening.square()
            return (self.counts * gaussians.log_scale).sum() - 0.5 * squares.sum()
        precision = gaussians.whitening.mT @ gaussians.whitening
        shifts = (gaussians.whitening @ shift[..., None]).square().sum((-1, -2))
        return (self.counts * (gaussians.log_scale - 0.5 * shifts)).sum() - 0.5 * (precision * self.scatter).sum()


@torch.no_grad()
def statistics(gaussians: Gaussians, x: Tensor) -> MixtureStatistics:
    """Take the E step.

    Args:
        gaussians: The components.
        x: ``(num_rows, D)``; NaN means missing.
    """
    gaussians = gaussians.double()
    if x.isnan().any():
        return by_whitening(gaussians, x) if gaussians.diagonal else by_patterns(gaussians, x)
    centre = gaussians.means.mean(0)
    far = torch.maximum(squared_norm(x - centre), squared_norm(gaussians.means - centre))
    precision = gaussians.whitening.flatten(1).square().sum(1).amax()
    if x.shape[1] <= MAX_DIM and float(far * precision) * torch.finfo(torch.float64).eps < MAX_ERROR:
        return by_products(gaussians, x, centre)
    return by_whitening(gaussians, x)


def squared_norm(x: Tensor) -> Tensor:
    """Return the largest squared norm of rows."""
    return torch.linalg.vector_norm(x, dim=1).amax().double().square()


def posterior_of(logs: Tensor) -> tuple[Tensor, Tensor]:
    """Turn joint log-densities ``(K, n)`` into posterior probabilities, in place; also return the entropy's sum."""
    logs -= logs.amax(0)
    shares = (logs * LOG2_E).exp2_()  # unlike exp, no slower where it underflows
    total = shares.sum(0)
    shares /= total
    return shares, total.log().sum() - torch.dot(shares.flatten(), logs.flatten())


def by_products(gaussians: Gaussians, x: Tensor, centre: Tensor) -> MixtureStatistics:
    """Take the E step by products of matrices: of 1, the features and their products, centred."""
    dim = x.shape[1]
    first, second = products_of(dim, gaussians.diagonal, x.device)
    shift = gaussians.means - centre
    if gaussians.diagonal:
        precision = gaussians.whitening.square()
        linear, quadratic = precision * shift, -0.5 * precision
    else:
        full = gaussians.whitening.mT @ gaussians.whitening
        linear = (full @ shift[..., None])[..., 0]
        quadratic = full[:, first, second] * torch.where(first == second, -0.5, -1.0)
    constant = gaussians.log_scale - 0.5 * (linear * shift).sum(-1)
    weights = torch.cat((constant[:, None], linear, quadratic), 1)  # (K, 1 + D + products)
    totals, entropy = torch.zeros_like(weights), weights.new_zeros(())
    size = min(len(x), chunk_size(weights.shape[1]))
    buffer = weights.new_ones(weights.shape[1], size)
    for rows in x.split(size):
        features = buffer[:, : len(rows)]
        columns = torch.sub(rows.t(), centre[:, None], out=features[1 : dim + 1])
        start = dim + 1
        for i in range(0 if gaussians.diagonal else dim):  # row by row of the triangle
            torch.mul(columns[i:], columns[i], out=features[start : start + dim - i])
            start += dim - i
        if gaussians.diagonal:
            torch.mul(columns, columns, out=features[start:])
        shares, more = posterior_of(weights @ features)
        totals.addmm_(shares, features.t())
        entropy += more
    counts, sums, squares = totals[:, 0], totals[:, 1 : dim + 1], totals[:, dim + 1 :]
    mean = sums / counts.clamp_min(torch.finfo(counts.dtype).tiny)[:, None]
    if gaussians.diagonal:
        return MixtureStatistics(counts, mean + centre, squares - sums * mean, entropy)
    scatter = totals.new_empty(len(counts), dim, dim)
    scatter[:, first, second] = squares
    scatter[:, second, first] = squares
    return MixtureStatistics(counts, mean + centre, scatter - sums[:, :, None] * mean[:, None], entropy)


def products_of(dim: int, diagonal: bool, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the two features of each product."""
    if diagonal:
        return torch.arange(dim, device=device), torch.arange(dim, device=device)
    first, second = torch.triu_indices(dim, dim, device=device)
    return first, second


def by_whitening(gaussians: Gaussians, x: Tensor) -> MixtureStatistics:
    """Take the E step in each component's own coordinates."""
    counts, sums, squares, entropy = whitened_moments(gaussians, x)
    mean = sums / counts.clamp_min(torch.finfo(counts.dtype).tiny)[:, None]
    if gaussians.diagonal:
        scatter = (squares - sums * mean) / gaussians.whitening.square()
        return MixtureStatistics(counts, gaussians.means + mean / gaussians.whitening, scatter, entropy)
    central = squares - sums[:, :, None] * mean[:, None]
    half = torch.linalg.solve_triangular(gaussians.whitening, central, upper=False)
    scatter = torch.linalg.solve_triangular(gaussians.whitening, half.mT, upper=False)
    shift = torch.linalg.solve_triangular(gaussians.whitening, mean[..., None], upper=False)
    return MixtureStatistics(counts, gaussians.means + shift[..., 0], 0.5 * (scatter + scatter.mT), entropy)


def whitened_moments(gaussians: Gaussians, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return counts, sums and sums of products of whitened rows, ``(n, D)``, and the entropy of the posterior.

    Of diagonal covariances, NaN means missing: then a feature is as the component is.
    """
    num, dim = gaussians.means.shape
    counts, sums = gaussians.means.new_zeros(num), gaussians.means.new_zeros(num, dim)
    squares, entropy = torch.zeros_like(gaussians.whitening), gaussians.means.new_zeros(())
    for rows in x.double().split(chunk_size(num * max(1, dim))):
        shares, more = posterior_of(
            gaussians.log_joint_observed(rows) if gaussians.diagonal else gaussians.log_joint(rows)
        )
        white = gaussians.whiten(rows)
        if gaussians.diagonal:
            white = white.nan_to_num(0.0)
            missing = shares @ rows.isnan().to(shares)
            squares += missing
            more = more + (missing * (0.5 * (LOG_TWO_PI + 1.0) - gaussians.whitening.log())).sum()
        weighted = shares[:, None] * white
        counts += shares.sum(1)
        sums += weighted.sum(-1)
        squares += (weighted * white).sum(-1) if gaussians.diagonal else weighted @ white.mT
        entropy += more
    return counts, sums, squares, entropy


def by_patterns(gaussians: Gaussians, x: Tensor) -> MixtureStatistics:
    """Take the E step over components and missing values, one set of missing features after the other."""
    num, dim = gaussians.means.shape
    counts, sums = gaussians.means.new_zeros(num), gaussians.means.new_zeros(num, dim)
    squares, entropy = torch.zeros_like(gaussians.whitening), gaussians.means.new_zeros(())
    for rows, observed, missing in patterns(x):
        marginal, factor = gaussians.split(observed, missing)
        n, s, ss, more = whitened_moments(marginal, x[rows][:, observed])
        known, unknown = factor[..., : len(observed)], factor[..., len(observed) :]
        order = torch.cat((observed, missing))
        inverse = order.argsort()
        spread = known @ ss @ known.mT + n[:, None, None] * (unknown @ unknown.mT)
        counts += n
        sums += (known @ s[..., None])[:, inverse, 0]
        squares += spread[:, inverse][:, :, inverse]
        scales = factor.diagonal(dim1=-2, dim2=-1)[:, len(observed) :].log().sum(-1)
        entropy += more + (n * (scales + 0.5 * len(missing) * math.log(2.0 * math.pi * math.e))).sum()
    mean = sums / counts.clamp_min(torch.finfo(counts.dtype).tiny)[:, None]
    return MixtureStatistics(counts, gaussians.means + mean, squares - sums[:, :, None] * mean[:, None], entropy)
