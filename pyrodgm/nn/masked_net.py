"""What masked networks share: their layers, sorted, can be stepped through and swept block by block."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from pyrodgm.nn.causal import CausalNet, Draw, Track
from pyrodgm.nn.masked_stepper import MaskedStepper
from pyrodgm.nn.masked_sweep import solve_in_blocks
from pyrodgm.nn.order import along
from pyrodgm.nn.sorted_layers import SortedLayers

BLOCK = 128  # features solved together; draws settle in fewer rounds than a flow's real numbers do
ITERATED_A_STEP = 500_000  # products with weights, repeated until a block settles, that take as long as one step


class MaskedNet(CausalNet):
    """A causal network on vectors made of masked linear layers.

    Attributes:
        input_dim: Number of features.
        context_dim: Number of context features.
    """

    input_dim: int
    context_dim: int

    @abstractmethod
    def sorted_layers(self) -> SortedLayers:
        """Return the layers with features in the order and hidden units sorted by degree."""

    def flat_stepper(self, batch: int, context: Tensor | None) -> MaskedStepper:
        """Return what computes the same outputs feature by feature, each hidden unit once."""
        return MaskedStepper(self.sorted_layers(), batch, context)

    def prefers_sweep(self, num_draws: int) -> bool:
        """Whether a sweep is faster: mostly, but for many draws of few features through wide layers."""
        num_weights = sum(parameter.numel() for parameter in self.parameters())
        iterated = num_draws * num_weights * min(1.0, BLOCK / self.input_dim)
        return iterated < ITERATED_A_STEP * self.input_dim

    @torch.no_grad()
    def sweep(
        self, draw: Draw, sources: Sequence[Tensor], context: Tensor | None = None, track: Track = iter
    ) -> Tensor:
        """Solve for all features, block by block; see :func:`~pyrodgm.nn.masked_sweep`.

        Args:
            draw: Deterministic and elementwise over features.
            sources: What values are drawn from, each ``(batch, input_dim, ...)``.
            context: ``(batch, context_dim)`` or ``None``.
            track: Wraps the blocks.

        Returns:
            ``(batch, input_dim)``.
        """
        layers = self.sorted_layers()
        moved = [along(source.transpose(0, 1), layers.order, 0) for source in sources]
        values, _ = solve_in_blocks(layers, draw, moved, context, track, block=BLOCK)
        return values.index_select(0, layers.order.argsort()).t()
