"""Feature maps of an image, laid out so that the pixels of a front are one matrix."""

from collections.abc import Sequence

from torch import Tensor

from pyrodgm.nn.skewed_maps import Front


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
        slope: Columns by which each row of a front is behind the one above.
        like: Gives dtype and device.
    """

    def __init__(
        self, num_layers: int, num_maps: int, *, shape: Sequence[int], batch: int, radius: int, slope: int, like: Tensor
    ) -> None:
        height, width = shape
        self.num_layers, self.num_maps, self.batch, self.radius, self.slope = num_layers, num_maps, batch, radius, slope
        self.image_step = (width + radius) * num_maps  # what is right of one image is left of the next
        self.row_step = batch * self.image_step + slope * num_maps
        self.corner = self.row_step + radius * num_maps
        self.layer_step = self.corner + height * self.row_step + radius * num_maps
        self.data = like.new_zeros(num_layers * self.layer_step)
        self.shape = (height, width)

    def at(self, front: Front, *, above: int = 0, column: int = 0, num_columns: int = 1) -> Tensor:
        """Return a view of what lies so many rows above the pixels of a front, from so many columns to their right on.

        Its shape is ``(num_layers, num_rows * batch, num_columns * num_maps)``.
        """
        columns = front.time - self.slope * front.first_row + column
        place = self.corner + (front.first_row - above) * self.row_step + columns * self.num_maps
        sizes = (self.num_layers, front.num_rows * self.batch, num_columns * self.num_maps)
        return self.data.as_strided(sizes, (self.layer_step, self.image_step, 1), place)

    def fill(self, maps: Tensor) -> None:
        """Set all, from ``(num_layers, num_pixels, 1 or batch, num_maps)``."""
        sizes = (self.num_layers, *self.shape, self.batch, self.num_maps)
        steps = (self.layer_step, self.row_step, self.num_maps, self.image_step, 1)
        self.data.as_strided(sizes, steps, self.corner).copy_(maps.unflatten(1, self.shape))
