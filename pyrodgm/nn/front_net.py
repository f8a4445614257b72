"""Networks on images whose pixels do not all see each other, so that lines of them are drawn together."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from pyrodgm.nn.causal import Draw, Track
from pyrodgm.nn.front_steps import FrontStepper, FrontSteps
from pyrodgm.nn.masked_conv import MaskedConv2d
from pyrodgm.nn.pixel_net import PixelNet


class FrontNet(PixelNet):
    """A network on images that sees a bounded number of columns to the right in the rows above.

    Attributes:
        first: The layer that sees the image.
        radius: Columns to the right that each other layer sees in the row above.
    """

    first: MaskedConv2d
    radius: int

    @property
    def slope(self) -> int:
        """How many columns a row must be ahead of the next one, so that the next one sees all that it may."""
        return min(max(self.first.radius, self.radius) + 1, self.shape[2])

    @abstractmethod
    def steps(self, batch: int, context: Tensor | None, slope: int) -> FrontSteps:
        """Return what computes the parameters front by front.

        Args:
            batch: Number of images.
            context: ``(batch, *context_shape)`` or ``None``.
            slope: Columns by which each row is behind the one above; the image's width makes each pixel a front.
        """

    def flat_stepper(self, batch: int, context: Tensor | None) -> FrontStepper:
        """Return what computes the same outputs position by position, each unit once."""
        return FrontStepper(self.steps(batch, context, self.shape[2]))

    def prefers_sweep(self, num_draws: int) -> bool:
        """A sweep does the work of all steps in fewer and larger products, whatever the number of draws."""
        return self.slope < self.shape[2]

    @torch.no_grad()
    def sweep(
        self, draw: Draw, sources: Sequence[Tensor], context: Tensor | None = None, track: Track = iter
    ) -> Tensor:
        """Draw the pixels that do not see each other together: one of each row, each row some columns behind.

        Exact and without iteration; an image takes ``width + slope * (height - 1)`` steps.

        Args:
            draw: Deterministic and elementwise over positions.
            sources: What values are drawn from, each ``(batch, *grid_shape, ...)``.
            context: ``(batch, *context_shape)`` or ``None``.
            track: Wraps the steps.
        """
        return self.steps(len(sources[0]), context, self.slope).sweep(draw, sources, track)
