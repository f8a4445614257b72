"""Univariate bijections one after the other, as one."""

from collections.abc import Iterable
from itertools import pairwise

from torch import Tensor
from torch.distributions import constraints

from pyrodgm.transforms.univariate.base import Univariate


class Chain(Univariate):
    r""":math:`y = f_n(\dots f_1(x; \theta_1) \dots; \theta_n)`: the first is nearest to the base.

    The parameters are those of the parts, in order. A quantile function after a mixture's distribution function is
    exact in both tails as :class:`~pyrodgm.transforms.Normalized` only.

    Args:
        univariates: The parts, each taking what the one before returns.

    Raises:
        ValueError: If the list is empty, or a part takes other values than the one before returns.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> chain = transforms.Chain([transforms.MixtureLogisticCDF(3), transforms.Logit(), transforms.Affine()])
        >>> y, ladj = chain.forward_and_ladj(torch.randn(5, 3), torch.randn(5, 3, chain.num_params))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))
    """

    def __init__(self, univariates: Iterable[Univariate]) -> None:
        self.univariates = tuple(univariates)
        if not self.univariates:
            raise ValueError("Expected at least one univariate; got an empty list. Give the parts of the chain.")
        for one, other in pairwise(self.univariates):
            if str(one.codomain) != str(other.domain):
                raise ValueError(
                    f"Expected a univariate that takes what {type(one).__name__} returns, {one.codomain}; got "
                    f"{type(other).__name__}, which takes {other.domain}. Put a map from one to the other between them."
                )

    @property
    def domain(self) -> constraints.Constraint:
        """What the first takes."""
        return self.univariates[0].domain

    @property
    def codomain(self) -> constraints.Constraint:
        """What the last returns."""
        return self.univariates[-1].codomain

    @property
    def num_params(self) -> int:
        """Those of all parts."""
        return sum(part.num_params for part in self.univariates)

    def _split(self, params: Tensor) -> tuple[Tensor, ...]:
        return params.split([part.num_params for part in self.univariates], -1)

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Run from first to last, adding up log-derivatives."""
        (first, theta), *rest = zip(self.univariates, self._split(params), strict=True)
        y, total = first.forward_and_ladj(x, theta)
        for part, theta in rest:
            y, ladj = part.forward_and_ladj(y, theta)
            total = total + ladj
        return y, total

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Run the inverses from last to first."""
        (last, theta), *rest = reversed(list(zip(self.univariates, self._split(params), strict=True)))
        x, total = last.inverse_and_ladj(y, theta)
        for part, theta in rest:
            x, ladj = part.inverse_and_ladj(x, theta)
            total = total + ladj
        return x, total

    def forward(self, x: Tensor, params: Tensor) -> Tensor:
        """Run from first to last, without log-derivatives."""
        for part, theta in zip(self.univariates, self._split(params), strict=True):
            x = part.forward(x, theta)
        return x
