"""A normal with a low-rank and a diagonal covariance for the weights, by variational inference."""

import math
import time

import torch
from pyro.distributions import LowRankMultivariateNormal
from torch import Tensor

from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.descend import descend
from pyrodgm.infer.energy import Energy
from pyrodgm.infer.flat_weights import FlatWeights
from pyrodgm.infer.mean_field import check_variational
from pyrodgm.infer.mean_field_steps import MeanFieldSteps
from pyrodgm.infer.posterior import Posterior
from pyrodgm.infer.variational_steps import VariationalSteps

INITIAL_SCALE = 0.05  # standard deviations of the diagonal at the start
FACTOR_SCALE = 0.01  # of the factor's entries, which must not all start at zero


class LowRank(Posterior):
    """A normal over unconstrained weights with covariance ``factor @ factor.T + diag(scale**2)``.

    Attributes:
        loc: Means ``(num_weights,)``.
        log_scale: Logarithms of the diagonal's standard deviations ``(num_weights,)``.
        factor: ``(num_weights, rank)``.
    """

    def __init__(self, bayesian: Bayesian, loc: Tensor, log_scale: Tensor, factor: Tensor) -> None:
        super().__init__(bayesian)
        self.loc, self.log_scale, self.factor = loc, log_scale, factor

    @property
    def normal(self) -> LowRankMultivariateNormal:
        """The normal over unconstrained weights."""
        return LowRankMultivariateNormal(self.loc, self.factor, (2.0 * self.log_scale).exp(), validate_args=False)

    def draw_flat(self, num: int) -> Tensor:
        """Draw unconstrained weights ``(num, num_weights)``."""
        return self.normal.sample((num,))

    def point_flat(self) -> Tensor:
        """Return the means."""
        return self.loc

    def log_density_flat(self, u: Tensor) -> Tensor:
        """Return the log-density of unconstrained weights ``(*batch, num_weights)``, in nats."""
        return self.normal.log_prob(u)


def low_rank(
    bayesian: Bayesian,
    x: Tensor,
    context: Tensor | None = None,
    *,
    rank: int = 10,
    num_steps: int = 2000,
    lr: float = 1e-2,
    batch_size: int | None = None,
    num_particles: int = 2,
) -> LowRank:
    r"""Variational inference with :math:`q(\theta) = N(\mu, F F^\top + \mathrm{diag}(\sigma^2))`.

    Between :func:`mean_field` (rank 0), of which as many steps before set where it starts, and a full covariance, which
    it is from rank ``num_weights - 1`` on.

    Args:
        bayesian: The component and its prior.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        rank: Number of columns of :math:`F`.
        num_steps: Number of steps of Adam.
        lr: Its step size at the start, a tenth of it for :math:`F`; it falls along a cosine to zero.
        batch_size: Rows a step, whose log-likelihoods are scaled up to all rows; ``None`` takes all.
        num_particles: Draws of the weights a step, in mirrored pairs.

    Returns:
        The approximation; ``losses`` are estimates of the negative ELBO in nats.

    Raises:
        ValueError: If data or a number are not as expected.
        FloatingPointError: If a loss or a gradient is not finite.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, infer
        >>> bayes = infer.bayesian(flows.realnvp(3), 1.0)
        >>> infer.low_rank(bayes, torch.randn(20, 3), rank=2, num_steps=2).factor.shape[-1]
        2

    References:
        Ong, Nott, Smith (2018), Gaussian Variational Approximation with a Factor Covariance Structure,
        https://arxiv.org/abs/1701.03208
    """
    check_variational(num_particles, INITIAL_SCALE)
    start = time.perf_counter()
    flat = FlatWeights(bayesian)
    if rank < 1:
        raise ValueError(f"Expected rank of at least 1; got {rank}. mean_field has a diagonal covariance.")
    with Energy(bayesian, flat, x, context, batch_size) as energy:
        first = MeanFieldSteps(energy, INITIAL_SCALE, num_particles)
        with torch.no_grad():
            descend([first.loc, first.log_scale], first, num_steps=num_steps, lr=lr)
        loc, log_scale = first.loc.requires_grad_(), first.log_scale.requires_grad_()
        factor = (torch.randn(len(loc), rank, dtype=loc.dtype, device=loc.device) * FACTOR_SCALE).requires_grad_()

        def draw(num: int) -> tuple[Tensor, Tensor]:
            scale = log_scale.exp()
            normals = torch.randn((num + 1) // 2, len(loc) + rank, dtype=loc.dtype, device=loc.device)
            normals = torch.cat((normals, -normals))[:num]  # in pairs whose errors cancel
            u = loc + scale * normals[:, rank:] + normals[:, :rank] @ factor.T
            scaled = factor / scale[:, None]
            inner = torch.eye(rank, dtype=loc.dtype, device=loc.device) + scaled.T @ scaled
            entropy = (
                0.5 * len(loc) * (1.0 + math.log(2.0 * math.pi))
                + log_scale.sum()
                + torch.linalg.cholesky(inner).diagonal().log().sum()
            )
            if flat.gaussian is None:
                return u, -entropy
            variance = scale.square() + factor.square().sum(1)
            return u, -entropy - flat.gaussian.expected(loc, variance)

        values = [loc, log_scale, factor]
        steps = VariationalSteps(energy, values, draw, num_particles)
        with torch.no_grad():
            losses = descend([loc, log_scale], steps, num_steps=num_steps, lr=lr, summed=[factor])
    posterior = LowRank(bayesian, *(value.detach() for value in values))
    posterior.losses, posterior.seconds = losses, time.perf_counter() - start
    return posterior
