"""The monotone rational-quadratic spline, with linear tails or periodic."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.transforms.univariate.base import Univariate
from pyrodgm.transforms.univariate.checks import validation_enabled


class RationalQuadraticSpline(Univariate):
    r"""Monotone rational-quadratic spline on :math:`[-B, B]`, the identity outside, or periodic.

    The parameters are, in this order, ``num_bins`` logits of the bins' widths, as many of their heights, and
    ``num_bins - 1`` raw slopes at the inner knots; at the bounds the slope is 1. All zero makes the identity. Within a
    bin of width :math:`w`, height :math:`h`, mean slope :math:`s = h / w` and end slopes :math:`d_0, d_1`, at the
    fraction :math:`\theta`,

    .. math:: y = y_0 + h\,\frac{s \theta^2 + d_0 \theta (1 - \theta)}{s + (d_0 + d_1 - 2 s)\, \theta (1 - \theta)}.

    Values beyond the bound are clamped before the spline sees them, so that no branch yields NaN or inf, nor do their
    gradients. The discriminant of the inverse is evaluated as a sum of squares and so is never negative. The
    inverse is exact to the rounding of y: where wild parameters make the spline nearly flat, several x share one y.
    Larger ``min_bin`` and ``min_slope`` bound how flat it gets.

    With ``periodic=True`` it is a map of the circle onto itself, for angles (``bound=math.pi``): the slope at both ends
    is one and the same, and learned, so that densities are continuous across the cut. After the spline, the circle is
    turned by a shift :math:`\varphi`: :math:`y = S(x) + \varphi`, wrapped to :math:`[-B, B]`. The parameters are
    ``num_bins`` logits of widths, as many of heights, as many raw slopes, the first at the cut, and the shift, in the
    units of x. There are no tails.

    Args:
        num_bins: Number of bins, at least 2.
        bound: The bound B, in the units of x.
        min_bin: Smallest width and height of a bin, as a fraction of the interval :math:`2 B`.
        min_slope: Smallest slope at a knot.
        periodic: Whether the interval is a circle.

    Raises:
        ValueError: If ``num_bins`` is no integer above 1, ``bound`` is not positive, the smallest bins don't fit into
            the interval, or ``min_slope`` is not between 0 and 1; if ``periodic``, and while validation is on, if a
            value is outside of the interval.

    Example:
        >>> spline = RationalQuadraticSpline(num_bins=4)
        >>> y, ladj = spline.forward_and_ladj(torch.randn(5, 3), torch.randn(5, 3, spline.num_params))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))

    References:
        Durkan, Bekasov, Murray, Papamakarios (2019), Neural Spline Flows, eq. 4-8 and 29-30,
        https://arxiv.org/abs/1906.04032; Rezende et al. (2020), Normalizing Flows on Tori and Spheres, section 2.1,
        https://arxiv.org/abs/2002.02428
    """

    def __init__(
        self,
        num_bins: int = 8,
        *,
        bound: float = 5.0,
        min_bin: float = 1e-3,
        min_slope: float = 1e-3,
        periodic: bool = False,
    ) -> None:
        if isinstance(num_bins, bool) or not isinstance(num_bins, int) or num_bins < 2:
            raise ValueError(f"Expected num_bins to be an integer of at least 2; got {num_bins!r}. Give num_bins >= 2.")
        if not 0 < bound < math.inf:
            raise ValueError(f"Expected a positive bound; got {bound!r}. Give bound > 0.")
        if not 0 < min_bin * num_bins < 1:
            raise ValueError(
                f"Expected 0 < min_bin < 1 / num_bins = {1 / num_bins:.3g}; got {min_bin!r}. Give a smaller min_bin."
            )
        if not 0 < min_slope < 1:
            raise ValueError(f"Expected 0 < min_slope < 1; got {min_slope!r}. Give a min_slope between 0 and 1.")
        self.num_bins = num_bins
        self.bound = float(bound)
        self.min_bin = float(min_bin)
        self.min_slope = float(min_slope)
        self.periodic = periodic
        self._slope_offset = math.log(math.expm1(1.0 - min_slope))  # a raw slope of 0 is a slope of 1

    @property
    def domain(self) -> constraints.Constraint:
        """The line, or the circle."""
        return constraints.interval(-self.bound, self.bound) if self.periodic else constraints.real

    @property
    def codomain(self) -> constraints.Constraint:
        """The line, or the circle."""
        return self.domain

    @property
    def num_params(self) -> int:
        """Number of parameters of one feature."""
        return 3 * self.num_bins + 1 if self.periodic else 3 * self.num_bins - 1

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to y.

        Args:
            x: Values of shape (*shape).
            params: Parameters of shape (*shape, num_params), or broadcastable to it.

        Returns:
            y and log|dy/dx|, both of shape (*shape).
        """
        if not self.periodic:
            return self._spline(x, params)
        self._check_inside(x)
        y, ladj = self._spline(x, params[..., :-1])
        return self._wrapped(y + params[..., -1]), ladj

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Map y to x.

        Args:
            y: Values of shape (*shape).
            params: Parameters of shape (*shape, num_params), or broadcastable to it.

        Returns:
            x and log|dx/dy|, both of shape (*shape).
        """
        if not self.periodic:
            return self._inverse_spline(y, params)
        self._check_inside(y)
        return self._inverse_spline(self._wrapped(y - params[..., -1]), params[..., :-1])

    def _check_inside(self, value: Tensor) -> None:
        """Refuse values off the circle, while validation is on."""
        if not validation_enabled():
            return
        inside = value.abs() <= self.bound
        if not inside.all():
            raise ValueError(
                f"Expected values within [-{self.bound:g}, {self.bound:g}]; got {value[~inside][0].item():.6g}. "
                "Wrap angles first: torch.remainder(x + bound, 2 * bound) - bound."
            )

    def _wrapped(self, value: Tensor) -> Tensor:
        """Take whole turns off, without touching values that lie within."""
        value = value - 2 * self.bound * (value.detach() * (0.5 / self.bound)).round()
        return value + (value.clamp(-self.bound, self.bound) - value).detach()  # what rounding put beyond

    def _spline(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        x, inner, (x0, x1, y0, y1, d0, d1) = self._bin_of(x, params, search=0)
        width, height = x1 - x0, y1 - y0
        s = height / width
        theta = (inner - x0) / width
        rest = 1 - theta
        product = theta * rest
        denominator = s + (d0 + d1 - 2 * s) * product
        y = y0 + height * theta * (s * theta + d0 * rest) / denominator
        slope = (d1 * theta.square() + 2 * s * product + d0 * rest.square()) * (s / denominator).square()
        is_inner = inner == x
        return torch.where(is_inner, y, x), torch.where(is_inner, slope.log(), 0.0)

    def _inverse_spline(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        y, inner, (x0, x1, y0, y1, d0, d1) = self._bin_of(y, params, search=1)
        width, height = x1 - x0, y1 - y0
        s = height / width
        eta = (inner - y0) / height
        rest = 1 - eta
        # The quadratic's discriminant is m^2 + 4 s^2 eta (1 - eta) with m below. Its root is taken from the left end
        # of the bin where m >= 0 and from the right end elsewhere: both are free of cancellation.
        m = d0 * rest - d1 * eta
        root = (m.square() + 4 * s.square() * eta * rest).sqrt()
        from_left = m >= 0
        near = 2 * s * torch.where(from_left, eta, rest)
        fraction = near / (near + root + torch.where(from_left, m, -m))
        theta = torch.where(from_left, fraction, 1 - fraction)
        denominator = s + (d0 + d1 - 2 * s) * theta * (1 - theta)
        is_inner = inner == y
        x = torch.where(is_inner, x0 + width * theta, y)
        return x, torch.where(is_inner, (denominator / (s * root)).log(), 0.0)

    def _bin_of(self, value: Tensor, params: Tensor, *, search: int) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Find the bin of each value among the knots of x (``search=0``) or of y (``search=1``).

        Everything lies in planes: the parameters' dimension comes first, so that each step runs over contiguous
        memory, and one gather fetches all that is needed of a bin.

        Returns:
            The value and the value clamped to the bound, of the broadcast shape (*shape), and the bin's
            x0, x1, y0, y1, d0, d1, each (*shape).
        """
        value, _ = torch.broadcast_tensors(value, params[..., 0])
        num_dims, num_bins, bound = value.dim(), self.num_bins, self.bound
        params = params[(None,) * (num_dims + 1 - params.dim())]
        logits, raw_slopes = params.movedim(-1, 0).contiguous().tensor_split([2 * num_bins])
        fractions = logits.unflatten(0, (2, num_bins)).softmax(1)[:, :-1].cumsum(1)  # (2, num_bins - 1, *shape)
        steps = torch.arange(1, num_bins, dtype=params.dtype, device=params.device)
        offset = (steps * (2 * bound * self.min_bin) - bound).view(-1, *[1] * num_dims)
        knots = torch.add(offset, fractions, alpha=2 * bound * (1 - num_bins * self.min_bin))
        inner = value.clamp(-bound, bound)
        index = (inner >= knots[search]).sum(0)  # (*shape)

        low, high, ends = (torch.full_like(raw_slopes[:1], end) for end in (-bound, bound, 0.0))
        if self.periodic:
            ends, raw_slopes = raw_slopes.tensor_split([1])
        table = torch.cat([low, knots[0], high, low, knots[1], high, ends, raw_slopes, ends]).unflatten(0, (3, -1))
        both = torch.stack([index, index + 1]).expand(3, 2, *value.shape)
        x0, x1, y0, y1, d0, d1 = table.expand(-1, -1, *value.shape).gather(1, both).flatten(0, 1).unbind()
        d0, d1 = (F.softplus(d + self._slope_offset) + self.min_slope for d in (d0, d1))
        return value, inner, (x0, x1, y0, y1, d0, d1)
