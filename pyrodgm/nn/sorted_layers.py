"""The layers of a masked network as whoever draws through it wants them: everything in the order."""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class SortedLayers:
    """Layers whose hidden units are sorted by degree, the number of features that a unit may see.

    Then a unit reads the first so many units of the layer below, and products with slices need no masks.

    Attributes:
        order: ``(D,)``; ``order[k]`` is the feature that comes ``k``-th.
        num_params: Number of outputs a feature.
        weights: From the input to the output; the first has its columns in the order, the last its rows kind by kind,
            ``(num_params, D)``, by feature. Masked only where the order is not all that masks.
        biases: As many.
        degrees: Of each hidden layer's units, rising.
        num_known: ``num_known[l][d]``: how many units of hidden layer ``l`` have a degree of at most ``d``.
        activation: Between layers.
        context_weight: Of what a context adds to the first layer, or ``None``.
        direct: Weights from the input to the output, columns in the order and rows as the last layer's, or ``None``.
    """

    order: Tensor
    num_params: int
    weights: list[Tensor]
    biases: list[Tensor]
    degrees: list[Tensor]
    num_known: list[list[int]]
    activation: nn.Module
    context_weight: Tensor | None = None
    direct: Tensor | None = None

    @property
    def input_dim(self) -> int:
        """Number of features."""
        return len(self.order)
