"""Translation and bounded scaling."""

import torch
from torch import Tensor

from pyrodgm.transforms.bounded import bounded, unbounded
from pyrodgm.transforms.univariate.base import Univariate, check_columns


class Affine(Univariate):
    r""":math:`y = x\, e^{s} + t` with :math:`s = b \tanh(a / b)`, so that no scale leaves :math:`[e^{-b}, e^b]`.

    A bare exponential overflows after a few dozen layers; this is the identity in :math:`a` near zero and bounded.

    Args:
        max_log_scale: The bound :math:`b`.

    Raises:
        ValueError: If the bound is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.Affine().forward_and_ladj(torch.zeros(5, 3), torch.ones(5, 3, 2))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, eq. 4,
        https://arxiv.org/abs/1605.08803
    """

    def __init__(self, *, max_log_scale: float = 3.0) -> None:
        if not max_log_scale > 0:
            raise ValueError(f"Expected max_log_scale > 0; got {max_log_scale}. Give the bound of the log-scale.")
        self.max_log_scale = max_log_scale

    @property
    def num_params(self) -> int:
        """Translation and raw log-scale."""
        return 2

    def _shift_and_log_scale(self, params: Tensor) -> tuple[Tensor, Tensor]:
        # Networks lay parameters out kind by kind and hand over a transposed view: undone, gradients stay contiguous.
        shift, raw = params.mT.unbind(-2) if params.dim() > 1 else params.unbind(-1)
        return shift, bounded(raw, self.max_log_scale)

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Scale, then add."""
        shift, log_scale = self._shift_and_log_scale(params)
        return x * log_scale.exp() + shift, log_scale

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Subtract, then unscale."""
        shift, log_scale = self._shift_and_log_scale(params)
        ladj = -log_scale
        return (y - shift) * ladj.exp(), ladj

    def forward(self, x: Tensor, params: Tensor) -> Tensor:
        """Scale, then add, in as few operations as a step of a sequential draw should cost."""
        shift, log_scale = self._shift_and_log_scale(params)
        return torch.addcmul(shift, x, log_scale.exp())

    def fit_codomain(self, y: Tensor) -> Tensor:
        """Return mean and standard deviation, the latter within the bound of the scale."""
        check_columns(y, 2, what=type(self).__name__)
        return torch.stack([y.mean(0), unbounded(y.std(0).log(), self.max_log_scale)], -1)
