"""Bijections one after the other."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributions import constraints

from pyrodgm.transforms.bijection import Bijection


class Compose(Bijection):
    r""":math:`f_K \circ \dots \circ f_1`: the first bijection in the list is nearest to the base.

    Args:
        bijections: At least one; those with a context must agree on its width.

    Raises:
        ValueError: If the list is empty, or the widths of contexts differ.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> flip_twice = transforms.Compose([transforms.Flip(), transforms.Flip()])
        >>> y, ladj = flip_twice.forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    def __init__(self, bijections: Iterable[Bijection]) -> None:
        parts = list(bijections)
        if not parts:
            raise ValueError("Expected at least one bijection; got an empty list. Compose needs parts.")
        widths = {part.context_dim for part in parts} - {0}
        if len(widths) > 1:
            raise ValueError(
                f"Expected bijections that share one context; got context_dim {sorted(widths)}. Build them with one."
            )
        dims = {part.event_dim for part in parts}
        if len(dims) > 1:
            raise ValueError(f"Expected bijections of one event_dim; got {sorted(dims)}. Compose like with like.")
        super().__init__(event_dim=dims.pop(), context_dim=widths.pop() if widths else 0)
        self.bijections = nn.ModuleList(parts)

    @property
    def parts(self) -> list[Bijection]:
        """The bijections, the one nearest to the base first."""
        return cast(list[Bijection], list(self.bijections))

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> constraints.Constraint:
        """What the first takes."""
        return self.parts[0].domain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> constraints.Constraint:
        """What the last returns."""
        return self.parts[-1].codomain

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of what the last returns."""
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of what the first takes."""
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    @torch.no_grad()
    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Set the last part from data, then the one before it from what the last makes of them, and so on."""
        for part in reversed(self.parts):
            own = own_context(part, context)
            part.initialize(y, own)
            y = part.inverse_and_ladj(y, own)[0]

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run from first to last, adding up log-determinants."""
        first, *others = self.parts
        x, total = first.forward_and_ladj(x, own_context(first, context))
        for part in others:
            x, ladj = part.forward_and_ladj(x, own_context(part, context))
            total = total + ladj
        return x, total

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run from last to first, adding up log-determinants."""
        *others, last = self.parts
        y, total = last.inverse_and_ladj(y, own_context(last, context))
        for part in reversed(others):
            y, ladj = part.inverse_and_ladj(y, own_context(part, context))
            total = total + ladj
        return y, total


def own_context(part: Bijection, context: Tensor | None) -> Tensor | None:
    """Return the context, for a part that takes one."""
    return context if part.context_dim else None
