"""A flow: a bijection over a base, as a module that makes a distribution."""

from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.conditional import Conditional, Fixed
from pyrodgm.flows.interpolation import great_circle, is_normal, line
from pyrodgm.flows.tempered import Tempered
from pyrodgm.transforms.bijection import Bijection
from pyrodgm.transforms.memory import Memory

NUM_IMAGES = 1000  # of which images flows start: their pixels are data enough, and more would not fit into memory


class Flow(Conditional):
    r"""A normalizing flow: :math:`x = f(u; c)` with :math:`u \sim p_u`, so that
    :math:`\log p(x \mid c) = \log p_u(f^{-1}(x; c)) + \log|\det \partial f^{-1} / \partial x|`.

    Args:
        bijection: From the base to the data.
        base: The base, unconditional or with the same context.

    Raises:
        ValueError: If base and bijection expect different contexts.

    Example:
        >>> import torch
        >>> from pyrodgm import Fixed, Flow, distributions, transforms
        >>> flow = Flow(transforms.Elementwise(transforms.Affine(), 3), Fixed(distributions.StandardNormal(3)))
        >>> x, log_prob = flow().rsample_and_log_prob((5,))
        >>> x.shape, log_prob.shape
        (torch.Size([5, 3]), torch.Size([5]))

    References:
        Rezende, Mohamed (2015), Variational Inference with Normalizing Flows, eq. 5, https://arxiv.org/abs/1505.05770
    """  # noqa: D205 -- the formula takes two lines

    def __init__(self, bijection: Bijection, base: Conditional) -> None:
        super().__init__()
        context_shape = (bijection.context_dim,) if bijection.context_dim else base.context_shape
        if base.context_shape not in ((), context_shape):
            raise ValueError(
                f"Expected a base with context_shape () or {context_shape}; got {base.context_shape}. "
                "Base and bijection share one context."
            )
        self.bijection = bijection
        self.base = base
        self.context_shape = context_shape
        self.event_shape = bijection.forward_shape(torch.Size(base.event_shape))

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Set from data what the bijections set from data, from the one nearest to the data to the base.

        Of more than a thousand images, it takes a thousand at equal distances.

        Args:
            x: ``(num, *event_shape)``.
            context: ``(num, *context_shape)`` or ``None``.

        Raises:
            ValueError: If there are no data, some are not finite, or they are too few or too degenerate for a part.
        """
        check_finite_rows(x, self.event_shape)
        if len(self.event_shape) == 3 and len(x) > NUM_IMAGES:
            some = torch.linspace(0, len(x) - 1, NUM_IMAGES, dtype=torch.float64).long().to(x.device)
            x, context = x[some], None if context is None else context[some.to(context.device)]
        own = context if self.bijection.context_dim else None
        self.bijection.initialize(x, own)
        if not isinstance(self.base, Fixed):  # which has nothing to set
            u = self.bijection.inverse_and_ladj(x, own)[0]
            self.base.initialize(u, context if self.base.context_shape else None)

    def distribution(self, context: Tensor | None) -> "FlowDistribution":
        """Make the distribution; networks run when it is sampled or scored."""
        base = self.base.distribution(context if self.base.context_shape else None)
        return FlowDistribution(self.bijection, base, context if self.bijection.context_dim else None)

    def to_base(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the base's values, the latent variables, of data.

        Args:
            x: ``(*batch, *event_shape)``.
            context: ``(*batch', *context_shape)``, broadcast against the batch, or ``None``.

        Raises:
            ValueError: If the context is missing, superfluous or of the wrong shape.

        Example:
            >>> import torch
            >>> from pyrodgm import flows
            >>> flows.realnvp(3).to_base(torch.randn(5, 3)).shape
            torch.Size([5, 3])
        """
        self.check_context(context)
        return self.bijection.inverse_and_ladj(x, context if self.bijection.context_dim else None)[0]

    def to_data(self, u: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the data that are made of the base's values: the inverse of :meth:`to_base`.

        Args:
            u: ``(*batch, *base.event_shape)``.
            context: ``(*batch', *context_shape)``, broadcast against the batch, or ``None``.

        Raises:
            ValueError: If the context is missing, superfluous or of the wrong shape.

        Example:
            >>> import torch
            >>> from pyrodgm import flows
            >>> flows.realnvp(3).to_data(torch.randn(5, 3)).shape
            torch.Size([5, 3])
        """
        self.check_context(context)
        return self.bijection.forward_and_ladj(u, context if self.bijection.context_dim else None)[0]

    def at_temperature(self, temperature: float) -> "Flow":
        r"""Return the flow over the same base scaled by :math:`t`: :math:`x = f(t\, u; c)`.

        Draws at :math:`t < 1` are less diverse and mostly more like data. It is a flow of its own, whose density is
        exact; bijection and parameters are shared, not copied.

        Args:
            temperature: The factor :math:`t > 0`.

        Raises:
            ValueError: If the temperature is not positive, or the base has parameters or a mean other than zero.

        Example:
            >>> from pyrodgm import flows
            >>> flows.realnvp(3).at_temperature(0.7)().sample((5,)).shape
            torch.Size([5, 3])

        References:
            Kingma, Dhariwal (2018), Glow, https://arxiv.org/abs/1807.03039
        """
        return Flow(self.bijection, Tempered(self.base, temperature))

    @torch.no_grad()
    def interpolate(
        self,
        first: Tensor,
        last: Tensor,
        num: int = 8,
        context: Tensor | None = None,
        *,
        spherical: bool | None = None,
    ) -> Tensor:
        """Return data on a path between two data through the base, both ends included.

        Args:
            first: ``(*batch, *event_shape)``.
            last: ``(*batch, *event_shape)``.
            num: Number of data on each path, at least two.
            context: ``(*batch, *context_shape)`` or ``None``; one for the whole path.
            spherical: Whether the path is a great circle or a line; by default a circle where the base is normal.

        Returns:
            ``(num, *batch, *event_shape)``.

        Raises:
            ValueError: If the ends are of another shape than events, or differ in shape, there are fewer than two data
                on a path, or the context is missing, superfluous or of the wrong shape.

        Example:
            >>> import torch
            >>> from pyrodgm import flows
            >>> flows.realnvp(3).interpolate(torch.randn(5, 3), torch.randn(5, 3), 4).shape
            torch.Size([4, 5, 3])
        """
        event_dim = len(self.event_shape)
        if first.shape != last.shape or first.shape[first.dim() - event_dim :] != self.event_shape:
            raise ValueError(
                f"Expected two ends of shape (*batch, {', '.join(map(str, self.event_shape))}); got "
                f"{tuple(first.shape)} and {tuple(last.shape)}. Give as many first as last data."
            )
        if num < 2:
            raise ValueError(f"Expected num of at least 2, the two ends; got {num}. Give more.")
        ends = self.to_base(first, context), self.to_base(last, context)
        is_circle = is_normal(self.base) if spherical is None else spherical
        path = great_circle(*ends, num, event_dim) if is_circle else line(*ends, num)
        return self.to_data(path, context)


class FlowDistribution(TorchDistribution):
    """What a flow returns: draws and densities of a bijection over a base.

    The density of the value drawn last costs no inverse, so that an inverse autoregressive flow can be a guide; the
    memory of it ends with any change of value, context, parameters or grad mode.

    Args:
        bijection: From the base to the data.
        base: Distribution of the base, ``batch_shape`` ``()`` or that of the context.
        context: ``(*batch, context_dim)`` or ``None``.
        batch_shape: Shape of the batch, by default that of base and context together.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- the name and type that torch reads

    def __init__(
        self,
        bijection: Bijection,
        base: TorchDistribution,
        context: Tensor | None = None,
        batch_shape: Sequence[int] | None = None,
    ) -> None:
        self.bijection = bijection
        self.base_dist = base
        self.context = context
        self._memory = Memory()
        if batch_shape is None:
            batch_shape = base.batch_shape
            if context is not None:
                batch_shape = torch.broadcast_shapes(batch_shape, context.shape[:-1])
        super().__init__(torch.Size(batch_shape), bijection.forward_shape(base.event_shape), validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether draws carry gradients: whenever the base's do."""
        return bool(self.base_dist.has_rsample)

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> constraints.Constraint:
        """What the bijection returns."""
        return self.bijection.codomain

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "FlowDistribution":
        """Return independent copies; the context is shared, not repeated."""
        return FlowDistribution(self.bijection, self.base_dist, self.context, batch_shape)

    def rsample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, *event_shape)`` with gradients."""
        return self._draw(torch.Size(sample_shape))[1]

    def sample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, *event_shape)`` without gradients."""
        with torch.no_grad():
            return self._draw(torch.Size(sample_shape))[1]

    def rsample_and_log_prob(self, sample_shape: Sequence[int] = torch.Size()) -> tuple[Tensor, Tensor]:
        """Draw with gradients, and return the log-density of the draw in nats, in one pass.

        Returns:
            ``(*sample_shape, *batch_shape, *event_shape)`` and ``(*sample_shape, *batch_shape)``.
        """
        u, x, ladj = self._draw(torch.Size(sample_shape))
        return x, self.base_dist.log_prob(u) - ladj

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density in nats.

        Args:
            value: ``(*sample, *batch, *event_shape)``, broadcast against the batch.

        Raises:
            ValueError: If the events are of another shape.
        """
        if self._memory.holds(y=value):
            pair = self._memory.recall(self.bijection.watch.state(self.bijection), self.context)
            if pair is not None:
                return self.base_dist.log_prob(pair[0]) - pair[2]
        event_dim = len(self.event_shape)
        batch = value.shape[: value.dim() - event_dim]
        if value.dim() < event_dim or value.shape[len(batch) :] != self.event_shape:
            raise ValueError(
                f"Expected value of shape (*batch, {', '.join(map(str, self.event_shape))}); got {tuple(value.shape)}. "
                "The last dimensions are one event."
            )
        if self.batch_shape and batch[-len(self.batch_shape) :] != self.batch_shape:
            value = value.expand(torch.broadcast_shapes(batch, self.batch_shape) + self.event_shape)
        u, ladj = self.bijection.inverse_and_ladj(value, self.context)
        return self.base_dist.log_prob(u) + ladj

    def _draw(self, sample_shape: torch.Size) -> tuple[Tensor, Tensor, Tensor]:
        base = self.base_dist
        if base.batch_shape == self.batch_shape:
            shape = sample_shape
        elif not base.batch_shape:
            shape = sample_shape + self.batch_shape
        else:
            base, shape = base.expand(self.batch_shape), sample_shape
        u = base.rsample(shape) if base.has_rsample else base.sample(shape)
        x, ladj = self.bijection.forward_and_ladj(u, self.context)
        self._memory.keep(u, x, ladj, self.bijection.watch.state(self.bijection), self.context)
        return u, x, ladj

    def __repr__(self) -> str:
        return f"FlowDistribution(batch_shape={tuple(self.batch_shape)}, event_shape={tuple(self.event_shape)})"


def check_finite_rows(x: Tensor, event_shape: torch.Size) -> None:
    """Refuse what no flow can be set from.

    Raises:
        ValueError: Naming the shape, or the first bad row.
    """
    if x.dim() != 1 + len(event_shape) or x.shape[1:] != event_shape or len(x) == 0:
        raise ValueError(
            f"Expected x of shape (num, {', '.join(map(str, event_shape))}), num > 0; got {tuple(x.shape)}. "
            "Give one datum a row."
        )
    bad = ~torch.isfinite(x).flatten(1).all(1)
    if bad.any():
        raise ValueError(f"Expected finite x; got NaN or inf in row {int(bad.nonzero()[0])}. Remove such rows.")
