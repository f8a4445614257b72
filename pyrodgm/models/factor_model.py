"""What probabilistic PCA and factor analysis share: programs, and the steps of expectation maximization."""

from abc import abstractmethod
from typing import cast

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from pyrodgm.models.checks import check_rows
from pyrodgm.models.incomplete_rows import check_incomplete_rows, check_observed_columns, split_missing
from pyrodgm.models.linear_gaussian import LatentMoments, LinearGaussian
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program, data_plate, num_rows
from pyrodgm.nn.mlp import check_dim
from pyrodgm.transforms.univariate.checks import validation_enabled


class FactorModel(Model):
    r""":math:`z \sim N(0, I),\; x \sim N(W z + \mu, \Psi)` with its exact posterior as the guide.

    Every method but :meth:`log_prob` takes rows with missing values, NaN, and leaves these out, exactly.

    Args:
        input_dim: Number of features of ``x``.
        latent_dim: Number of latent variables, fewer than features.
        num_scales: Number of noise scales: one, or one a feature.
        min_scale: The least scale of the noise, in units of ``x``.

    Raises:
        ValueError: If a size is too small, there are no fewer latents than features, or ``min_scale`` is not positive.

    Attributes:
        handles_missing: True.
    """

    handles_missing = True

    def __init__(self, input_dim: int, latent_dim: int, num_scales: int, min_scale: float) -> None:
        super().__init__()
        self.input_dim = check_dim("input_dim", input_dim)
        self.latent_dim = check_dim("latent_dim", latent_dim)
        if latent_dim >= input_dim:
            raise ValueError(
                f"Expected latent_dim below input_dim={input_dim}; got {latent_dim}. With as many latents as features "
                "nothing is left for the noise: take fewer, or dist.MultivariateNormal."
            )
        if not min_scale > 0:
            raise ValueError(f"Expected min_scale > 0; got {min_scale}. It is the least scale of the noise.")
        self.joint = LinearGaussian(input_dim, latent_dim, num_scales, min_scale)
        self.event_shape = torch.Size([input_dim])
        self.pair(FactorModelProgram(self.joint), FactorModelGuide(self.joint))

    @property
    def weight(self) -> Tensor:
        """Loadings :math:`W`, ``(input_dim, latent_dim)``."""
        return self.joint.weight

    @property
    def loc(self) -> Tensor:
        r"""Mean :math:`\mu`, ``(input_dim,)``."""
        return self.joint.loc

    @property
    def noise_variance(self) -> Tensor:
        r"""Variance of the noise of each feature, the diagonal of :math:`\Psi`, ``(input_dim,)``."""
        return self.joint.variance

    def observation(self, context: Tensor | None) -> Distribution:
        """Return ``p(x | z)`` at one latent of the prior."""
        return cast(Distribution, self.joint.likelihood(self.joint.prior().sample((1,))))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log-density of each row, in nats.

        Args:
            x: ``(num_rows, input_dim)``.

        Returns:
            ``(num_rows,)``.

        Raises:
            ValueError: If ``x`` has another shape, no rows, or values that are not finite.
        """
        check_rows(x, self.event_shape)
        return self.joint.log_prob(x)

    def log_prob_observed(self, x: Tensor) -> Tensor:
        """Return the exact log-density of what is observed of each row, in nats.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing.

        Returns:
            ``(num_rows,)``.

        Raises:
            ValueError: If ``x`` has another shape, no rows, or infinite values.
        """
        check_incomplete_rows(x, self.input_dim)
        return self.joint.log_prob(x)

    def posterior(self, x: Tensor) -> dist.TorchDistribution:
        """Return the exact posterior ``p(z | x)``.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing.

        Returns:
            A normal with ``batch_shape == (num_rows,)`` and ``event_shape == (latent_dim,)``.

        Raises:
            ValueError: As :meth:`log_prob_observed`.
        """
        check_incomplete_rows(x, self.input_dim)
        return self.joint.posterior(x)

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        r"""Return :math:`W E[z \mid x] + \mu`, the mean of ``x`` at the posterior's mean, ``(num_rows, input_dim)``.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing.

        Raises:
            ValueError: As :meth:`log_prob_observed`.
        """
        check_incomplete_rows(x, self.input_dim)
        return self.joint.moments(x).loc @ self.weight.t() + self.loc

    def impute(self, x: Tensor) -> Tensor:
        r"""Return ``x`` with missing values replaced by their conditional means :math:`E[x_{mis} \mid x_{obs}]`.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing.

        Raises:
            ValueError: As :meth:`log_prob_observed`.
        """
        return torch.where(x.isnan(), self.reconstruct(x), x)

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Start from the columns' means, half of their variances as noise, and random loadings for the other half.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing, more rows than ``latent_dim + 1``.
            context: Not used.

        Raises:
            ValueError: If there are too few rows, or a column without a value.
        """
        check_incomplete_rows(x, self.input_dim)
        self.check_enough_rows(x)
        _, observed = split_missing(x)
        counts = x.new_full(x.shape[1:], len(x)) if observed is None else observed.sum(0).to(x.dtype)
        check_observed_columns(counts)
        self.loc.copy_(x.nanmean(0))
        half = 0.5 * (x - self.loc).square().nanmean(0)
        noise = torch.randn_like(self.weight)
        self.weight.copy_(noise * (half / self.latent_dim).sqrt().unsqueeze(-1))
        self.joint.set_variance(self.pooled(half * counts, counts))

    def check_enough_rows(self, x: Tensor) -> None:
        """Refuse data that the latents alone can explain, so that the likelihood has no maximum.

        Raises:
            ValueError: If there are at most ``latent_dim + 1`` rows.
        """
        if len(x) < self.latent_dim + 2:
            raise ValueError(
                f"Expected at least latent_dim + 2 = {self.latent_dim + 2} rows; got {len(x)}, which {self.latent_dim} "
                "latents explain without noise. Pass more rows, or take fewer latents."
            )

    @abstractmethod
    def pooled(self, squares: Tensor, counts: Tensor) -> Tensor:
        """Return the noise's variances, ``(num_scales,)``, of sums of squares and counts of each feature."""

    @torch.no_grad()
    def e_step(self, x: Tensor) -> LatentMoments:
        """Return the moments of the exact posterior.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing.
        """
        return self.joint.moments(x)

    @torch.no_grad()
    def m_step(self, x: Tensor, q: LatentMoments) -> None:
        """Set loadings, mean and noise to those that maximize the bound, all together.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing.
            q: What :meth:`e_step` returned.

        Raises:
            ValueError: If a column has no value.
        """
        joint, num = self.joint, self.latent_dim
        centred, observed = joint.centred(x)
        counts, spread = joint.covariance_sums(x, observed, q)
        check_observed_columns(counts)
        z = torch.cat((q.loc, torch.ones_like(q.loc[:, :1])), 1)  # the last for the mean
        if observed is None:
            second = (z.t() @ z).unsqueeze(0)
        else:
            products = z.unsqueeze(-1) * z.unsqueeze(-2)
            second = (observed.to(x.dtype).t() @ products.flatten(1)).unflatten(1, products.shape[1:])
        second[:, :num, :num] += spread  # (input_dim or 1, num + 1, num + 1), of the rows that have the feature
        first = (centred.t() @ z).unsqueeze(-1)
        solution = torch.cholesky_solve(first, torch.linalg.cholesky(second)).squeeze(-1)
        residual = centred - z @ solution.t()
        residual = residual if observed is None else residual * observed
        weight = solution[:, :num]
        squares = residual.square().sum(0) + torch.einsum("dk,dkl,dl->d", weight, spread, weight)
        self.weight.copy_(weight)
        self.loc.add_(solution[:, num])
        joint.set_variance(self.pooled(squares, counts))

    @torch.no_grad()
    def bound(self, x: Tensor, q: LatentMoments) -> Tensor:
        """Return the ELBO at the current parameters, summed over rows, in nats.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing.
            q: What :meth:`e_step` returned, at these or at earlier parameters.
        """
        return self.joint.bound(x, q)


class FactorModelProgram(Program):
    """The program ``z ~ N(0, I); x ~ N(W z + mu, noise)``, in which missing values do not count."""

    def __init__(self, joint: LinearGaussian) -> None:
        super().__init__()
        self.joint = joint

    def forward(
        self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None, num: int = 1
    ) -> Tensor:
        """Sample ``z``, and sample or score ``x``."""
        observed = None
        if x is not None:
            if validation_enabled():
                check_incomplete_rows(x, len(self.joint.loc))
            x, observed = split_missing(x)
        with data_plate(num_rows(x, context, num), size):
            z = pyro.sample("z", self.joint.prior())
            return pyro.sample("x", self.joint.likelihood(z, observed), obs=x)


class FactorModelGuide(Program):
    """The program ``z ~ p(z | x)``, the exact posterior."""

    def __init__(self, joint: LinearGaussian) -> None:
        super().__init__()
        self.joint = joint

    def forward(self, x: Tensor, context: Tensor | None = None, *, size: int | None = None) -> Tensor:
        """Sample ``z`` given ``x``."""
        with data_plate(len(x), size):
            return pyro.sample("z", self.joint.posterior(x))
