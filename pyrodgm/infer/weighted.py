"""A distribution whose networks run with weights that were drawn, whenever they run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn
from torch.distributions import constraints

from pyrodgm.models.evaluation import evaluation


class Runner(nn.Module):
    """Runs anything while parameters of a module are replaced, and the module is in evaluation mode.

    Args:
        module: Whose parameters.
        names: All names of each parameter that may be replaced, by its first.
    """

    def __init__(self, module: nn.Module, names: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.module = module
        self.names = {name: [f"module.{one}" for one in own] for name, own in names.items()}

    def run(self, weights: Mapping[str, Tensor], function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return ``function(*args, **kwargs)``, computed with the weights for parameters."""
        replaced = {one: weights[name] for name, own in self.names.items() for one in own}
        # Tied parameters stand under all their names, so that torch need not look for them at each call.
        return torch.func.functional_call(self, replaced, (function, *args), kwargs, tie_weights=False)

    def forward(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        with evaluation(self.module):
            return function(*args, **kwargs)


class Weighted(TorchDistribution):
    """A component's distribution at given weights.

    Flows and autoregressive models evaluate their networks when they are scored or sampled. Here each such call runs
    with exactly these weights, by :func:`torch.func.functional_call`.

    Args:
        runner: Of the component.
        weights: By the parameter's name.
        inner: The distribution that the component made with these weights.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- the name and type that torch reads

    def __init__(self, runner: Runner, weights: Mapping[str, Tensor], inner: TorchDistribution) -> None:
        self.runner = runner
        self.weights = weights
        self.inner = inner
        super().__init__(inner.batch_shape, inner.event_shape, validate_args=False)

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return ``function(inner, *args, **kwargs)``, computed with the weights.

        For what only some distributions have: ``p.run(lambda inner: inner.position_log_prob(x))``.
        """
        return self.runner.run(self.weights, function, self.inner, *args, **kwargs)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether draws carry gradients."""
        return bool(self.inner.has_rsample)

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Whether all values can be listed."""
        return bool(self.inner.has_enumerate_support)

    @constraints.dependent_property
    def support(self) -> constraints.Constraint:
        """That of the component's distribution."""
        return self.run(lambda inner: inner.support)

    @property
    def mean(self) -> Tensor:
        """The mean, where there is one in closed form."""
        return self.run(lambda inner: inner.mean)

    @property
    def variance(self) -> Tensor:
        """The variance, where there is one in closed form."""
        return self.run(lambda inner: inner.variance)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "Weighted":
        """Return independent copies at the same weights."""
        inner = self.run(lambda inner: inner.expand(torch.Size(batch_shape)))
        return Weighted(self.runner, self.weights, inner)

    def sample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, *event_shape)`` without gradients."""
        return self.run(lambda inner: inner.sample(torch.Size(sample_shape)))

    def rsample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, *event_shape)`` with gradients."""
        return self.run(lambda inner: inner.rsample(torch.Size(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density in nats."""
        return self.run(lambda inner: inner.log_prob(value))

    def cdf(self, value: Tensor) -> Tensor:
        """Return the distribution function, where there is one."""
        return self.run(lambda inner: inner.cdf(value))

    def entropy(self) -> Tensor:
        """Return the entropy in nats, where there is one in closed form."""
        return self.run(lambda inner: inner.entropy())

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """List all values."""
        return self.run(lambda inner: inner.enumerate_support(expand))

    def __repr__(self) -> str:
        return f"Weighted({self.inner!r})"
