"""The log-odds of a probability, and its inverse."""

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import logsigmoid

from pyrodgm.transforms.univariate.base import Univariate
from pyrodgm.transforms.univariate.checks import check_inside, clamp_inside
from pyrodgm.transforms.univariate.quantile import Quantile


class Logit(Quantile):
    r""":math:`y = \log x - \log(1 - x)` from the open unit interval to the line: the logistic quantile function.

    The log-derivative is :math:`-\log x - \log(1 - x)`. No parameters. Of an ``x`` near one, :math:`1 - x` is only as
    exact as ``x``; behind the distribution function of a mixture, :class:`~pyrodgm.transforms.Normalized` is exact.

    Raises:
        ValueError: From ``forward_and_ladj`` while validation is on, if a value is not inside (0, 1).

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.Logit().forward_and_ladj(torch.rand(5, 3), torch.zeros(5, 3, 0))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, section 4.1,
        https://arxiv.org/abs/1605.08803
    """

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Take the log-odds."""
        check_inside(x, "Scale the data into the open interval, for instance by LogitTransform(alpha=0.05).")
        log_x, log_rest = x.log(), (-x).log1p()
        return log_x - log_rest, -log_x - log_rest

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Take the probability, kept inside (0, 1) where it rounds to an end."""
        return clamp_inside(y.sigmoid()), logsigmoid(y) + logsigmoid(-y)

    def of_tails(self, log_cdf: Tensor, log_sf: Tensor) -> tuple[Tensor, Tensor]:
        """Subtract."""
        return log_cdf - log_sf, -torch.maximum(log_cdf, log_sf)


class Sigmoid(Univariate):
    r""":math:`y = 1 / (1 + e^{-x})` from the line to the open unit interval; the inverse of :class:`Logit`.

    No parameters. Values that round to 0 or 1 are moved to the nearest number inside.

    Raises:
        ValueError: From ``inverse_and_ladj`` while validation is on, if a value is not inside (0, 1).

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.Sigmoid().forward_and_ladj(torch.randn(5, 3), torch.zeros(5, 3, 0))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))
    """

    @property
    def codomain(self) -> constraints.Constraint:
        """Probabilities."""
        return constraints.unit_interval

    @property
    def num_params(self) -> int:
        """None."""
        return 0

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Take the probability."""
        return Logit().inverse_and_ladj(x, params)

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Take the log-odds."""
        return Logit().forward_and_ladj(y, params)
