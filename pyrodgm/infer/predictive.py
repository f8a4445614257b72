"""What a posterior of the weights says of data."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.over_draws import over_draws
from pyrodgm.infer.posterior import Posterior
from pyrodgm.infer.weighted import Weighted


class PredictiveDistribution(TorchDistribution):
    r""":math:`p(x \mid c, X) \approx \tfrac1K \sum_k p(x \mid c, \theta_k)`, a mixture of densities; by :func:`predictive`.

    Args:
        bayesian: The component.
        draws: Weights, ``(num_draws, *shape)`` each.
        point: One set of weights, the Dirac approximation.
        context: ``(*batch, *context_shape)`` or ``None``.

    Attributes:
        draws: The weights.
        dirac: The component's distribution at the one point :math:`\theta^*`, beside the average.
    """  # noqa: E501 -- the formula

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- the name and type that torch reads
    has_rsample = False

    def __init__(
        self, bayesian: Bayesian, draws: Mapping[str, Tensor], point: Mapping[str, Tensor], context: Tensor | None
    ) -> None:
        self.bayesian = bayesian
        self.draws = dict(draws)
        self.context = context
        self.dirac: Weighted = bayesian.at(point, context)
        super().__init__(self.dirac.batch_shape, self.dirac.event_shape, validate_args=False)

    @property
    def num_draws(self) -> int:
        """Number of draws of the weights."""
        return len(next(iter(self.draws.values())))

    @constraints.dependent_property
    def support(self) -> constraints.Constraint:
        """That of the component's distribution."""
        return self.dirac.support

    @property
    def mean(self) -> Tensor:
        """The mean of the draws' means, where the component has means in closed form."""
        return self._over_draws(lambda p: p.mean).mean(0)

    @property
    def variance(self) -> Tensor:
        """The mean of the draws' variances plus the variance of their means."""
        moments = self._over_draws(lambda p: torch.stack((p.mean, p.variance)))
        return moments[:, 1].mean(0) + moments[:, 0].var(0, correction=0)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log of the mean density in nats.

        Args:
            value: ``(*sample, *batch, *event_shape)``, broadcast against the batch.
        """
        num_rows = value.numel() // max(1, self.event_shape.numel())
        each = self._over_draws(lambda p: p.log_prob(value), num_rows)
        return each.logsumexp(0) - math.log(self.num_draws)

    def cdf(self, value: Tensor) -> Tensor:
        """Return the mean of the draws' distribution functions, where the component has one."""
        return self._over_draws(lambda p: p.cdf(value), value.numel()).mean(0)

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, *event_shape)``, each value with weights of its own draw."""
        shape = torch.Size(sample_shape) + self.batch_shape
        which = torch.randint(self.num_draws, shape).flatten()
        context = self.context
        if context is not None:
            own = context.shape[len(self.batch_shape) :]
            context = context.expand(shape + own).reshape(-1, *own)
        values: Tensor | None = None
        for k in which.unique().tolist():
            rows = (which == k).nonzero()[:, 0]
            p = self.bayesian.at({name: draw[k] for name, draw in self.draws.items()}, _rows(context, rows))
            drawn = p.sample((len(rows),) if context is None else ())
            if values is None:
                values = drawn.new_empty(len(which), *self.event_shape)
            values[rows.to(values.device)] = drawn
        if values is None:  # no values asked for
            return self.dirac.sample(sample_shape)
        return values.reshape(shape + self.event_shape)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "PredictiveDistribution":
        """Return independent copies."""
        new = PredictiveDistribution.__new__(PredictiveDistribution)
        new.bayesian, new.draws = self.bayesian, self.draws
        new.context = None
        if self.context is not None:
            own = self.context.shape[len(self.batch_shape) :]
            new.context = self.context.expand(torch.Size(batch_shape) + own)
        new.dirac = self.dirac.expand(batch_shape)
        TorchDistribution.__init__(new, torch.Size(batch_shape), self.event_shape, validate_args=False)
        return new

    def _over_draws(self, function: Callable[[TorchDistribution], Tensor], num_rows: int | None = None) -> Tensor:
        num_rows = self.batch_shape.numel() if num_rows is None else num_rows
        module, context = self.bayesian.module, self.context
        return over_draws(self.bayesian, self.draws, lambda: function(module(context)), max(1, num_rows))


def _rows(context: Tensor | None, rows: Tensor) -> Tensor | None:
    return None if context is None else context[rows.to(context.device)]


def predictive(posterior: Posterior, context: Tensor | None = None, *, num_draws: int = 100) -> PredictiveDistribution:
    r"""The posterior predictive :math:`p(x \mid c, X) = \int p(x \mid c, \theta)\, p(\theta \mid X)\, d\theta`.

    Densities are averaged, not logits or log-densities, over the same draws for all rows. ``.dirac`` beside it is
    :math:`p(x \mid c, \theta^*)`, what is left if the posterior is taken for a point.

    Args:
        posterior: Of the weights.
        context: ``(*batch, *context_shape)`` or ``None``.
        num_draws: Draws of the weights; of an ensemble, all its members instead.

    Returns:
        A distribution with ``log_prob``, ``sample``, ``mean``, ``variance``, ``cdf`` and ``dirac``.

    Raises:
        ValueError: If ``num_draws`` is not positive, or the context is not such as the component takes.

    Example:
        >>> import torch
        >>> from pyrodgm import Neural, heads, infer, nn
        >>> bayes = infer.bayesian(Neural(nn.MLP(3, 2, hidden_dims=(8,)), heads.Normal(1)), 1.0)
        >>> posterior = infer.map_estimate(bayes, torch.randn(20, 1), torch.randn(20, 3), num_steps=2)
        >>> infer.predictive(posterior, torch.randn(5, 3)).log_prob(torch.randn(5, 1)).shape
        torch.Size([5])
    """
    if num_draws < 1:
        raise ValueError(f"Expected num_draws of at least 1; got {num_draws}. Give how many densities to average.")
    posterior.bayesian.check_context(context)
    with torch.no_grad():
        return PredictiveDistribution(
            posterior.bayesian, posterior.representatives(num_draws), posterior.point(), context
        )
