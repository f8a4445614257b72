"""A mixture of normals with priors over all parameters, which empties the components that it does not need."""

import math

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from pyrodgm.models.gaussian_mixture import check_data, check_enough
from pyrodgm.models.gaussian_mixture_start import filled, start
from pyrodgm.models.gaussian_mixture_steps import MixtureStatistics, statistics
from pyrodgm.models.gaussians import Gaussians
from pyrodgm.nn.mlp import check_dim


class BayesianGaussianMixture(nn.Module):
    r"""Mixture of normals with a Dirichlet prior of its weights and a normal-Wishart prior of each component.

    .. math::
        w \sim \mathrm{Dir}(\alpha_0, \dots, \alpha_0), \quad \Lambda_k \sim \mathcal{W}(V_0^{-1}, \nu_0), \quad
        \mu_k \mid \Lambda_k \sim N(m_0, (\beta_0 \Lambda_k)^{-1}).

    ``infer.em`` fits the posterior :math:`q(z)\, q(w, \mu, \Lambda)` of the same family by variational EM, whose bound
    on the log-evidence never decreases. With :math:`\alpha_0 < 1` components that explain little lose all rows, so that
    ``num_components`` need only be large enough.

    Args:
        input_dim: Number of features :math:`D`.
        num_components: Number of components :math:`K`.
        concentration: :math:`\alpha_0`; by default :math:`1 / K`.
        mean_precision: :math:`\beta_0`, how many rows the prior mean is worth.
        degrees_of_freedom: :math:`\nu_0 > D - 1`; by default :math:`D`.
        prior_mean: :math:`m_0`, ``(input_dim,)``; by default the mean of the data that the fit starts from.
        prior_scatter: :math:`V_0`, ``(input_dim, input_dim)``; by default the covariance of these data.

    Attributes:
        concentration: :math:`\alpha_k`, ``(num_components,)``, of the posterior, as the following.
        mean_precision: :math:`\beta_k`, ``(num_components,)``.
        degrees_of_freedom: :math:`\nu_k`, ``(num_components,)``.
        means: :math:`m_k`, ``(num_components, input_dim)``.
        scatter: :math:`V_k`, ``(num_components, input_dim, input_dim)``.
        handles_missing: True: missing values have a posterior too.

    Raises:
        ValueError: If a number is not positive, too few degrees of freedom are given, or a prior has another shape.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> x = torch.cat((torch.randn(100, 2) - 4, torch.randn(100, 2) + 4))
        >>> mixture = models.BayesianGaussianMixture(2, 6, concentration=0.01)
        >>> found = infer.em(mixture, x, num_steps=200)
        >>> mixture.weights.shape, mixture.log_prob(x).shape
        (torch.Size([6]), torch.Size([200]))

    References:
        Bishop (2006), Pattern Recognition and Machine Learning, section 10.2
    """

    handles_missing = True
    concentration: Tensor
    mean_precision: Tensor
    degrees_of_freedom: Tensor
    means: Tensor
    scatter: Tensor
    prior_mean: Tensor
    prior_scatter: Tensor

    def __init__(
        self,
        input_dim: int,
        num_components: int,
        *,
        concentration: float | None = None,
        mean_precision: float = 1.0,
        degrees_of_freedom: float | None = None,
        prior_mean: Tensor | None = None,
        prior_scatter: Tensor | None = None,
    ) -> None:
        super().__init__()
        dim, num = check_dim("input_dim", input_dim), check_dim("num_components", num_components)
        self.prior_concentration = 1.0 / num if concentration is None else concentration
        self.prior_mean_precision = mean_precision
        self.prior_degrees_of_freedom = float(dim) if degrees_of_freedom is None else degrees_of_freedom
        if not (self.prior_concentration > 0 and mean_precision > 0):
            raise ValueError(
                f"Expected concentration and mean_precision > 0; got {concentration} and {mean_precision}. "
                "Smaller ones say less."
            )
        if not self.prior_degrees_of_freedom > dim - 1:
            raise ValueError(
                f"Expected more than {dim - 1} degrees of freedom over {dim} features; got {degrees_of_freedom}. "
                "The prior of a covariance is proper only then."
            )
        self.event_shape = torch.Size([dim])
        self.from_data = (prior_mean is None, prior_scatter is None)
        mean = torch.zeros(dim) if prior_mean is None else prior_mean
        scatter = torch.eye(dim) if prior_scatter is None else prior_scatter
        if mean.shape != (dim,) or scatter.shape != (dim, dim):
            raise ValueError(
                f"Expected prior_mean of shape ({dim},) and prior_scatter of shape ({dim}, {dim}); got "
                f"{tuple(mean.shape)} and {tuple(scatter.shape)}. Give those of input_dim features."
            )
        check_positive_definite(scatter)
        self.register_buffer("prior_mean", mean.clone())
        self.register_buffer("prior_scatter", scatter.clone())
        self.register_buffer("concentration", torch.full((num,), self.prior_concentration))
        self.register_buffer("mean_precision", torch.full((num,), float(mean_precision)))
        self.register_buffer("degrees_of_freedom", torch.full((num,), self.prior_degrees_of_freedom))
        self.register_buffer("means", mean.repeat(num, 1))
        self.register_buffer("scatter", scatter.repeat(num, 1, 1))

    @property
    def num_components(self) -> int:
        """Number of components, empty ones included."""
        return len(self.concentration)

    @property
    def weights(self) -> Tensor:
        """Posterior means of the weights, ``(num_components,)``."""
        return self.concentration / self.concentration.sum()

    @property
    def covariances(self) -> Tensor:
        """Inverses of the posterior means of the precisions, ``(num_components, input_dim, input_dim)``."""
        return self.scatter / self.degrees_of_freedom[:, None, None]

    def occupied(self, min_rows: float = 1.0) -> Tensor:
        """Return which components at least so many rows are expected to belong to, ``(num_components,)``."""
        return self.concentration - self.prior_concentration >= min_rows

    def distribution(self) -> dist.MixtureSameFamily:
        """Return the posterior predictive, a mixture of Student's t distributions."""
        free = self.degrees_of_freedom + 1.0 - self.event_shape[0]
        spread = (1.0 + self.mean_precision) / (self.mean_precision * free)
        scale_tril = torch.linalg.cholesky(self.scatter) * spread.sqrt()[:, None, None]
        return dist.MixtureSameFamily(
            dist.Categorical(self.weights), dist.MultivariateStudentT(free, self.means, scale_tril)
        )

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log-density of new rows under the posterior predictive, ``(num_rows,)``, nats."""
        check_data(x, self.event_shape, missing=False)
        log_prob: Tensor = self.distribution().log_prob(x)
        return log_prob

    def sample(self, num: int) -> Tensor:
        """Draw ``(num, input_dim)`` from the posterior predictive."""
        return self.distribution().sample(torch.Size([num]))

    def assignments(self, x: Tensor) -> Tensor:
        """Return the probabilities of the components given rows, ``(num_rows, num_components)``."""
        check_data(x, self.event_shape, missing=False)
        return self.expected().log_joint(x.double()).softmax(0).t().to(self.means.dtype)

    def expected(self) -> Gaussians:
        """Return normals whose weighted log-densities are those of the components in expectation over parameters."""
        alpha, beta, nu = self.concentration.double(), self.mean_precision.double(), self.degrees_of_freedom.double()
        dim = self.event_shape[0]
        factor = torch.linalg.cholesky(self.scatter.double())
        identity = torch.eye(dim, dtype=factor.dtype, device=factor.device).expand_as(factor)
        whitening = nu.sqrt()[:, None, None] * torch.linalg.solve_triangular(factor, identity, upper=False)
        log_weights = alpha.digamma() - alpha.sum().digamma()
        log_weights = log_weights + 0.5 * (multidigamma(0.5 * nu, dim) - dim * (0.5 * nu).log() - dim / beta)
        return Gaussians(log_weights, self.means.double(), whitening)

    @torch.no_grad()
    def initialize(self, x: Tensor) -> None:
        """Set the prior's mean and scatter from data unless they were given, and start at centres of k-means++.

        Args:
            x: ``(num_rows, input_dim)``; NaN, where there is any, counts as the column's mean.

        Raises:
            ValueError: If there are fewer rows than components, or the data's covariance is singular.
        """
        check_data(x, self.event_shape, missing=True)
        check_enough(x, self.num_components)
        rows = filled(x.double())
        if self.from_data[0]:
            self.prior_mean.copy_(rows.mean(0))
        if self.from_data[1]:
            centred = rows - rows.mean(0)
            scatter = centred.t() @ centred / max(1, len(rows) - 1)
            check_positive_definite(scatter)
            self.prior_scatter.copy_(scatter)
        weights, means, covariance = start(x, self.num_components)
        factor, info = torch.linalg.cholesky_ex(covariance)
        if info:  # each row its own cluster
            factor = torch.linalg.cholesky(self.prior_scatter.double())
        whitening = torch.linalg.inv(factor).tril().expand(len(means), -1, -1)
        self.m_step(x, statistics(Gaussians(weights.log(), means, whitening), x))

    @torch.no_grad()
    def e_step(self, x: Tensor) -> MixtureStatistics:
        """Return the moments of :math:`q(z)`; arguments and errors as :meth:`GaussianMixture.e_step`."""
        check_data(x, self.event_shape, missing=True)
        check_enough(x, self.num_components)
        return statistics(self.expected(), x)

    @torch.no_grad()
    def m_step(self, x: Tensor, q: MixtureStatistics) -> None:
        r"""Set :math:`q(w, \mu, \Lambda)` to the exact posterior given the moments."""
        prior_mean, prior_precision = self.prior_mean.double(), self.prior_mean_precision
        shift = q.means - prior_mean
        precision = prior_precision + q.counts
        self.concentration.copy_(self.prior_concentration + q.counts)
        self.mean_precision.copy_(precision)
        self.degrees_of_freedom.copy_(self.prior_degrees_of_freedom + q.counts)
        share = q.counts / precision
        self.means.copy_(prior_mean + share[:, None] * shift)
        between = (prior_precision * share)[:, None, None] * shift[:, :, None] * shift[:, None]
        self.scatter.copy_(self.prior_scatter.double() + q.scatter + between)

    @torch.no_grad()
    def bound(self, x: Tensor, q: MixtureStatistics) -> Tensor:
        """Return the bound on the log-evidence of all rows; a scalar, nats."""
        return q.expected_log_joint(self.expected()) + q.entropy - self.divergence()

    def divergence(self) -> Tensor:
        """Return the Kullback-Leibler divergence of the parameters' posterior from their prior, nats."""
        dim = self.event_shape[0]
        alpha, beta, nu = self.concentration.double(), self.mean_precision.double(), self.degrees_of_freedom.double()
        prior = torch.full_like(alpha, self.prior_concentration)
        weights = torch.distributions.kl_divergence(dist.Dirichlet(alpha), dist.Dirichlet(prior))
        ratio = self.prior_mean_precision / beta
        factor, prior_factor = (torch.linalg.cholesky(v.double()) for v in (self.scatter, self.prior_scatter))
        shift = (self.means - self.prior_mean).double()[..., None]
        white = torch.linalg.solve_triangular(factor, shift, upper=False).square().sum((-1, -2))
        normal = 0.5 * (dim * (ratio - 1.0 - ratio.log()) + self.prior_mean_precision * nu * white)
        log_det, prior_log_det = (2.0 * f.diagonal(dim1=-2, dim2=-1).log().sum(-1) for f in (factor, prior_factor))
        traces = torch.linalg.solve_triangular(factor, prior_factor.expand_as(factor), upper=False)
        half, prior_half = 0.5 * nu, torch.full_like(nu, 0.5 * self.prior_degrees_of_freedom)
        wishart = prior_half * (log_det - prior_log_det) + half * (traces.square().sum((-1, -2)) - dim)
        wishart = wishart + torch.special.multigammaln(prior_half, dim) - torch.special.multigammaln(half, dim)
        wishart = wishart + (half - prior_half) * multidigamma(half, dim)
        return weights + (normal + wishart).sum()


def multidigamma(value: Tensor, dim: int) -> Tensor:
    """Return the derivative of the logarithm of the multivariate gamma function."""
    return (value[..., None] - 0.5 * torch.arange(dim, dtype=value.dtype, device=value.device)).digamma().sum(-1)


def check_positive_definite(scatter: Tensor) -> None:
    """Refuse a prior scatter that is singular.

    Raises:
        ValueError: Saying what to do.
    """
    factor, info = torch.linalg.cholesky_ex(scatter.double())
    pivots = factor.diagonal() / scatter.double().diagonal().sqrt()
    if info or not (pivots > math.sqrt(100 * torch.finfo(torch.float64).eps)).all():
        raise ValueError(
            "Expected a prior_scatter that is positive definite; got a singular one. Remove features that others "
            "determine, or give a prior_scatter of your own."
        )
