"""The one abstraction: a module that owns parameters and maps a context to a distribution."""

import copy
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import torch
from pyro.distributions.conditional import ConditionalDistribution
from pyro.distributions.torch_distribution import TorchDistribution
from pyro.nn import PyroModule
from torch import Tensor, nn
from torch.distributions import Distribution, Transform

from pyrodgm.heads.head import Head


class Conditional(nn.Module, ConditionalDistribution):
    r"""A module that makes a distribution :math:`p(x \mid c)` from a context :math:`c`.

    Priors, likelihoods, posteriors, flows and autoregressive models are all of this kind, so that each can stand
    wherever another can. Subclasses set ``context_shape`` and ``event_shape`` and write :meth:`distribution`.

    Attributes:
        context_shape: Shape of one context; ``()`` makes the distribution unconditional.
        event_shape: Shape of one draw.
    """

    context_shape: tuple[int, ...] = ()
    event_shape: torch.Size
    _pyro_parts: tuple[PyroModule, ...] | None = None  # looked for once, at the first call

    @abstractmethod
    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Make the distribution from a context that has been checked."""

    @property
    def context_dim(self) -> int:
        """Number of context features; 0 where there is no context."""
        return math.prod(self.context_shape) if self.context_shape else 0

    def forward(self, context: Tensor | None = None) -> TorchDistribution:
        """Return the distribution given ``context``.

        Args:
            context: ``(*batch, *context_shape)``, or ``None`` where ``context_shape`` is ``()``.

        Returns:
            A distribution with ``batch_shape == batch`` and ``event_shape``.

        Raises:
            ValueError: If the context is missing, superfluous or of the wrong shape; or if a ``PyroSample`` stands in
                place of a parameter.
        """
        if self._pyro_parts is None:
            self._find_pyro_parts()
        if self._pyro_parts:
            check_no_samples(self, self._pyro_parts)
        self.check_context(context)
        return self.distribution(context)

    def _find_pyro_parts(self) -> None:
        if not torch.compiler.is_compiling():
            self._pyro_parts = tuple(part for part in self.modules() if isinstance(part, PyroModule))

    def check_context(self, context: Tensor | None) -> None:
        """Compare a context with the shape that the distribution depends on.

        Raises:
            ValueError: If the context is missing, superfluous or of the wrong shape.
        """
        expected = self.context_shape
        if context is None:
            if expected:
                raise ValueError(f"Expected context of shape {_batched(expected)}; got None. Pass the context.")
        elif not expected:
            raise ValueError(
                f"Expected no context; got one of shape {tuple(context.shape)}. "
                f"Build with context_dim={context.shape[-1] if context.dim() else 1}, or call without a context."
            )
        elif tuple(context.shape[-len(expected) :]) != expected:
            raise ValueError(
                f"Expected context of shape {_batched(expected)}; got {tuple(context.shape)}. "
                f"Pass a context of that shape, or build with a context of {context.shape[-1] if context.dim() else 0}."
            )

    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Set from data what can be set from data, before training; by default nothing.

        Args:
            x: ``(num, *event_shape)``.
            context: ``(num, *context_shape)`` or ``None``.
        """

    def condition(self, context: Tensor | None) -> TorchDistribution:
        """Return the distribution given ``context``: the call under the name that Pyro gives it."""
        return cast(TorchDistribution, self(context))


class Neural(Conditional):
    r"""A network and a head: :math:`p(x \mid c) = \mathrm{head}(\mathrm{net}(c))`.

    Args:
        net: Maps a context ``(*batch, *context_shape)`` to parameters ``(*batch, head.num_params)``.
        head: Makes a distribution of the parameters.
        context_shape: Shape of one context. By default ``net.input_shape``, which every network of
            :mod:`pyrodgm.nn` has, or the width of the net's first :class:`torch.nn.Linear`.

    Raises:
        ValueError: If the shape of the context cannot be told from the net.

    Example:
        >>> import torch
        >>> from pyrodgm import Neural, heads, nn
        >>> likelihood = Neural(nn.MLP(8, 64), heads.Bernoulli(64))
        >>> likelihood(torch.randn(5, 8)).sample((3,)).shape
        torch.Size([3, 5, 64])

    References:
        Kingma, Welling (2014), Auto-Encoding Variational Bayes, appendix C, https://arxiv.org/abs/1312.6114
    """

    def __init__(self, net: nn.Module, head: Head, *, context_shape: Sequence[int] | None = None) -> None:
        super().__init__()
        self.net = net
        self.head = head
        self.context_shape = tuple(context_shape) if context_shape is not None else _input_shape(net)
        self.event_shape = head.event_shape

    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Run the net once and hand its output to the head."""
        return self.head(self.net(context))


class Embedded(Conditional):
    r"""A conditional that reads its context through a network: :math:`p(x \mid \mathrm{net}(c))`.

    With a flow inside, it is the encoder of an amortized flow posterior, run once for all layers of the flow.

    Args:
        net: Maps a context ``(*batch, *context_shape)`` to features ``(*batch, conditional.context_dim)``.
        conditional: What takes the features.
        context_shape: Shape of one context, found as in :class:`Neural` by default.

    Raises:
        ValueError: If ``conditional`` takes no context.

    Example:
        >>> import torch
        >>> from pyrodgm import Embedded, flows, nn
        >>> posterior = Embedded(nn.MLP(64, 16), flows.iaf(8, context_dim=16))
        >>> posterior(torch.randn(5, 64)).rsample().shape
        torch.Size([5, 8])
    """

    def __init__(self, net: nn.Module, conditional: Conditional, *, context_shape: Sequence[int] | None = None) -> None:
        super().__init__()
        if not conditional.context_shape:
            raise ValueError("Expected a conditional with a context; got an unconditional one. Pass it as it is.")
        self.net = net
        self.conditional = conditional
        self.context_shape = tuple(context_shape) if context_shape is not None else _input_shape(net)
        self.event_shape = conditional.event_shape

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Pass the data on, with the net's features as the context."""
        self.conditional.initialize(x, self.net(context))

    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Run the net once and hand its output on."""
        return cast(TorchDistribution, self.conditional(self.net(context)))


class Fixed(Conditional):
    """A distribution without parameters, as a module: it follows ``.to()`` and takes no context.

    Args:
        distribution: A distribution with ``batch_shape == ()``.

    Raises:
        ValueError: If the distribution has batch dimensions.

    Example:
        >>> import pyro.distributions as dist
        >>> from pyrodgm import Fixed
        >>> Fixed(dist.Normal(0.0, 1.0).expand([8]).to_event(1))().sample((3,)).shape
        torch.Size([3, 8])
    """

    def __init__(self, distribution: TorchDistribution) -> None:
        super().__init__()
        if distribution.batch_shape:
            raise ValueError(
                f"Expected a distribution with batch_shape (); got {tuple(distribution.batch_shape)}. "
                f"Make these dimensions part of the event: distribution.to_event({len(distribution.batch_shape)})."
            )
        self._fixed = distribution
        self.event_shape = distribution.event_shape

    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Return the distribution itself."""
        return self._fixed

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Fixed":
        self._fixed = _map_tensors(self._fixed, fn, {})
        return super()._apply(fn, recurse)


def check_no_samples(module: nn.Module, parts: Iterable[nn.Module] | None = None) -> None:
    """Refuse a module with a ``PyroSample`` in place of a parameter.

    Raises:
        ValueError: Naming it.
    """
    for part in module.modules() if parts is None else parts:
        for name in part.__dict__.get("_pyro_samples", ()):
            raise ValueError(
                f"Expected parameters; got the PyroSample {name!r} in {type(part).__name__}, in "
                f"{type(module).__name__}. Networks may run when log_prob is called, after the program has ended: "
                "such samples are no sites of the trace. Put the prior on by infer.bayesian(module, prior)."
            )


def _batched(shape: tuple[int, ...]) -> str:
    return f"(*batch, {', '.join(map(str, shape))})"


def _input_shape(net: nn.Module) -> tuple[int, ...]:
    shape = getattr(net, "input_shape", None)
    if shape is not None:
        return tuple(shape)
    for module in net.modules():
        if isinstance(module, nn.Linear):
            return (module.in_features,)
    raise ValueError(
        f"Expected a net with an attribute input_shape; got {type(net).__name__}. Pass context_shape=(...) to Neural."
    )


def _map_tensors(value: Any, fn: Callable[[Tensor], Tensor], memo: dict[int, Any]) -> Any:
    """Copy a distribution with ``fn`` applied to every tensor inside, what is found twice once."""
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, Tensor):
        memo[id(value)] = fn(value)
    elif isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)(_map_tensors(item, fn, memo) for item in value)
    elif isinstance(value, (Distribution, Transform)) and not isinstance(value, nn.Module):
        # Noted before what is inside is looked at: a transform and its inverse hold each other.
        mapped = memo[id(value)] = copy.copy(value)
        mapped.__dict__.update({key: _map_tensors(item, fn, memo) for key, item in value.__dict__.items()})
    return memo.get(id(value), value)
