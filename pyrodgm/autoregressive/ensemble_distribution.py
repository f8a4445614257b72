"""The equal mixture of several autoregressive distributions."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.autoregressive.distribution import AutoregressiveDistribution
from pyrodgm.autoregressive.draw import MAX_BYTES, draw_events
from pyrodgm.autoregressive.strategies import Strategy
from pyrodgm.heads.head import Head
from pyrodgm.nn.causal import CausalNet


class EnsembleDistribution(TorchDistribution):
    r"""The mixture :math:`p(x \mid c) = \frac{1}{M} \sum_m p_m(x \mid c)` of autoregressive distributions.

    Args:
        members: Causal networks with events of one shape.
        head: The distribution of one position.
        context: ``(*batch, *context_shape)`` or ``None``.
        batch_shape: Shape of the batch, by default that of the context.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- the name and type that torch reads
    has_rsample = False

    def __init__(
        self,
        members: Sequence[CausalNet],
        head: Head,
        context: Tensor | None = None,
        *,
        batch_shape: Sequence[int] | None = None,
    ) -> None:
        self.members = members
        self.head = head
        self.context = context
        self.parts = [AutoregressiveDistribution(net, head, context, batch_shape=batch_shape) for net in members]
        super().__init__(self.parts[0].batch_shape, self.parts[0].event_shape, validate_args=False)

    @constraints.dependent_property
    def support(self) -> constraints.Constraint:
        """The head's support at each position."""
        return self.parts[0].support

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "EnsembleDistribution":
        """Return independent copies; the context is shared, not repeated."""
        return EnsembleDistribution(self.members, self.head, self.context, batch_shape=batch_shape)

    def sample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, *event_shape)``: a member for each event, then the event."""
        return draw_mixture(self, torch.Size(sample_shape) + self.batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log of the mean probability or density in nats, one pass a member.

        Args:
            value: ``(*sample, *batch, *event_shape)``, broadcast against the batch.

        Raises:
            ValueError: If the events are of another shape, or hold a value outside the support, which is named.
        """
        return torch.stack([part.log_prob(value) for part in self.parts]).logsumexp(0) - math.log(len(self.parts))

    def __repr__(self) -> str:
        shapes = f"batch_shape={tuple(self.batch_shape)}, event_shape={tuple(self.event_shape)}"
        return f"EnsembleDistribution({len(self.members)} members, {shapes})"


def draw_mixture(distribution: EnsembleDistribution, shape: torch.Size, **options: Any) -> Tensor:
    """Draw ``(*shape, *event_shape)`` from a mixture; options are those of :func:`draw_by_members`."""
    context, num = distribution.context, shape.numel()
    if context is not None:
        own = context.shape[context.dim() - len(distribution.members[0].context_shape) :]
        context = context.expand(*shape, *own).reshape(num, *own)
    which = torch.randint(len(distribution.members), (num,))
    x = draw_by_members(distribution.members, distribution.head, which, context, **options)
    return x.reshape(*shape, *distribution.event_shape)


@torch.no_grad()
def draw_by_members(
    members: Sequence[CausalNet],
    head: Head,
    which: Tensor,
    context: Tensor | None = None,
    *,
    known: tuple[Tensor, Tensor] | None = None,
    strategy: Strategy | None = None,
    max_bytes: int = MAX_BYTES,
    progress: bool = True,
) -> Tensor:
    """Draw each event from the member that is named for it, the events of one member together.

    Args:
        members: Causal networks.
        head: The distribution of one position.
        which: ``(num,)``, a number of a member for each event.
        context: ``(num, *context_shape)`` or ``None``.
        known: Values and a mask, ``(num, *event_shape)``: where the mask is true, the value stands instead of a draw.
        strategy: How to draw; by default the fastest as measured.
        max_bytes: Bound on the memory of activations.
        progress: Whether a draw that takes seconds shows a bar with the time left.

    Returns:
        ``(num, *event_shape)``.
    """
    parts, places = [], []
    for index in which.unique().tolist():
        rows = (which == index).nonzero().squeeze(-1)
        given = None if context is None else context[rows.to(context.device)]
        part = draw_events(
            members[index],
            head,
            (len(rows),),
            given,
            strategy=strategy,
            known=None if known is None else (known[0][rows], known[1][rows]),
            max_bytes=max_bytes,
            progress=progress,
        )
        parts.append(part)
        places.append(rows)
    if not parts:
        return draw_events(members[0], head, (0,))
    return torch.cat(parts)[torch.cat(places).argsort()]
