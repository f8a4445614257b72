"""The contract of a causal network: parameters at a position depend on earlier positions alone."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

Draw = Callable[..., Tensor]  # parameters (*lead, num_params) and sources (*lead, ...) to values (*lead, *symbol_shape)
Stepper = Callable[[Tensor | None], Tensor]  # None, then each value drawn, to the parameters of the next position
Track = Callable[[Iterable[int]], Iterable[int]]  # hands positions on, and may show how far the draw is


class UnsettledError(RuntimeError):
    """A fixed point was not reached in as many passes as there are positions."""


class CausalNet(nn.Module, ABC):
    r"""A network :math:`\theta_i = \mathrm{net}(x_{<i}, c)_i` over positions in an order.

    A position holds one variable (``symbol_shape == ()``: a feature, a token, one channel of one pixel), or the
    channels of one pixel together (``symbol_shape == (channels,)``). Channels come first in ``x``, whose shape is
    ``(*symbol_shape, *grid_shape)``; parameters are ``(*grid_shape, num_params)``.

    Attributes:
        symbol_shape: Shape of the value at one position.
        grid_shape: Shape of the positions.
        num_params: Number of parameters of one position.
        context_shape: Shape of one context, ``()`` for none.
        order: ``(num_positions,)``; ``order[k]`` is the position, counted along the grid, that comes ``k``-th.
    """

    symbol_shape: tuple[int, ...] = ()
    grid_shape: tuple[int, ...]
    num_params: int
    context_shape: tuple[int, ...] = ()
    order: Tensor

    @property
    def event_shape(self) -> torch.Size:
        """Shape of one ``x``."""
        return torch.Size((*self.symbol_shape, *self.grid_shape))

    @property
    def num_positions(self) -> int:
        """Number of positions."""
        return math.prod(self.grid_shape)

    @property
    def owner(self) -> nn.Module:
        """The module that has the weights: the network, but for views of one that share what they have."""
        return self

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(*batch, *grid_shape, num_params)`` in one pass.

        Args:
            x: ``(*batch, *event_shape)``.
            context: ``(*batch', *context_shape)``, whose batch broadcasts against that of ``x``, or ``None``.
        """

    def flat_stepper(self, batch: int, context: Tensor | None) -> Stepper:
        """Return what computes the same outputs position by position; by default by a full pass for each.

        Networks override it to do each piece of work once.

        Args:
            batch: Number of draws.
            context: ``(batch, *context_shape)``, of a shape that has been checked, or ``None``.
        """
        return FullPasses(self, batch, context)

    def stepper(self, batch_shape: Sequence[int], context: Tensor | None = None) -> Stepper:
        """Return what computes the same outputs position by position.

        It is called first with ``None``, then with each value just drawn, ``(*batch_shape, *symbol_shape)``, and
        returns the parameters of the next position in the order, ``(*batch_shape, num_params)``. No graph is recorded.

        Args:
            batch_shape: Shape of the batch to draw.
            context: ``(*batch', *context_shape)``, broadcast against ``batch_shape``.

        Raises:
            ValueError: If the context is missing, superfluous or of another shape.
        """
        self.check_context(context)
        shape = torch.Size(batch_shape)
        if context is not None:
            context = context.expand(*shape, *self.context_shape).reshape(-1, *self.context_shape)
        step = self.flat_stepper(shape.numel(), context)
        if len(shape) == 1:
            return step

        def unflattened(value: Tensor | None) -> Tensor:
            flat = None if value is None else value.reshape(shape.numel(), *self.symbol_shape)
            return step(flat).reshape(*shape, self.num_params)

        return unflattened

    def check_context(self, context: Tensor | None) -> None:
        """Refuse a context that is missing, superfluous or of another shape.

        Raises:
            ValueError: Saying which.
        """
        dim = len(self.context_shape)
        given = () if context is None else tuple(context.shape[max(context.dim() - dim, 0) :] if dim else context.shape)
        if (context is None) != (dim == 0) or (dim and given != self.context_shape):
            expected = f"context of shape (*batch, {', '.join(map(str, self.context_shape))})" if dim else "no context"
            got = None if context is None else tuple(context.shape)
            raise ValueError(f"Expected {expected}; got {got}. Build the network with the shape of the context.")

    def prefers_sweep(self, num_draws: int) -> bool:
        """Whether :meth:`sweep` was measured to be faster than stepping for so many draws at once."""
        return False

    @torch.no_grad()
    def sweep(
        self, draw: Draw, sources: Sequence[Tensor], context: Tensor | None = None, track: Track = iter
    ) -> Tensor:
        r"""Solve :math:`x_i = \mathrm{draw}(\mathrm{net}(x_{<i}, c)_i, s_i)` for all positions by iteration.

        After ``k`` passes the first ``k`` positions are final, so that it ends after at most as many passes as there
        are positions, and mostly after far fewer. Networks that can do it in parts override it.

        Args:
            draw: Deterministic and elementwise over positions.
            sources: What values are drawn from, each ``(batch, *grid_shape, ...)``.
            context: ``(batch, *context_shape)`` or ``None``.
            track: Wraps the passes.

        Returns:
            ``x``, ``(batch, *event_shape)``.

        Raises:
            UnsettledError: If it did not settle in that many passes, as with values that are not finite.
        """
        x = sources[0].new_zeros((len(sources[0]), *self.event_shape))
        for _ in track(range(self.num_positions + 1)):
            new = symbols_first(draw(self(x, context), *sources), len(self.symbol_shape), len(self.grid_shape))
            if torch.equal(new, x.to(new.dtype)):
                return new
            x = new
        raise UnsettledError(
            f"Expected values that settle in {self.num_positions} passes; got values that still change."
        )


def without_graph(activation: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return what a stepper calls: the activation, which starts a graph only where it has parameters of its own."""
    if next(activation.parameters(), None) is None:
        return activation

    @torch.no_grad()
    def activated(h: Tensor) -> Tensor:
        return activation(h)  # type: ignore[no-any-return]

    return activated


class FullPasses:
    """Any causal network position by position, by a full pass for each: slow, and right by definition.

    Args:
        net: The network.
        batch: Number of draws.
        context: ``(batch, *context_shape)`` or ``None``.
    """

    @torch.no_grad()
    def __init__(self, net: CausalNet, batch: int, context: Tensor | None) -> None:
        self.net, self.context, self.order = net, context, net.order.tolist()
        self.x = next(net.parameters()).new_zeros(batch, net.num_positions, *net.symbol_shape)
        self.position = 0

    @torch.no_grad()
    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the value just drawn, ``(batch, *symbol_shape)``, and return the next ``(batch, num_params)``."""
        net, k = self.net, self.position
        if value is not None:
            self.x = self.x.to(value.dtype)
            self.x[:, self.order[k - 1]] = value
        self.position += 1
        x = symbols_first(self.x.unflatten(1, net.grid_shape), len(net.symbol_shape), len(net.grid_shape))
        return net(x, self.context).flatten(1, len(net.grid_shape))[:, self.order[k]]  # type: ignore[no-any-return]


def symbols_first(x: Tensor, symbol_dim: int, grid_dim: int) -> Tensor:
    """Turn ``(*batch, *grid_shape, *symbol_shape)`` into ``(*batch, *symbol_shape, *grid_shape)``."""
    return x.movedim(-1, -1 - grid_dim) if symbol_dim else x


def symbols_last(x: Tensor, symbol_dim: int, grid_dim: int) -> Tensor:
    """Turn ``(*batch, *symbol_shape, *grid_shape)`` into ``(*batch, *grid_shape, *symbol_shape)``."""
    return x.movedim(-1 - grid_dim, -1) if symbol_dim else x


def flatten_batches(
    x: Tensor, event_dim: int, context: Tensor | None, context_event_dim: int
) -> tuple[Tensor, Tensor | None, torch.Size]:
    """Give ``x`` and the context one common batch dimension, for networks that take only one.

    Args:
        x: ``(*batch, *event_shape)``.
        event_dim: Number of dimensions of one event.
        context: ``(*batch', *context_shape)`` or ``None``.
        context_event_dim: Number of dimensions of one context.

    Returns:
        ``x`` as ``(num, *event_shape)``, the context as ``(num, *context_shape)``, and the broadcast batch shape.
    """
    batch, event = x.shape[: x.dim() - event_dim], x.shape[x.dim() - event_dim :]
    if context is None:
        return x.reshape(batch.numel(), *event), None, batch
    own = context.shape[context.dim() - context_event_dim :]
    batch = torch.broadcast_shapes(batch, context.shape[: context.dim() - context_event_dim])
    num = batch.numel()
    return x.expand(*batch, *event).reshape(num, *event), context.expand(*batch, *own).reshape(num, *own), batch
