"""Where the entries of a Bayesian network's tables stand in one long vector."""

from math import prod

import torch
from torch import Tensor, nn

from pyrodgm.models.bayes_net_graph import BayesNetGraph


class TableLayout(nn.Module):
    """All tables one after the other, each with the parents' states outermost: a row of data picks one cell of each.

    Args:
        graph: The variables.

    Attributes:
        num_cells: Entries of all tables.
    """

    sizes: Tensor
    offsets: Tensor
    parents: Tensor
    strides: Tensor

    def __init__(self, graph: BayesNetGraph) -> None:
        super().__init__()
        self.shapes = [graph.shape(position) for position in range(len(graph.names))]
        lengths = [prod(shape) for shape in self.shapes]
        self.num_cells = sum(lengths)
        most = max(map(len, graph.parents))
        parents, strides = torch.zeros(2, most, len(lengths), dtype=torch.long)  # a stride of 0 leaves a parent out
        for position, shape in enumerate(self.shapes):
            for number, parent in enumerate(graph.parents[position]):
                parents[number, position] = parent
                strides[number, position] = prod(shape[number + 1 :])
        offsets = torch.tensor([0, *lengths[:-1]]).cumsum(0)
        buffers = {"sizes": torch.tensor(graph.sizes), "offsets": offsets, "parents": parents, "strides": strides}
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer, persistent=False)

    def cells(self, codes: Tensor) -> Tensor:
        """Return which cell of each table rows pick.

        Args:
            codes: Numbers of states, ``(*batch, num_variables)``.

        Returns:
            Positions in the vector, of the same shape.
        """
        cells = self.offsets + codes
        for parents, strides in zip(self.parents, self.strides, strict=True):
            cells = cells + codes[..., parents] * strides
        return cells

    def split(self, flat: Tensor) -> list[Tensor]:
        """Return the tables of a vector, as views."""
        parts = flat.split([prod(shape) for shape in self.shapes])
        return [part.view(shape) for part, shape in zip(parts, self.shapes, strict=True)]
