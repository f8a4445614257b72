"""What the pixels of a front see of feature maps, gathered beside each other."""

from torch import Tensor

from pyrodgm.nn.front_maps import Front, FrontMaps


class FrontWindows:
    """All that the pixels of a front see of maps, as one row a pixel, gathered by two copies.

    Args:
        maps: The maps; their radius is that of the windows, which see as many rows above.
        most: Largest number of rows of a front.

    Attributes:
        windows: ``(num_layers, most * batch, num_before + num_maps)``, what each pixel of the front sees: the rows
            above from the top down, each from the left to the right; what is left of the pixel; the pixel itself.
        num_before: How much of that comes before the pixel itself.
    """

    def __init__(self, maps: FrontMaps, most: int) -> None:
        self.maps = maps
        self.row_width = (2 * maps.radius + 1) * maps.num_maps
        self.num_left = maps.radius * maps.num_maps
        self.num_before = maps.radius * self.row_width + self.num_left
        self.windows = maps.data.new_empty(maps.num_layers, most * maps.batch, self.num_before + maps.num_maps)
        self._cuts: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def load(self, front: Front) -> None:
        """Gather what the pixels of a front see before themselves, into ``windows``."""
        maps = self.maps
        if maps.radius == 0 or maps.num_layers == 0:
            return
        above, left, _ = self._cut(front.num_rows)
        above.copy_(maps.above(front))
        left.copy_(maps.at(front, column=-maps.radius, num_columns=maps.radius))

    def store(self, front: Front) -> None:
        """Keep the pixels of a front themselves, from ``windows``."""
        self.maps.at(front).copy_(self._cut(front.num_rows)[2])

    def _cut(self, num_rows: int) -> tuple[Tensor, Tensor, Tensor]:
        """Cut ``windows`` for fronts of so many rows: the rows above, what is left of the pixel, the pixel."""
        if num_rows not in self._cuts:
            windows, radius = self.windows[:, : num_rows * self.maps.batch], self.maps.radius
            above, left, here = windows.split((radius * self.row_width, self.num_left, self.maps.num_maps), 2)
            self._cuts[num_rows] = above.unflatten(2, (radius, self.row_width)), left, here
        return self._cuts[num_rows]
