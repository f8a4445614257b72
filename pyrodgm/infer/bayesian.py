"""A prior on the parameters of any component."""

from collections.abc import Mapping
from typing import Any, overload

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from pyro.poutine.indep_messenger import IndepMessenger
from pyro.poutine.messenger import Messenger, block_messengers
from torch import Tensor, nn

from pyrodgm.conditional import Conditional, Fixed, check_no_samples
from pyrodgm.infer.weight_priors import Prior, find_priors
from pyrodgm.infer.weighted import Runner, Weighted
from pyrodgm.models.checks import check_rows, check_support
from pyrodgm.models.evaluation import evaluation
from pyrodgm.models.program import Program, data_plate, num_rows
from pyrodgm.transforms.univariate.checks import validation_enabled

MANY_AT_ONCE = ("num_particles_vectorized", "_num_predictive_samples")  # Pyro's plates of whole runs side by side


@overload
def bayesian(module: Conditional, prior: Prior, *, prefix: str = "") -> "Bayesian": ...  # type: ignore[overload-overlap]


@overload
def bayesian(module: nn.Module, prior: Prior, *, prefix: str = "") -> "BayesianNet": ...


def bayesian(module: nn.Module, prior: Prior, *, prefix: str = "") -> "Bayesian | BayesianNet":
    r"""Put a prior :math:`p(\theta)` on the parameters of a component, which become sample sites of Pyro.

    The program stays as it is: what comes back stands where the component stood, in a ``VAE`` or in a model of your
    own. Each call samples every weight and makes the distribution, or the tensor, with exactly these weights. The
    component itself is only referred to: its parameters are where inference starts, and never change. It runs in
    evaluation mode, since a likelihood must be a function of the weights.

    Args:
        module: A conditional, such as a flow, an autoregressive model, a likelihood; or a network with a tensor output.
        prior: A number, the scale of :math:`N(0, \text{scale}^2)`, ``math.inf`` for a flat prior; a distribution for
            each entry, or one that fits the parameter's shape; a dict of these by pattern of parameter names (as
            in :mod:`fnmatch`, the first that matches counts), where parameters that match none stay as they are; or a
            function of name and parameter that returns one of these, or ``None``. Parameters that require no gradient
            stay as they are.
        prefix: Put before the names of the sites, where one program has several such components.

    Returns:
        A :class:`Bayesian` of a conditional, else a :class:`BayesianNet`.

    Raises:
        ValueError: If there is no parameter, a pattern matches none, a prior excludes a value that a parameter has, or
            does not fit its shape.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, infer
        >>> bayes = infer.bayesian(flows.maf(3), {"*.weight": 0.5, "*": 1.0})
        >>> posterior = infer.mean_field(bayes, torch.randn(20, 3), num_steps=2)
        >>> infer.predictive(posterior, num_draws=4).log_prob(torch.randn(5, 3)).shape
        torch.Size([5])

    References:
        MacKay (1992), A Practical Bayesian Framework for Backpropagation Networks;
        Neal (1996), Bayesian Learning for Neural Networks
    """
    if isinstance(module, Conditional):
        return Bayesian(module, prior, prefix=prefix)
    return BayesianNet(module, prior, prefix=prefix)


class Weights(nn.Module):
    """The weights of a module as sample sites.

    Args:
        module: Whose parameters.
        prior: Of which parameters, as :func:`bayesian` takes it.
        prefix: Put before the names of the sites.

    Attributes:
        names: Of the parameters that have a prior.
        runner: Runs the module with weights for these.
    """

    def __init__(self, module: nn.Module, prior: Prior, *, prefix: str = "") -> None:
        super().__init__()
        check_no_samples(module)
        priors, names = find_priors(module, prior)
        self.prefix = prefix
        self.names = tuple(priors)
        # Held as modules so that they follow .to(); a name with dots cannot be a submodule's.
        self._priors = nn.ModuleList(
            Fixed(one).to(device=parameter.device, dtype=parameter.dtype)
            for one, parameter in ((one, module.get_parameter(name)) for name, one in priors.items())
        )
        self._runner = (Runner(module, names),)  # a tuple, so that the module is not registered a second time

    @property
    def runner(self) -> Runner:
        """Runs the module with weights in place of its parameters."""
        return self._runner[0]

    def priors(self) -> dict[str, TorchDistribution]:
        """Return the prior of each weight, by its name."""
        return {name: prior() for name, prior in zip(self.names, self._priors, strict=True)}

    def current(self) -> dict[str, Tensor]:
        """Return copies of the module's own parameters, where inference starts."""
        module = self.runner.module
        return {name: module.get_parameter(name).detach().clone() for name in self.names}

    def forward(self) -> dict[str, Tensor]:
        """Sample every weight once, outside of plates: data share them.

        Raises:
            ValueError: If a weight has another shape than the parameter.
        """
        weights = {}
        with block_messengers(is_plate_of_data):
            for name, prior in self.priors().items():
                try:
                    weights[name] = value = pyro.sample(self.prefix + name, prior)
                except NotImplementedError as error:  # Pyro's improper distributions say it so
                    raise ValueError(
                        f"Expected a proper prior to draw {name!r} from; got a flat one. Give it a scale."
                    ) from error
                if value.shape != prior.event_shape:
                    raise ValueError(
                        f"Expected one value of shape {tuple(prior.event_shape)} at site {self.prefix + name!r}; got "
                        f"{tuple(value.shape)}. Take runs one after the other: parallel=False, "
                        "vectorize_particles=False."
                    )
        return weights

    def log_prior(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Return ``log p(weights)`` in nats, ``batch`` of weights ``(*batch, *shape)``."""
        return torch.stack([prior.log_prob(weights[name]) for name, prior in self.priors().items()]).sum(0)


def is_plate_of_data(messenger: Messenger) -> bool:
    """Return whether a handler is a plate other than those in which Pyro runs whole programs side by side."""
    return isinstance(messenger, IndepMessenger) and messenger.name not in MANY_AT_ONCE


class BayesianNet(nn.Module):
    """A network whose call samples its weights, then returns its output; made by :func:`bayesian`.

    Args:
        module: The network.
        prior: As :func:`bayesian` takes it.
        prefix: Put before the names of the sites.
    """

    def __init__(self, module: nn.Module, prior: Prior, *, prefix: str = "") -> None:
        super().__init__()
        self.module = module
        self.weights = Weights(module, prior, prefix=prefix)
        self.input_shape = getattr(module, "input_shape", None)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Sample the weights as sites, and return the network's output with these."""
        return self.weights.runner.run(self.weights(), self.module, *args, **kwargs)


class Bayesian(Conditional):
    """A conditional whose call samples its weights, then returns its distribution; made by :func:`bayesian`.

    Args:
        module: The conditional.
        prior: As :func:`bayesian` takes it.
        prefix: Put before the names of the sites.

    Attributes:
        module: The conditional, unchanged.
        weights: The weights as sample sites, :class:`Weights`.
    """

    def __init__(self, module: Conditional, prior: Prior, *, prefix: str = "") -> None:
        super().__init__()
        self.module = module
        self.weights = Weights(module, prior, prefix=prefix)
        self.context_shape = module.context_shape
        self.event_shape = module.event_shape
        self.maps = True  # until torch finds that it cannot run this component at many weights side by side
        self._programs = (BayesianModel(self),)

    @property
    def model(self) -> "BayesianModel":
        """The Pyro program: the weights' sites, then the site ``"x"`` in the plate ``"data"``."""
        return self._programs[0]

    def distribution(self, context: Tensor | None) -> Weighted:
        """Sample the weights as sites, and make the distribution with these."""
        return self.at(self.weights(), context)

    def at(self, weights: Mapping[str, Tensor], context: Tensor | None = None) -> Weighted:
        """Return the distribution at given weights.

        Args:
            weights: By the parameter's name, each of the parameter's shape.
            context: As of the conditional.
        """
        runner = self.weights.runner
        return Weighted(runner, weights, runner.run(weights, self.module, context))

    def log_prior(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Return ``log p(weights)`` in nats.

        Args:
            weights: ``(*batch, *shape)`` each.

        Returns:
            ``batch``.
        """
        return self.weights.log_prior(weights)

    def log_likelihood(self, weights: Mapping[str, Tensor], x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``log p(x | context, weights)`` of each row in nats.

        Args:
            weights: By the parameter's name, each of the parameter's shape.
            x: ``(num_rows, *event_shape)``.
            context: ``(num_rows, *context_shape)`` or ``None``.

        Returns:
            ``(num_rows,)``.
        """
        return self.weights.runner.run(weights, lambda: self.module(context).log_prob(x))  # type: ignore[no-any-return]

    def check_data(self, x: Tensor, context: Tensor | None = None) -> None:
        """Check a whole data set once, so that inference need not.

        Raises:
            ValueError: If rows are missing, of the wrong shape, not finite (the row is named), outside of the
                likelihood's support, or not as many as contexts.
        """
        check_rows(x, self.event_shape)
        if context is not None:
            check_rows(context, context.shape[1:], "context")
            if len(context) != len(x):
                raise ValueError(f"Expected one context a row; got {len(context)} for {len(x)} rows. Pass as many.")
        self.check_context(context)
        with torch.no_grad(), evaluation(self.module):
            check_support(self.module(None if context is None else context[:1]), x)

    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Refuse: what is set from data is set before a prior is put on it.

        Raises:
            ValueError: Always.
        """
        raise ValueError("Expected a component set from data before; got a Bayesian one. Initialize, then bayesian().")


class BayesianModel(Program):
    """The program ``weights ~ p(weights); x ~ p(x | context, weights)``."""

    def __init__(self, bayesian: Bayesian) -> None:
        super().__init__()
        self.bayesian = bayesian

    def forward(
        self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None, num: int = 1
    ) -> Tensor:
        """Sample the weights, and sample or score ``x``."""
        distribution = self.bayesian(context)  # before the plate
        with data_plate(num_rows(x, context, num), size):
            if x is not None and validation_enabled():
                check_rows(x, self.bayesian.event_shape)
                check_support(distribution, x)
            return pyro.sample("x", distribution, obs=x)
