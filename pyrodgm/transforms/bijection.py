"""The contract of a bijection: one class each, with or without context, and everything Pyro asks for."""

from abc import abstractmethod
from typing import cast

import torch
from pyro.distributions.conditional import ConditionalTransform
from pyro.distributions.torch_transform import TransformModule
from torch import Tensor
from torch.distributions import Transform, constraints

from pyrodgm.transforms.memory import Memory, Watch


class Bijection(TransformModule, ConditionalTransform):
    r"""An invertible map :math:`y = f(x; c)` from the base to the data, with its log-determinants.

    Subclasses write :meth:`forward_and_ladj` and :meth:`inverse_and_ladj`. All else that Pyro asks of a transform or a
    conditional transform comes once, here.

    Args:
        event_dim: Number of dimensions that the map mixes; log-determinants are summed over them.
        context_dim: Number of context features; 0 makes the map unconditional.
    """

    bijective = True

    def __init__(self, *, event_dim: int = 1, context_dim: int = 0) -> None:
        super().__init__()
        self._event_dim = event_dim
        self.context_dim = context_dim
        self._memory = Memory()
        self.watch = Watch()

    @property
    def event_dim(self) -> int:
        """Number of dimensions that the map mixes."""
        return self._event_dim

    @abstractmethod
    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        r"""Return ``y = f(x)`` and :math:`\log|\det \partial y / \partial x|` in one pass.

        Args:
            x: ``(*batch, *event)``.
            context: ``(*batch', context_dim)``, broadcast against ``batch``.

        Returns:
            ``(*batch, *event)`` and ``(*batch)``.
        """

    @abstractmethod
    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        r"""Return ``x`` with ``f(x) = y`` and :math:`\log|\det \partial x / \partial y|` in one pass."""

    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Set from data what can be set from data; by default nothing.

        Args:
            y: Values on the data's side, ``(num, *event)``.
            context: ``(num, context_dim)`` or ``None``.
        """

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> constraints.Constraint:
        """What the map takes."""
        return constraints.independent(constraints.real, self.event_dim)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> constraints.Constraint:
        """What the map returns."""
        return constraints.independent(constraints.real, self.event_dim)

    def condition(self, context: Tensor | None) -> Transform:
        """Return the map with its context bound; an unconditional map is itself whatever the context."""
        return Conditioned(self, context) if self.context_dim else self

    @property
    def inv(self) -> "Bijection":
        """The inverse map."""
        return Inverse(self)

    def with_cache(self, cache_size: int = 1) -> "Bijection":
        """Return itself: the memory of the last pair is always on."""
        return self

    def _call(self, x: Tensor) -> Tensor:
        return remembered_forward(self, self._memory, x, None)

    def _inverse(self, y: Tensor) -> Tensor:
        return remembered_inverse(self, self._memory, y, None)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the log-determinant at ``x``: for a pair just computed, without computing it again."""
        return remembered_ladj(self, self._memory, x, y, None)


class Inverse(Bijection):
    """The inverse of a bijection, sharing its parameters: an inverse autoregressive flow is one of a masked one.

    ``initialize`` does nothing: the data are on the side that the turned map takes, which tells it nothing.

    Args:
        bijection: The map to turn around.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.Inverse(transforms.Flip()).forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    def __init__(self, bijection: Bijection) -> None:
        super().__init__(event_dim=bijection.event_dim, context_dim=bijection.context_dim)
        self.bijection = bijection

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> constraints.Constraint:
        """What the turned map returns."""
        return self.bijection.codomain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> constraints.Constraint:
        """What the turned map takes."""
        return self.bijection.domain

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of what the turned map takes."""
        return cast(torch.Size, self.bijection.inverse_shape(shape))

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of what the turned map returns."""
        return cast(torch.Size, self.bijection.forward_shape(shape))

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the inverse of the turned map."""
        return self.bijection.inverse_and_ladj(x, context)

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the turned map."""
        return self.bijection.forward_and_ladj(y, context)

    @property
    def inv(self) -> Bijection:
        """The map that was turned."""
        return self.bijection

    def _call(self, x: Tensor) -> Tensor:
        return self.bijection._inverse(x)  # through its memory of the last pair

    def _inverse(self, y: Tensor) -> Tensor:
        return self.bijection._call(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the log-determinant at ``x`` from the turned map's."""
        return -self.bijection.log_abs_det_jacobian(y, x)


class Conditioned(Transform):
    """A bijection with its context bound: the plain transform that Pyro's distributions take."""

    bijective = True

    def __init__(self, bijection: Bijection, context: Tensor | None) -> None:
        super().__init__()
        self.bijection = bijection
        self.context = context
        self._memory = Memory()

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> constraints.Constraint:
        """What the map takes."""
        return self.bijection.domain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> constraints.Constraint:
        """What the map returns."""
        return self.bijection.codomain

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of what the map returns."""
        return cast(torch.Size, self.bijection.forward_shape(shape))

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of what the map takes."""
        return cast(torch.Size, self.bijection.inverse_shape(shape))

    def with_cache(self, cache_size: int = 1) -> "Conditioned":
        """Return itself: the memory of the last pair is always on."""
        return self

    def _call(self, x: Tensor) -> Tensor:
        return remembered_forward(self.bijection, self._memory, x, self.context)

    def _inverse(self, y: Tensor) -> Tensor:
        return remembered_inverse(self.bijection, self._memory, y, self.context)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the log-determinant at ``x``: for a pair just computed, without computing it again."""
        return remembered_ladj(self.bijection, self._memory, x, y, self.context)


def remembered_forward(bijection: Bijection, memory: Memory, x: Tensor, context: Tensor | None) -> Tensor:
    """Return the remembered ``y`` of this very ``x``, or compute it and remember the pair."""
    pair = memory.recall(bijection.watch.state(bijection), context) if memory.holds(x=x) else None
    if pair is not None:
        return pair[1]
    y, ladj = bijection.forward_and_ladj(x, context)
    memory.keep(x, y, ladj, bijection.watch.state(bijection), context)
    return y


def remembered_inverse(bijection: Bijection, memory: Memory, y: Tensor, context: Tensor | None) -> Tensor:
    """Return the remembered ``x`` of this very ``y``, or compute it and remember the pair."""
    pair = memory.recall(bijection.watch.state(bijection), context) if memory.holds(y=y) else None
    if pair is not None:
        return pair[0]
    x, ladj = bijection.inverse_and_ladj(y, context)
    memory.keep(x, y, -ladj, bijection.watch.state(bijection), context)
    return x


def remembered_ladj(bijection: Bijection, memory: Memory, x: Tensor, y: Tensor, context: Tensor | None) -> Tensor:
    """Return the remembered log-determinant of this very pair, or compute it."""
    pair = memory.recall(bijection.watch.state(bijection), context) if memory.holds(x=x, y=y) else None
    return pair[2] if pair is not None else cast(tuple[Tensor, Tensor], bijection.forward_and_ladj(x, context))[1]


def check_input_dim(input_dim: int, *, what: str = "input_dim") -> None:
    """Refuse sizes that are no sizes.

    Raises:
        ValueError: If ``input_dim`` is not a positive integer.
    """
    if not isinstance(input_dim, int) or input_dim < 1:
        advice = "Give the number of features of one event." if what == "input_dim" else "Give a positive integer."
        raise ValueError(f"Expected {what} of at least 1; got {input_dim!r}. {advice}")


def broadcast_event(x: Tensor, like: Tensor) -> Tensor:
    """Expand the batch of ``x`` to that of ``like``, whose events may be of another width."""
    return x if x.shape[:-1] == like.shape[:-1] else x.expand(*torch.Size(like.shape[:-1]), x.shape[-1])
