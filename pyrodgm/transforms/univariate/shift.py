"""Translation."""

import torch
from torch import Tensor

from pyrodgm.transforms.univariate.base import Univariate


class Shift(Univariate):
    r""":math:`y = x + t`, the volume-preserving bijection of NICE.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.Shift().forward_and_ladj(torch.zeros(5, 3), torch.ones(5, 3, 1))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))

    References:
        Dinh, Krueger, Bengio (2015), NICE, section 3.2, https://arxiv.org/abs/1410.8516
    """

    @property
    def num_params(self) -> int:
        """The translation."""
        return 1

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Add."""
        y = x + params[..., 0]
        return y, torch.zeros_like(y)

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Subtract."""
        x = y - params[..., 0]
        return x, torch.zeros_like(x)
