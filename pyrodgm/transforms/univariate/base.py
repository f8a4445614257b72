"""The contract of an elementwise bijection whose parameters come from elsewhere."""

from abc import ABC, abstractmethod

from torch import Tensor


class Univariate(ABC):
    r"""A small immutable family of bijections of the real line, :math:`y = f(x; \theta)`.

    It owns no parameters: :class:`~pyrodgm.transforms.Coupling` and
    :class:`~pyrodgm.transforms.MaskedAutoregressive` take them from a network,
    :class:`~pyrodgm.transforms.Elementwise` learns them. Zero parameters mean the identity.
    """

    @property
    @abstractmethod
    def num_params(self) -> int:
        """Number of parameters of one variable."""

    @abstractmethod
    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``y`` and elementwise ``log|dy/dx|``, each ``(*shape)``.

        Args:
            x: ``(*shape)``.
            params: ``(*shape, num_params)``.
        """

    @abstractmethod
    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``x`` and elementwise ``log|dx/dy|``, each ``(*shape)``."""

    def forward(self, x: Tensor, params: Tensor) -> Tensor:
        """Return ``y`` alone: the step of a sequential draw, where the log-derivative comes later at once."""
        return self.forward_and_ladj(x, params)[0]
