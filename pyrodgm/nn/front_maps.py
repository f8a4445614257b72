"""Feature maps laid out so that pixels of several rows, each row some columns behind, are one matrix."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor


class Front(NamedTuple):
    """Pixels that are computed together: one in each of some rows, at column ``time - slope * row``."""

    first_row: int
    num_rows: int
    time: int


def fronts(height: int, width: int, slope: int) -> list[Front]:
    """Return the fronts that pass over an image, in the order of time; single pixels where slope is the width."""
    found = []
    for time in range(width + slope * (height - 1)):
        first, last = max(0, (time - width) // slope + 1), min(height - 1, time // slope)
        if last >= first:
            found.append(Front(first, last - first + 1, time))
    return found


def front_pixels(front: Front, width: int, slope: int) -> list[int]:
    """Return the pixels of a front, counted along the image."""
    rows = range(front.first_row, front.first_row + front.num_rows)
    return [row * width + front.time - slope * row for row in rows]


class FrontMaps:
    """Maps of several layers over an image, with zeros above and beside it, read and written front by front.

    With each row the maps lie ``slope`` columns further on in memory, so that going from one image to the next and
    from one pixel of a front to the next are the same step.

    Args:
        num_layers: Number of layers.
        num_maps: Number of maps of each.
        shape: (height, width) of the image.
        batch: Number of images.
        radius: Number of columns of zeros.
        num_above: Number of rows of zeros; as many as the radius by default.
        slope: Columns by which each row of a front is behind the one above.
        like: Gives dtype and device.
    """

    def __init__(
        self,
        num_layers: int,
        num_maps: int,
        *,
        shape: Sequence[int],
        batch: int,
        radius: int,
        num_above: int | None = None,
        slope: int,
        like: Tensor,
    ) -> None:
        height, width = shape
        self.num_layers, self.num_maps, self.batch, self.radius, self.slope = num_layers, num_maps, batch, radius, slope
        self.shape = (height, width)
        self.image_step = (width + radius) * num_maps  # what is right of one image is left of the next
        self.row_step = batch * self.image_step + slope * num_maps
        self.corner = (radius if num_above is None else num_above) * self.row_step + radius * num_maps
        self.layer_step = self.corner + height * self.row_step + radius * num_maps
        self.data = like.new_zeros(num_layers * self.layer_step)

    def at(self, front: Front, *, above: int = 0, column: int = 0, num_columns: int = 1) -> Tensor:
        """Return a view of what lies so many rows above the pixels of a front, from so many columns to their right on.

        Its shape is ``(num_layers, num_rows * batch, num_columns * num_maps)``.
        """
        sizes = (self.num_layers, front.num_rows * self.batch, num_columns * self.num_maps)
        return self.data.as_strided(sizes, (self.layer_step, self.image_step, 1), self._place(front, above, column))

    def above(self, front: Front) -> Tensor:
        """Return a view of the rows within the radius above the pixels of a front, from the top down.

        Its shape is ``(num_layers, num_rows * batch, radius, (2 * radius + 1) * num_maps)``.
        """
        radius = self.radius
        sizes = (self.num_layers, front.num_rows * self.batch, radius, (2 * radius + 1) * self.num_maps)
        steps = (self.layer_step, self.image_step, self.row_step, 1)
        return self.data.as_strided(sizes, steps, self._place(front, radius, -radius))

    def images(self) -> Tensor:
        """Return all maps, ``(num_layers, height, batch, width, num_maps)``, as a view."""
        height, width = self.shape
        sizes = (self.num_layers, height, self.batch, width, self.num_maps)
        steps = (self.layer_step, self.row_step, self.image_step, self.num_maps, 1)
        return self.data.as_strided(sizes, steps, self.corner)

    def _place(self, front: Front, above: int, column: int) -> int:
        columns = front.time - self.slope * front.first_row + column
        return self.corner + (front.first_row - above) * self.row_step + columns * self.num_maps
