"""What an autoregressive model returns."""

from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.autoregressive.draw import draw_events
from pyrodgm.autoregressive.support import check_values, variable_support
from pyrodgm.heads.head import Head
from pyrodgm.nn.causal import CausalNet, symbols_last


class AutoregressiveDistribution(TorchDistribution):
    r""":math:`\log p(x \mid c) = \sum_i \log p(x_i \mid x_{<i}, c)`, with one pass for the density.

    Args:
        net: The causal network.
        head: The distribution of one position.
        context: ``(*batch, *context_shape)`` or ``None``.
        end: Symbol that ends a sequence; what follows is the end again, with probability one.
        batch_shape: Shape of the batch, by default that of the context.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- the name and type that torch reads
    has_rsample = False

    def __init__(
        self,
        net: CausalNet,
        head: Head,
        context: Tensor | None = None,
        *,
        end: int | None = None,
        batch_shape: Sequence[int] | None = None,
    ) -> None:
        self.net = net
        self.head = head
        self.context = context
        self.end = end
        if batch_shape is None:
            batch_shape = () if context is None else context.shape[: context.dim() - len(net.context_shape)]
        super().__init__(torch.Size(batch_shape), net.event_shape, validate_args=False)

    @constraints.dependent_property
    def support(self) -> constraints.Constraint:
        """The head's support at each position."""
        return constraints.independent(variable_support(self.head), len(self.event_shape))

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "AutoregressiveDistribution":
        """Return independent copies; the context is shared, not repeated."""
        return AutoregressiveDistribution(self.net, self.head, self.context, end=self.end, batch_shape=batch_shape)

    def sample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, *event_shape)`` by the fastest strategy."""
        shape = torch.Size(sample_shape) + self.batch_shape
        return draw_events(self.net, self.head, shape, self.context, end=self.end)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probability or log-density in nats.

        Args:
            value: ``(*sample, *batch, *event_shape)``, broadcast against the batch.

        Raises:
            ValueError: If the events are of another shape, or hold a value outside the support, which is named; or if
                the batches do not broadcast.
        """
        positions = self.position_log_prob(value)
        return positions.flatten(-len(self.net.grid_shape)).sum(-1)

    def position_log_prob(self, value: Tensor) -> Tensor:
        r"""Return :math:`\log p(x_i \mid x_{<i}, c)` in nats, ``(*sample, *batch, *grid_shape)``.

        Args:
            value: ``(*sample, *batch, *event_shape)``, broadcast against the batch.

        Raises:
            ValueError: As :meth:`log_prob`.
        """
        event_dim = len(self.event_shape)
        batch = value.shape[: value.dim() - event_dim]
        if value.dim() < event_dim or value.shape[len(batch) :] != self.event_shape:
            raise ValueError(
                f"Expected value of shape (*batch, {', '.join(map(str, self.event_shape))}); got {tuple(value.shape)}. "
                "The last dimensions are one event."
            )
        if torch.distributions.Distribution._validate_args and not torch.jit.is_tracing():
            check_values(value, variable_support(self.head))
        if self.batch_shape and batch[-len(self.batch_shape) :] != self.batch_shape:
            try:
                value = value.expand(torch.broadcast_shapes(batch, self.batch_shape) + self.event_shape)
            except RuntimeError as error:
                raise ValueError(
                    f"Expected batches of value and context that broadcast; got {tuple(batch)} and "
                    f"{tuple(self.batch_shape)}. Give one context for each value, or one for all."
                ) from error
        net = self.net
        symbols = symbols_last(value, len(net.symbol_shape), len(net.grid_shape))
        log_prob = self.head.log_prob(net(value, self.context), symbols)
        if self.end is not None:
            after = after_end(value, self.end)
            log_prob = torch.where(after, torch.where(value == self.end, 0.0, -torch.inf), log_prob)
        return log_prob

    def __repr__(self) -> str:
        return (
            f"AutoregressiveDistribution(batch_shape={tuple(self.batch_shape)}, event_shape={tuple(self.event_shape)})"
        )


def after_end(x: Tensor, end: int) -> Tensor:
    """Return where a sequence has already ended, ``x.shape``: strictly after the first ``end`` of each row."""
    ended = (x == end).cummax(-1).values if x.shape[-1] else x == end
    return torch.cat((torch.zeros_like(ended[..., :1]), ended[..., :-1]), -1)
