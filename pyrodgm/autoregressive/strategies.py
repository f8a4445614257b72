"""How an autoregressive model is drawn: three strategies with equal draws from equal noise."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from pyrodgm.nn.causal import CausalNet, Draw, FullPasses, Stepper, Track, UnsettledError, symbols_first


class Strategy(ABC):
    """Turns noise into a draw. All strategies give the same draw of the same noise, to rounding of parameters."""

    @abstractmethod
    def __call__(
        self,
        net: CausalNet,
        draw: Draw,
        sources: Sequence[Tensor],
        context: Tensor | None = None,
        *,
        end: int | None = None,
        track: Track = iter,
    ) -> Tensor:
        r"""Solve :math:`x_i = \mathrm{draw}(\mathrm{net}(x_{<i}, c)_i, s_i)`.

        Args:
            net: The network.
            draw: Parameters ``(*lead, num_params)`` and sources ``(*lead, ...)`` to values ``(*lead, *symbol_shape)``.
            sources: What values are drawn from, noise first, each ``(batch, *grid_shape, ...)``.
            context: ``(batch, *context_shape)`` or ``None``.
            end: Symbol after which nothing matters: a strategy may stop where every row has met it.
            track: Wraps positions or passes, to show progress.

        Returns:
            ``(batch, *event_shape)``.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Walk(Strategy):
    """Position by position through a stepper."""

    @abstractmethod
    def stepper(self, net: CausalNet, batch: int, context: Tensor | None) -> Stepper:
        """Return what maps ``None``, then each value drawn, to the parameters of the next position."""

    @torch.no_grad()
    def __call__(
        self,
        net: CausalNet,
        draw: Draw,
        sources: Sequence[Tensor],
        context: Tensor | None = None,
        *,
        end: int | None = None,
        track: Track = iter,
    ) -> Tensor:
        """Draw through the stepper."""
        # Moved once to the order and cut once: a slice costs as much as the arithmetic of a small step.
        along = [source.flatten(1, len(net.grid_shape)).index_select(1, net.order) for source in sources]
        steps = zip(*(source.unbind(1) for source in along), strict=True)
        stepper = self.stepper(net, len(sources[0]), context)
        num = net.num_positions
        values: list[Tensor] = []
        value: Tensor | None = None
        ended: Tensor | None = None
        for _, step in zip(track(range(num)), steps, strict=False):
            value = draw(stepper(value), *step)
            values.append(value)
            if end is not None:
                ended = value == end if ended is None else ended | (value == end)
                if bool(ended.all()):
                    values += [torch.full_like(value, end)] * (num - len(values))
                    break
        x = torch.stack(values, 1).index_select(1, net.order.argsort())
        return symbols_first(x.unflatten(1, net.grid_shape), len(net.symbol_shape), len(net.grid_shape))


class Incremental(Walk):
    """Position by position through the network's stepper, which does each piece of work once."""

    def stepper(self, net: CausalNet, batch: int, context: Tensor | None) -> Stepper:
        """Return the network's."""
        return net.stepper((batch,), context)


class Sequential(Walk):
    """Position by position, each by a full pass of the network: slow, and right by definition."""

    def stepper(self, net: CausalNet, batch: int, context: Tensor | None) -> Stepper:
        """Return one that runs the network whole."""
        return FullPasses(net, batch, context)


class FixedPoint(Strategy):
    """All positions at once, or a block after the other, iterated until nothing changes.

    Positions settle in the order, at least one a pass and mostly many. What does not settle in as many passes as
    there are positions (values that are not finite) is drawn step by step, and a warning says so.
    """

    def __call__(
        self,
        net: CausalNet,
        draw: Draw,
        sources: Sequence[Tensor],
        context: Tensor | None = None,
        *,
        end: int | None = None,
        track: Track = iter,
    ) -> Tensor:
        """Draw by fixed-point iteration."""
        try:
            return net.sweep(draw, sources, context, track)
        except UnsettledError as unsettled:
            warnings.warn(f"{unsettled} Drawing step by step instead.", RuntimeWarning, stacklevel=2)
            return Incremental()(net, draw, sources, context, end=end, track=track)


def default_strategy(net: CausalNet, num_draws: int) -> Strategy:
    """Return the strategy that was measured to be the fastest for so many draws of such a network."""
    return FixedPoint() if net.prefers_sweep(num_draws) else Incremental()
