"""What keeps a discriminator smooth."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

Scorer = Callable[[Tensor], Tensor]


class Regularizer:
    """A part of a list of regularisers; each may act at any of these places, and by default at none."""

    def prepare(self, discriminator: nn.Module) -> None:
        """Change a discriminator before training, or refuse it."""

    def perturb(self, x: Tensor) -> Tensor:
        """Return what the discriminator is shown of a batch, real or fake."""
        return x

    def constrain(self, discriminator: nn.Module) -> None:
        """Change the weights of a discriminator after each of its steps."""


class Penalty(Regularizer, ABC):
    """A regulariser that adds a term to the discriminator's loss.

    Args:
        weight: Factor of the term, at least 0.

    Raises:
        ValueError: If ``weight`` is negative.
    """

    def __init__(self, weight: float) -> None:
        if not 0 <= weight < float("inf"):
            raise ValueError(f"Expected weight of at least 0; got {weight}. It is the factor of the penalty.")
        self.weight = weight

    @abstractmethod
    def __call__(self, discriminator: Scorer, real: Tensor, fake: Tensor) -> Tensor:
        """Return the term.

        Args:
            discriminator: Maps rows to scores, one a row.
            real: ``(num, ...)``.
            fake: As ``real``.
        """
