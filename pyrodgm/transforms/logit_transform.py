"""The unit interval, with a margin, as the image of the line."""

import math

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import logsigmoid

from pyrodgm.transforms.bijection import Bijection
from pyrodgm.transforms.univariate.checks import validation_enabled


class LogitTransform(Bijection):
    r"""Data in :math:`[0, 1]` from the line: :math:`y = \frac{\mathrm{sigmoid}(x) - \alpha}{1 - 2 \alpha}`.

    The inverse, from data to base, is :math:`x = \mathrm{logit}(\alpha + (1 - 2 \alpha)\, y)`, with

    .. math:: \log\left|\tfrac{dx}{dy}\right| = \log(1 - 2 \alpha) - \log p - \log(1 - p),
        \quad p = \alpha + (1 - 2 \alpha)\, y

    in each variable, in nats. The image is the open interval from :math:`-\alpha / (1 - 2 \alpha)` to
    :math:`(1 - \alpha) / (1 - 2 \alpha)`: with :math:`\alpha > 0` it holds 0 and 1 themselves, and data there are not
    sent far out; a density may then leave some of its mass outside of :math:`[0, 1]`. With :math:`\alpha = 0` it is
    the open unit interval. Draws that would round to an end of the interval stay inside.

    Args:
        alpha: The margin :math:`\alpha`, from 0 to below one half.
        event_dim: Number of dimensions over which log-determinants are summed.

    Raises:
        ValueError: If ``alpha`` is out of range; while validation is on, if a value to be inverted lies outside.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> x, ladj = transforms.LogitTransform(alpha=0.05).inverse_and_ladj(torch.rand(5, 3))
        >>> x.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, section 4.1,
        https://arxiv.org/abs/1605.08803; Papamakarios, Pavlakou, Murray (2017), Masked Autoregressive Flow for Density
        Estimation, appendix on MNIST and CIFAR-10, https://arxiv.org/abs/1705.07057
    """

    def __init__(self, alpha: float = 0.05, *, event_dim: int = 1) -> None:
        if not 0 <= alpha < 0.5:
            raise ValueError(f"Expected alpha in [0, 0.5); got {alpha}. It is the margin at either end; 0.05 is usual.")
        super().__init__(event_dim=event_dim)
        self.alpha = float(alpha)
        self.width = 1.0 - 2.0 * self.alpha

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends of the image."""
        margin = self.alpha / self.width
        return 0.0 - margin, 1.0 + margin

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> constraints.Constraint:
        """The interval, in each variable."""
        return constraints.independent(constraints.interval(*self.bounds), self.event_dim)

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Squash, then widen."""
        finfo = torch.finfo(x.dtype)
        # Without a margin y is as fine as p near 0; with one, y is rounded at the scale of its own ends.
        low, high = (4 * finfo.eps, 1.0 - 4 * finfo.eps) if self.alpha else (finfo.tiny, 1.0 - finfo.eps)
        p = x.sigmoid().clamp(low, high)
        ladj = logsigmoid(x) + logsigmoid(-x) - math.log(self.width)
        return (p - self.alpha) / self.width, self._sum(ladj)

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Narrow, then take the logit."""
        if validation_enabled():
            self._check_inside(y)
        # Each from its own end of the interval: 1 - p of a p near one would have lost its digits.
        log_p = (self.alpha + self.width * y).log()
        log_q = (self.alpha + self.width * (1.0 - y)).log()
        ladj = math.log(self.width) - log_p - log_q
        return log_p - log_q, self._sum(ladj)

    def _sum(self, ladj: Tensor) -> Tensor:
        return ladj.sum(tuple(range(-self.event_dim, 0))) if self.event_dim else ladj

    def _check_inside(self, y: Tensor) -> None:
        low, high = self.bounds
        outside = ~((y > low) & (y < high))
        if outside.any():
            advice = "Scale the data to it." if self.alpha else "Dequantize the data, or give alpha > 0, a margin."
            advice += " Of bytes, divide by 256, or use models.Dequantized(flow, num_levels=256)."
            raise ValueError(
                f"Expected values inside the open interval ({low:.6g}, {high:.6g}) of LogitTransform(alpha="
                f"{self.alpha:g}); got {y[outside][0].item():.6g}. {advice}"
            )
