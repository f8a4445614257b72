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


class SkewedMaps:
    """Feature maps of several layers over an image, with zeros around it, and what the pixels of a front see of them.

    With each row the maps lie ``slope`` columns further on in memory, so that going from one image to the next and
    from one pixel of a front to the next are the same step. All that a front sees is then gathered by two copies.

    Args:
        num_layers: Number of layers.
        num_maps: Number of maps of each.
        shape: (height, width) of the image.
        batch: Number of images.
        radius: Rows seen above a pixel, and columns on either side.
        slope: Columns by which each row of a front is behind the one above.
        most: Largest number of rows of a front.
        like: Gives dtype and device.

    Attributes:
        windows: ``(num_layers, most * batch, num_before + num_maps)``, what each pixel of the front sees: the rows
            above from the top down, each from the left to the right; what is left of the pixel; the pixel itself.
        num_before: How much of that comes before the pixel itself.
    """

    def __init__(
        self,
        num_layers: int,
        num_maps: int,
        shape: Sequence[int],
        batch: int,
        *,
        radius: int,
        slope: int,
        most: int,
        like: Tensor,
    ) -> None:
        height, width = shape
        self.num_layers, self.num_maps, self.batch, self.radius, self.slope = num_layers, num_maps, batch, radius, slope
        self.shape = (height, width)
        self.image_step = (width + radius) * num_maps  # what is right of one image is left of the next
        self.row_step = batch * self.image_step + slope * num_maps
        self.corner = radius * self.row_step + radius * num_maps  # the first pixel, after zeros above and to the left
        self.layer_step = self.corner + height * self.row_step + radius * num_maps
        self.data = like.new_zeros(num_layers * self.layer_step)
        self.num_left, self.row_width = radius * num_maps, (2 * radius + 1) * num_maps
        self.num_before = radius * self.row_width + self.num_left
        self._cuts: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        self.windows = like.new_empty(num_layers, most * batch, self.num_before + num_maps)

    def load(self, front: Front) -> None:
        """Gather what the pixels of a front see before themselves, into ``windows``."""
        if self.radius == 0 or self.num_layers == 0:
            return
        above, left, _ = self._cut(front.num_rows)
        place = self._place(front) - self.num_left
        step = (self.layer_step, self.image_step, self.row_step, 1)
        above.copy_(self.data.as_strided(above.shape, step, place - self.radius * self.row_step))
        left.copy_(self.data.as_strided(left.shape, (self.layer_step, self.image_step, 1), place))

    def store(self, front: Front) -> None:
        """Keep the pixels of a front themselves, from ``windows``."""
        self.cells(front).copy_(self._cut(front.num_rows)[2])

    def _cut(self, num_rows: int) -> tuple[Tensor, Tensor, Tensor]:
        """Cut ``windows`` for fronts of so many rows: the rows above, what is left of the pixel, the pixel."""
        if num_rows not in self._cuts:
            windows = self.windows[:, : num_rows * self.batch]
            above, left, here = windows.split((self.radius * self.row_width, self.num_left, self.num_maps), 2)
            self._cuts[num_rows] = above.unflatten(2, (self.radius, self.row_width)), left, here
        return self._cuts[num_rows]

    def cells(self, front: Front) -> Tensor:
        """Return the maps at the pixels of a front, ``(num_layers, num_rows * batch, num_maps)``, as a view."""
        sizes = (self.num_layers, front.num_rows * self.batch, self.num_maps)
        return self.data.as_strided(sizes, (self.layer_step, self.image_step, 1), self._place(front))

    def images(self) -> Tensor:
        """Return all maps, ``(num_layers, height, batch, width, num_maps)``, as a view."""
        height, width = self.shape
        sizes = (self.num_layers, height, self.batch, width, self.num_maps)
        steps = (self.layer_step, self.row_step, self.image_step, self.num_maps, 1)
        return self.data.as_strided(sizes, steps, self.corner)

    def _place(self, front: Front) -> int:
        column = front.time - self.slope * front.first_row
        return self.corner + front.first_row * self.row_step + column * self.num_maps
