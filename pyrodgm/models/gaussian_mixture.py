"""A mixture of normals: the classic latent-variable model, by EM or by gradients."""

from typing import Literal

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyrodgm.models.checks import check_rows
from pyrodgm.models.gaussian_components import GaussianComponents
from pyrodgm.models.gaussian_mixture_start import start
from pyrodgm.models.gaussian_mixture_steps import MixtureStatistics, statistics
from pyrodgm.models.gaussians import chunk_size
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program, data_plate, num_rows
from pyrodgm.transforms.univariate.checks import validation_enabled


class GaussianMixture(Model):
    r"""Mixture of normals, :math:`p(x) = \sum_k w_k\, N(x; \mu_k, \Sigma_k)`, with the component as latent variable.

    The guide is the exact posterior :math:`p(z \mid x)` at the current parameters, held fixed for gradients, so that
    the ELBO is the log-likelihood whatever component is drawn, and its gradient unbiased. With
    ``pyro.infer.config_enumerate(mixture.guide)``, :class:`pyro.infer.TraceEnum_ELBO` sums over the components of each
    row and so has the exact gradient. ``infer.em(mixture, x)`` is faster than either.

    Args:
        input_dim: Number of features :math:`D`.
        num_components: Number of components :math:`K`.
        covariance: ``"full"``, ``"diagonal"``, or ``"tied"``, one full covariance for all components.
        covariance_floor: Least variance in any direction that an M step gives a component; a likelihood without one
            grows without bound as a component shrinks onto a row. With 0, a singular covariance is an error.

    Attributes:
        components: Holds the parameters, unconstrained.
        handles_missing: True: both steps of EM sum over what is missing, without approximation.

    Raises:
        ValueError: If a number is not positive, or ``covariance`` is none of the three.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> mixture = models.GaussianMixture(2, 3)
        >>> found = infer.em(mixture, torch.randn(100, 2))
        >>> mixture.log_prob(torch.randn(5, 2)).shape, mixture.assignments(torch.randn(5, 2)).shape
        (torch.Size([5]), torch.Size([5, 3]))

    References:
        Dempster, Laird, Rubin (1977), Maximum Likelihood from Incomplete Data via the EM Algorithm;
        Bishop (2006), Pattern Recognition and Machine Learning, section 9.2;
        Ghahramani, Jordan (1994), Supervised Learning from Incomplete Data via an EM Approach (missing values)
    """

    handles_missing = True

    def __init__(
        self,
        input_dim: int,
        num_components: int,
        covariance: Literal["full", "diagonal", "tied"] = "full",
        *,
        covariance_floor: float = 1e-6,
    ) -> None:
        super().__init__()
        if not covariance_floor >= 0:
            raise ValueError(f"Expected covariance_floor of at least 0; got {covariance_floor}. Give a variance.")
        self.components = GaussianComponents(input_dim, num_components, covariance)
        self.covariance_floor = covariance_floor
        self.event_shape = torch.Size([input_dim])
        self.pair(MixtureModel(self.components), MixturePosterior(self.components))

    @property
    def num_components(self) -> int:
        """Number of components."""
        return self.components.num_components

    @property
    def weights(self) -> Tensor:
        """Weights, ``(num_components,)``."""
        return self.components.logits.softmax(0)

    @property
    def means(self) -> Tensor:
        """Means, ``(num_components, input_dim)``."""
        return self.components.means

    @property
    def covariances(self) -> Tensor:
        """Covariances, ``(num_components, input_dim, input_dim)``; tied, only one; diagonal, the variances."""
        return self.components.covariances

    def set_parameters(self, weights: Tensor, means: Tensor, covariances: Tensor) -> None:
        """Set the parameters.

        Args:
            weights: ``(num_components,)``, not negative; scaled to a sum of 1.
            means: ``(num_components, input_dim)``.
            covariances: As the property has them.

        Raises:
            ValueError: If shapes are others, a value is not finite, weights are negative, or a covariance is singular
                (the component is named).
        """
        self.components.set_parameters(weights, means, covariances)

    def distribution(self) -> dist.MixtureSameFamily:
        """Return the mixture as a distribution."""
        return self.components.distribution()

    def observation(self, context: Tensor | None) -> dist.MixtureSameFamily:
        """Return the mixture; it takes no context."""
        return self.distribution()

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log-density of rows, in nats.

        Args:
            x: ``(num_rows, input_dim)``.

        Returns:
            ``(num_rows,)``.

        Raises:
            ValueError: If the shape is another, or values are not finite (the row is named).
        """
        check_data(x, self.event_shape, missing=False)
        return self._log_joint(x).logsumexp(0)

    def log_prob_observed(self, x: Tensor) -> Tensor:
        """Return the log-density of what is observed of rows, in nats.

        Args:
            x: ``(num_rows, input_dim)``; NaN is missing.

        Returns:
            ``(num_rows,)``.

        Raises:
            ValueError: If the shape is another, or values are infinite (the row is named).
        """
        check_data(x, self.event_shape, missing=True)
        return self._log_joint(x).logsumexp(0)

    def assignments(self, x: Tensor) -> Tensor:
        """Return the probabilities of the components given what is observed of rows, ``(num_rows, num_components)``.

        Args:
            x: ``(num_rows, input_dim)``; NaN is missing.

        Raises:
            ValueError: As :meth:`log_prob_observed`.
        """
        check_data(x, self.event_shape, missing=True)
        return self._log_joint(x).softmax(0).t()

    def _log_joint(self, x: Tensor) -> Tensor:
        gaussians = self.components.gaussians()
        score = gaussians.log_joint_observed if x.isnan().any() else gaussians.log_joint
        if torch.is_grad_enabled():
            return score(x)
        return torch.cat([score(rows) for rows in x.split(chunk_size(gaussians.means.numel()))], 1)

    def num_parameters(self) -> int:
        """Return the number of free parameters."""
        dim, num = self.event_shape[0], self.num_components
        triangle = dim * (dim + 1) // 2
        each = {"full": num * triangle, "diagonal": num * dim, "tied": triangle}[self.components.covariance]
        return num - 1 + num * dim + each

    def bic(self, x: Tensor) -> float:
        r"""Return the Bayesian information criterion :math:`-2 \log p(X) + P \log N`; the lower the better.

        Args:
            x: The ``(num_rows, input_dim)`` that the mixture was fitted to.

        References:
            Schwarz (1978), Estimating the Dimension of a Model
        """
        with torch.no_grad():
            log_likelihood = self.log_prob(x).double().sum()
        return float(-2.0 * log_likelihood + self.num_parameters() * torch.tensor(float(len(x))).double().log())

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Start at centres of k-means++, with the covariance within clusters.

        Args:
            x: ``(num_rows, input_dim)``; NaN, where there is any, counts as the column's mean.
            context: Must be ``None``.

        Raises:
            ValueError: If there are fewer rows than components.
        """
        check_data(x, self.event_shape, missing=True)
        check_enough(x, self.num_components)
        weights, means, covariance = start(x, self.num_components)
        covariances = covariance if self.components.covariance == "tied" else covariance.expand(len(means), -1, -1)
        if self.components.covariance == "diagonal":
            covariances = covariances.diagonal(dim1=-2, dim2=-1)
        self.components.set_covariances(covariances, self.covariance_floor)
        self.components.set_weights_and_means(weights, means)

    def e_step(self, x: Tensor) -> MixtureStatistics:
        """Return the moments of the exact posterior; NaN means missing.

        Args:
            x: ``(num_rows, input_dim)``.

        Raises:
            ValueError: If there are fewer rows than components.
        """
        check_data(x, self.event_shape, missing=True)
        check_enough(x, self.num_components)
        with torch.no_grad():
            return statistics(self.components.gaussians(), x)

    @torch.no_grad()
    def m_step(self, x: Tensor, q: MixtureStatistics) -> None:
        """Set weights, means and covariances to those of the posterior's moments; what nothing falls to stays.

        Raises:
            ValueError: If a covariance is singular, and ``covariance_floor`` is 0; the component is named.
        """
        old = self.components
        empty = q.counts <= EMPTY
        counts = q.counts.masked_fill(empty, 1.0)
        means = torch.where(empty[:, None], old.means.double(), q.means)
        if old.covariance == "tied":
            covariances = q.scatter[~empty].sum(0) / q.counts.sum()
        else:
            covariances = q.scatter / counts.view(-1, *[1] * (q.scatter.dim() - 1))
            covariances[empty] = old.covariances.double()[empty]
        old.set_covariances(covariances, self.covariance_floor)
        old.set_weights_and_means(q.counts / q.counts.sum(), means)

    @torch.no_grad()
    def bound(self, x: Tensor, q: MixtureStatistics) -> Tensor:
        """Return the ELBO, from the moments alone; a scalar, nats."""
        return q.expected_log_joint(self.components.gaussians().double()) + q.entropy


EMPTY = 1e-14  # expected rows of a component of which there is nothing to learn


class MixtureModel(Program):
    """The program ``z ~ Categorical(w); x ~ N(mu_z, Sigma_z)``."""

    def __init__(self, components: GaussianComponents) -> None:
        super().__init__()
        self.components = components

    def forward(
        self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None, num: int = 1
    ) -> Tensor:
        """Sample the component, and sample or score ``x``."""
        components: GaussianComponents = self.components
        if x is not None and validation_enabled():
            check_rows(x, torch.Size([components.input_dim]))
        with data_plate(num_rows(x, context, num), size):
            z = pyro.sample("z", dist.Categorical(logits=components.logits), infer={"enumerate": "parallel"})
            return pyro.sample("x", components.component(z), obs=x)


class MixturePosterior(Program):
    """The program ``z ~ p(z | x)``, at parameters that get no gradient from it."""

    def __init__(self, components: GaussianComponents) -> None:
        super().__init__()
        self.components = components

    def forward(self, x: Tensor, context: Tensor | None = None, *, size: int | None = None) -> Tensor:
        """Sample the component given ``x``."""
        components: GaussianComponents = self.components
        with torch.no_grad():
            logits = components.gaussians().log_joint(x).t()
        with data_plate(len(x), size):
            return pyro.sample("z", dist.Categorical(logits=logits))


def check_data(x: Tensor, event_shape: torch.Size, missing: bool) -> None:
    """Refuse rows of the wrong shape, and values that are infinite, or NaN unless these may be missing.

    Raises:
        ValueError: Naming the shape, or the first bad row.
    """
    if missing and x.isnan().any():
        x = x.nan_to_num(0.0, posinf=torch.inf, neginf=-torch.inf)
    check_rows(x, event_shape)


def check_enough(x: Tensor, num_components: int) -> None:
    """Refuse fewer rows than components.

    Raises:
        ValueError: Saying how many there are of each.
    """
    if len(x) < num_components:
        raise ValueError(
            f"Expected at least as many rows as components; got {len(x)} rows for {num_components} components. "
            "Build a smaller mixture."
        )
