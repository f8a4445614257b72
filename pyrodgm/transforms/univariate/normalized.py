"""A mixture's distribution function and then a quantile function, without passing through a probability."""

import torch
from torch import Tensor

from pyrodgm.transforms.root import solve_increasing
from pyrodgm.transforms.univariate.base import Univariate
from pyrodgm.transforms.univariate.mixture_cdf import MixtureCDF
from pyrodgm.transforms.univariate.quantile import Quantile


class Normalized(Univariate):
    r""":math:`y = q(F(x))` from the line to the line: a variable with distribution function :math:`F` gets that of q.

    Chained, the two pass through a float in (0, 1), which rounds to 1 where the upper tail begins (8 standard
    deviations out in float64, 5 in float32). Here the quantile is taken of :math:`\log F` and :math:`\log(1 - F)`,
    exact to rounding however far out: for a normal, ``x`` of 40 and beyond. With :math:`f = F'`,
    :math:`\log|dy/dx| = \log f(x) + \log q'(F(x))`.

    The identity at zero parameters where both are of one family: a mixture of logistics with
    :class:`~pyrodgm.transforms.Logit`, or of normals with :class:`~pyrodgm.transforms.NormalQuantile`. From ``x`` to
    ``y`` in closed form; from ``y`` to ``x`` by Newton's steps inside a bracket, with the implicit function's gradients
    (of first order). To train a density with it, put it the other way round by
    :class:`~pyrodgm.transforms.InverseUnivariate`.

    Args:
        cdf: The distribution function :math:`F`.
        quantile: The quantile function :math:`q`.

    Raises:
        ValueError: From ``inverse_and_ladj``, if the search does not converge.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> univariate = transforms.Normalized(transforms.MixtureNormalCDF(4), transforms.NormalQuantile())
        >>> y, ladj = univariate.forward_and_ladj(torch.randn(5, 3), torch.randn(5, 3, univariate.num_params))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))

    References:
        Chen, Gopinath (2000), Gaussianization, NIPS 13; Meng, Song, Song, Ermon (2020), Gaussianization Flows,
        section 3.1, https://arxiv.org/abs/2003.01941
    """

    def __init__(self, cdf: MixtureCDF, quantile: Quantile) -> None:
        self.cdf = cdf
        self.quantile = quantile

    @property
    def num_params(self) -> int:
        """Those of the mixture."""
        return self.cdf.num_params

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Take the quantile of the tails."""
        log_cdf, log_sf, log_hazard = self.cdf.tails_and_hazard(x, params)
        y, log_slope = self.quantile.of_tails(log_cdf, log_sf)
        return y, log_hazard + log_slope

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Solve for x."""

        def value_and_derivative(x: Tensor) -> tuple[Tensor, Tensor]:
            value, ladj = self.forward_and_ladj(x, params)
            return value, ladj.exp()

        with torch.no_grad():
            low, high = self.cdf.bracket(y, params)  # right where both are of one family, and widened where not
        x = solve_increasing(value_and_derivative, y, low, high, what=type(self).__name__)
        return x, -self.forward_and_ladj(x, params)[1]

    def fit_domain(self, x: Tensor) -> Tensor:
        """Return parameters of a mixture like the data's distribution, ``(D, num_params)``."""
        return self.cdf.fit_domain(x)
