"""The contract of a triangular network: each output rises in its own input, and sees no later one."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.causal import flatten_batches

STEEPEST = 6.0  # about the largest of the weights that are kept positive
STARTS = (0.54, 0.54, -1.0)  # of the three layers: weights of about 1, 1 and 0.3, an early slope of about a tenth
SPREAD = 0.3  # of these starts, which lets units differ
SMALL = 1e-2  # share of its usual start at which the last layer begins to see earlier variables


class TriangularNet(nn.Module, ABC):
    r"""A network :math:`g(x, c)` whose output :math:`i` rises in variable :math:`i` and sees no later one.

    Three masked layers, :math:`g = L_3 \tanh(L_2 \tanh(L_1 x))`. Each hidden unit belongs to one variable. A unit reads
    units of earlier variables by free weights and those of its own variable by positive ones,
    :math:`w = \mathrm{softplus}(6 \tanh(a / 6)) / n` of :math:`n` units. So what variable :math:`i` has of itself,

    .. math:: \frac{\partial g_i}{\partial x_i} = W^3_{ii}\, \mathrm{diag}(\tanh')\, W^2_{ii}\, \mathrm{diag}(\tanh')\,
        W^1_{ii} \in (0, 217),

    is made of the small blocks alone in which variables meet themselves, in the same pass: no Jacobian is formed, and
    nothing is differentiated. Since tanh is bounded, :math:`|g_i|` is too, whatever the input.

    Attributes:
        event_shape: Shape of one ``x``.
        context_dim: Number of context features, which each layer adds to its biases; 0 for none.
        order: ``(D,)``; ``order[k]`` is the variable, counted along the flattened event, that comes ``k``-th.
    """

    event_shape: torch.Size
    context_dim: int
    order: Tensor

    def __init__(self, layers: Iterable[nn.Module], context_dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.context_dim = context_dim

    @abstractmethod
    def in_order(self, x: Tensor) -> Tensor:
        """Arrange ``(num, *event_shape)`` as the layers take it."""

    @abstractmethod
    def back(self, h: Tensor) -> Tensor:
        """Undo :meth:`in_order`."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        r"""Return :math:`g` and :math:`\partial g_i / \partial x_i`.

        Args:
            x: ``(*batch, *event_shape)``.
            context: ``(*batch', context_dim)``, broadcast against ``batch``, or ``None``.

        Returns:
            Two tensors of the broadcast batch, ``(*batch, *event_shape)``.

        Raises:
            ValueError: If a shape is another, or a context is missing or superfluous.
        """
        self.check(x, context)
        rows, contexts, batch = flatten_batches(x, len(self.event_shape), context, 1)
        h = self.in_order(rows)
        slope = torch.ones_like(h)
        for index, layer in enumerate(self.layers):
            if index:
                h = h.tanh()
                slope = slope * (1 - h * h)
            h, slope = layer(h, slope, contexts)
        value, slope = self.back(h), self.back(slope)
        return value.reshape(*batch, *self.event_shape), slope.reshape(*batch, *self.event_shape)

    def check(self, x: Tensor, context: Tensor | None) -> None:
        """Compare shapes with those that the network was built for.

        Raises:
            ValueError: If one is another, or a context is missing or superfluous.
        """
        event_dim = len(self.event_shape)
        if x.shape[max(x.dim() - event_dim, 0) :] != self.event_shape:
            raise ValueError(
                f"Expected events of shape (*batch, {', '.join(map(str, self.event_shape))}); got {tuple(x.shape)}. "
                "Build the network for the shape of the events."
            )
        given = 0 if context is None else context.shape[-1] if context.dim() else 1
        if given != self.context_dim or (context is not None and not context.dim()):
            expected = f"context of shape (*batch, {self.context_dim})" if self.context_dim else "no context"
            got = None if context is None else tuple(context.shape)
            raise ValueError(f"Expected {expected}; got {got}. Build the network with the width of the context.")


def positive(raw: Tensor) -> Tensor:
    r"""Return :math:`\mathrm{softplus}(6 \tanh(a / 6))`, between 0.0025 and 6.0025, over the number of units read."""
    return F.softplus(STEEPEST * (raw / STEEPEST).tanh()) / raw.shape[-1]


def raw_start(num_groups: int, num_out: int, num_in: int, start: float) -> nn.Parameter:
    """Return what :func:`positive` makes the weights of, ``(num_groups, num_out, num_in)``."""
    return nn.Parameter(start + SPREAD * torch.randn(num_groups, num_out, num_in))


@torch.no_grad()
def start_layers(first: nn.Module, middle: nn.Module, last: nn.Module) -> None:
    """Spread the biases of hidden units over the range of the data, and let the last layer begin nearly silent.

    Args:
        first: The part of the first layer that has its biases, with parameters ``weight`` and ``bias``.
        middle: That of the second.
        last: That of the third.
    """
    first.bias.uniform_(-2, 2)  # type: ignore[operator, union-attr]
    middle.bias.uniform_(-1, 1)  # type: ignore[operator, union-attr]
    last.weight.mul_(SMALL)  # type: ignore[operator, union-attr]
    last.bias.zero_()  # type: ignore[operator, union-attr]
