"""The quantile function of the standard normal."""

import math

import torch
from torch import Tensor

from pyrodgm.transforms.univariate.checks import check_inside, clamp_inside
from pyrodgm.transforms.univariate.quantile import Quantile

LOG_SQRT_TAU = 0.5 * math.log(2 * math.pi)
NUM_FAR_STEPS = 6


class NormalQuantile(Quantile):
    r""":math:`y = \Phi^{-1}(x)` from the open unit interval to the line: a uniform variable becomes standard normal.

    The log-derivative is :math:`\frac{1}{2} y^2 + \frac{1}{2} \log 2 \pi`. No parameters. Of an ``x`` near one,
    :math:`1 - x` is only as exact as ``x``; behind the distribution function of a mixture,
    :class:`~pyrodgm.transforms.Normalized` is exact however far out.

    Raises:
        ValueError: From ``forward_and_ladj`` while validation is on, if a value is not inside (0, 1).

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.NormalQuantile().forward_and_ladj(torch.rand(5, 3), torch.zeros(5, 3, 0))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))

    References:
        Chen, Gopinath (2000), Gaussianization, NIPS 13, section 2.
    """

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Take the quantile."""
        check_inside(x, "Scale the data into the open interval, or put a distribution function before the quantile.")
        y = torch.special.ndtri(x)
        return y, 0.5 * y.square() + LOG_SQRT_TAU

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Take the probability, kept inside (0, 1) where it rounds to an end."""
        return clamp_inside(0.5 * torch.erfc(y * -math.sqrt(0.5))), -0.5 * y.square() - LOG_SQRT_TAU

    def of_tails(self, log_cdf: Tensor, log_sf: Tensor) -> tuple[Tensor, Tensor]:
        r"""Return the quantile from the smaller tail, exact to rounding however small it is.

        The gradient is the closed form :math:`dy / d\log u = u / \varphi(y)`, of first order.
        """
        is_upper = log_sf < log_cdf
        log_tail = torch.where(is_upper, log_sf, log_cdf)
        with torch.no_grad():
            lower, mills = _quantile_of_log(log_tail)
            sign = torch.where(is_upper, -1.0, 1.0).to(lower.dtype)
        # The difference is zero and carries the gradient: of y, and of log(mills), which is 1 + y mills by log_tail.
        change = log_tail - log_tail.detach()
        y = sign * torch.addcmul(lower, mills, change)
        return y, torch.addcmul(mills.log(), torch.addcmul(torch.ones_like(lower), lower, mills), change)


def _quantile_of_log(log_p: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return the normal quantile ``y`` of ``exp(log_p)``, at most a half, and Mills' ratio :math:`p / \varphi(y)`."""
    log_tiny = math.log(torch.finfo(log_p.dtype).tiny)
    y = torch.special.ndtri(log_p.clamp_min(log_tiny).exp())
    mills = (log_p + (0.5 * y.square() + LOG_SQRT_TAU)).exp()
    is_far = log_p < log_tiny
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        far = _far_quantile(log_p.clamp_max(log_tiny))
        return torch.where(is_far, far[0], y), torch.where(is_far, far[1], mills)
    if not is_far.any():
        return y, mills
    far = _far_quantile(log_p[is_far])
    return y.masked_scatter(is_far, far[0]), mills.masked_scatter(is_far, far[1])


def _far_quantile(log_p: Tensor) -> tuple[Tensor, Tensor]:
    r"""Solve :math:`\log p = \log\varphi(y) + \log m(y)`, :math:`m(y) = (1 - y^{-2} + 3 y^{-4} - \dots) / |y|`.

    The fixed point is found by a contraction by :math:`1 / y^2`, below 1/150 where this is needed.
    """
    square = -2 * log_p
    for _ in range(NUM_FAR_STEPS):
        r = 1 / square
        series = 1 - r * (1 - r * (3 - r * (15 - r * (105 - r * 945))))
        square = -2 * log_p - 2 * LOG_SQRT_TAU - square.log() + 2 * series.log()
    size = square.sqrt()
    return -size, series / size
