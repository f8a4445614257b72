"""A univariate bijection the other way round."""

from torch import Tensor
from torch.distributions import constraints

from pyrodgm.transforms.univariate.base import Univariate


class InverseUnivariate(Univariate):
    r""":math:`y = f^{-1}(x; \theta)`, with the parameters, and domain and codomain exchanged.

    It lets a family whose inverse is the fast or exact direction be trained in that direction, from the data.

    Args:
        univariate: The family :math:`f` to turn around.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> univariate = transforms.InverseUnivariate(transforms.Affine())
        >>> y, ladj = univariate.forward_and_ladj(torch.randn(5, 3), torch.randn(5, 3, univariate.num_params))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))
    """

    def __init__(self, univariate: Univariate) -> None:
        self.univariate = univariate

    @property
    def domain(self) -> constraints.Constraint:
        """What the turned family returns."""
        return self.univariate.codomain

    @property
    def codomain(self) -> constraints.Constraint:
        """What the turned family takes."""
        return self.univariate.domain

    @property
    def num_params(self) -> int:
        """Those of the turned family."""
        return self.univariate.num_params

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Run the inverse."""
        return self.univariate.inverse_and_ladj(x, params)

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Run the turned family."""
        return self.univariate.forward_and_ladj(y, params)

    def fit_domain(self, x: Tensor) -> Tensor | None:
        """Return what the turned family makes of data on that side."""
        return self.univariate.fit_codomain(x)

    def fit_codomain(self, y: Tensor) -> Tensor | None:
        """Return what the turned family makes of data on that side."""
        return self.univariate.fit_domain(y)
