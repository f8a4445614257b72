"""Reordering of features."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyrodgm.transforms.bijection import Bijection


class Permute(Bijection):
    r"""A fixed permutation, :math:`y_i = x_{\pi(i)}`; its log-determinant is zero.

    Args:
        permutation: The order :math:`\pi`, each of ``0 .. D-1`` once.

    Raises:
        ValueError: If it is not a permutation; when called, if events are of another width.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> transforms.Permute([2, 0, 1])(torch.randn(5, 3)).shape
        torch.Size([5, 3])
    """

    permutation: Tensor
    inverse_permutation: Tensor

    def __init__(self, permutation: Sequence[int] | Tensor) -> None:
        super().__init__()
        order = torch.as_tensor(permutation)
        if order.dim() != 1 or order.is_floating_point() or sorted(order.tolist()) != list(range(len(order))):
            raise ValueError(
                f"Expected a permutation of 0 .. {max(order.numel() - 1, 0)}; got {order.tolist()}. "
                "Name each feature once."
            )
        self.register_buffer("permutation", order.long())
        self.register_buffer("inverse_permutation", order.argsort())

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Take features in the given order."""
        self._check_width(x)
        return x.index_select(-1, self.permutation), x.new_zeros(x.shape[:-1])

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Put features back."""
        self._check_width(y)
        return y.index_select(-1, self.inverse_permutation), y.new_zeros(y.shape[:-1])

    def _check_width(self, x: Tensor) -> None:
        if x.shape[-1] != len(self.permutation):
            raise ValueError(
                f"Expected events of shape (*batch, {len(self.permutation)}); got {tuple(x.shape)}. "
                "Build the permutation for the width of the events."
            )


class Flip(Bijection):
    r"""The reversal of features, :math:`y_i = x_{D+1-i}`.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> transforms.Flip()(torch.randn(5, 3)).shape
        torch.Size([5, 3])
    """

    def __init__(self) -> None:
        super().__init__()

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Reverse."""
        return x.flip(-1), x.new_zeros(x.shape[:-1])

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Reverse again."""
        return self.forward_and_ladj(y)
