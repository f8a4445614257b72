"""The contract of an elementwise bijection whose parameters come from elsewhere."""

from abc import ABC, abstractmethod

from torch import Tensor
from torch.distributions import constraints

from pyrodgm.transforms.moments import check_spread


class Univariate(ABC):
    r"""A small immutable family of bijections of the real line, :math:`y = f(x; \theta)`.

    It owns no parameters: :class:`~pyrodgm.transforms.Coupling` and
    :class:`~pyrodgm.transforms.MaskedAutoregressive` take them from a network,
    :class:`~pyrodgm.transforms.Elementwise` learns them. Zero parameters mean the identity, where domain and codomain
    are the whole line.
    """

    @property
    def domain(self) -> constraints.Constraint:
        """What one ``x`` may be."""
        return constraints.real

    @property
    def codomain(self) -> constraints.Constraint:
        """What one ``y`` may be."""
        return constraints.real

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

    def fit_domain(self, x: Tensor) -> Tensor | None:
        """Return parameters under which ``f`` of data ``x``, ``(num, D)``, is about standard, or ``None``.

        Returns:
            ``(D, num_params)``, where the family knows how to set itself from data on the side of its domain.
        """
        return None

    def fit_codomain(self, y: Tensor) -> Tensor | None:
        """Return parameters under which the inverse of data ``y``, ``(num, D)``, is about standard, or ``None``.

        Returns:
            ``(D, num_params)``, where the family knows how to set itself from data on the side of its codomain.
        """
        return None


def check_columns(data: Tensor, num_rows: int, *, what: str) -> None:
    """Refuse data that parameters cannot be set from.

    Raises:
        ValueError: If there are fewer rows than ``num_rows``, or columns that are constant, which are named.
    """
    if len(data) < num_rows:
        raise ValueError(f"Expected at least {num_rows} rows to initialize {what}; got {len(data)}. Pass more data.")
    check_spread(data, what=what)
