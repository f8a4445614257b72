"""Drawing images front by front: lines of pixels that do not see each other, or single pixels."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from pyrodgm.nn.causal import Draw, Track
from pyrodgm.nn.front_maps import Front, front_pixels, fronts
from pyrodgm.nn.pixel_net import PixelNet


class FrontSteps(ABC):
    """The parameters of a network on images, front by front, and part by part of the pixels of a front.

    For each front :meth:`begin`, then :meth:`params` and :meth:`write` for each part, then :meth:`end`.

    Args:
        net: The network.
        batch: Number of images.
        slope: Columns by which each row is behind the one above; the image's width makes each pixel a front.
    """

    def __init__(self, net: PixelNet, batch: int, slope: int) -> None:
        self.net, self.batch = net, batch
        height, width = net.shape[1:]
        self.fronts = fronts(height, width, slope)
        self.pixels = [front_pixels(front, width, slope) for front in self.fronts]

    @abstractmethod
    def begin(self, front: Front) -> None:
        """Gather what the pixels of a front see before themselves."""

    @abstractmethod
    def params(self, front: Front, part: int) -> Tensor:
        """Return the parameters of one part of the pixels of a front, ``(num_rows * batch, num_params)``."""

    @abstractmethod
    def write(self, front: Front, part: int, values: Tensor) -> None:
        """Take what was drawn for one part of the pixels of a front, ``(num_rows, batch, *symbol_shape)``."""

    @abstractmethod
    def end(self, front: Front) -> None:
        """Keep what later fronts see."""

    @torch.no_grad()
    def sweep(self, draw: Draw, sources: Sequence[Tensor], track: Track) -> Tensor:
        """Draw all fronts, ``(batch, *event_shape)``.

        Args:
            draw: Deterministic and elementwise over positions.
            sources: What values are drawn from, each ``(batch, *grid_shape, ...)``.
            track: Wraps the steps.
        """
        net, num_parts, sizes = self.net, self.net.num_parts, [len(pixels) for pixels in self.pixels]
        order = torch.tensor([pixel for pixels in self.pixels for pixel in pixels], device=net.order.device)
        along = [source.flatten(1, len(net.grid_shape)).unflatten(1, (num_parts, -1)) for source in sources]
        along = [source.movedim(0, 2).index_select(1, order) for source in along]  # (part, pixel, batch, ...)
        steps = list(zip(*(source.split(sizes, 1) for source in along), strict=True))
        drawn: list[Tensor] = []
        for k in track(range(len(sizes))):
            front = self.fronts[k]
            self.begin(front)
            for part in range(num_parts):
                params = self.params(front, part).view(front.num_rows, self.batch, net.num_params)
                drawn.append(draw(params, *(source[part] for source in steps[k])))
                self.write(front, part, drawn[-1])
            self.end(front)
        x = torch.stack([torch.cat(drawn[part::num_parts]) for part in range(num_parts)])
        x = x.index_select(1, order.argsort()).movedim(2, 0)  # (batch, part, pixel, *symbol_shape)
        return (x.movedim(-1, 1) if net.symbol_shape else x).reshape(self.batch, *net.shape)


class FrontStepper:
    """A network position by position; called first with ``None``, then with each value drawn.

    Args:
        steps: The network's steps, with single pixels for fronts.
    """

    def __init__(self, steps: FrontSteps) -> None:
        self.steps = steps
        self.num_parts = steps.net.num_parts
        self.position = 0

    @torch.no_grad()
    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the value just drawn, ``(batch, *symbol_shape)``, and return the next ``(batch, num_params)``."""
        steps, (pixel, part) = self.steps, divmod(self.position, self.num_parts)
        if value is not None:
            before = steps.fronts[pixel if part else pixel - 1]
            steps.write(before, (part or self.num_parts) - 1, value)
            if part == 0:
                steps.end(before)
        front = steps.fronts[pixel]
        if part == 0:
            steps.begin(front)
        self.position += 1
        return steps.params(front, part)
