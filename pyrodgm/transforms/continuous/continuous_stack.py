"""Continuous blocks one after the other, and what else a flow of them needs."""

import torch
from torch import Tensor

from pyrodgm.transforms.compose import Compose, own_context
from pyrodgm.transforms.continuous.continuous import Continuous


class ContinuousStack(Compose):
    """Bijections one after the other, whose continuous ones add up their evaluations.

    Args:
        bijections: At least one; those with a context must agree on its width.

    Raises:
        ValueError: If the list is empty, or the widths of contexts differ.

    Example:
        >>> import torch
        >>> from pyrodgm import nn, transforms
        >>> blocks = [transforms.Continuous(nn.ConcatSquashMLP(3, hidden_dims=(16,)), 3) for _ in range(2)]
        >>> y, ladj = transforms.ContinuousStack(blocks).forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))
    """

    @property
    def num_evaluations(self) -> int:
        """How often the fields were evaluated to solve, in the last call."""
        return sum(part.num_evaluations for part in self.parts if isinstance(part, Continuous))

    @property
    def num_backward_evaluations(self) -> int:
        """How often they were evaluated for the gradients of the last call."""
        return sum(part.num_backward_evaluations for part in self.parts if isinstance(part, Continuous))

    @torch.no_grad()
    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Set from data the parts that are not continuous; nothing is solved that none of them needs."""
        parts = self.parts
        while parts and isinstance(parts[0], Continuous):
            parts = parts[1:]
        for index, part in reversed(list(enumerate(parts))):
            own = own_context(part, context)
            part.initialize(y, own)
            if index:
                y = part.inverse_and_ladj(y, own)[0]
