"""A univariate bijection with parameters of its own."""

import torch
from torch import Tensor, nn

from pyrodgm.transforms.bijection import Bijection, check_input_dim
from pyrodgm.transforms.univariate.base import Univariate


class Elementwise(Bijection):
    r"""Each feature through its own learned bijection, :math:`y_i = f(x_i; \theta_i)`; starts at the identity.

    With :class:`~pyrodgm.transforms.Affine` it is the diagonal scaling that ends NICE.

    Args:
        univariate: The family.
        input_dim: Number of features.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.Elementwise(transforms.Affine(), 3).forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))

    References:
        Dinh, Krueger, Bengio (2015), NICE, section 3.3, https://arxiv.org/abs/1410.8516
    """

    def __init__(self, univariate: Univariate, input_dim: int) -> None:
        super().__init__()
        check_input_dim(input_dim)
        self.univariate = univariate
        self.params = nn.Parameter(torch.zeros(input_dim, univariate.num_params))

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Apply to each feature."""
        y, ladj = self.univariate.forward_and_ladj(x, self.params)
        return y, ladj.expand_as(y).sum(-1)

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Invert each feature."""
        x, ladj = self.univariate.inverse_and_ladj(y, self.params)
        return x, ladj.expand_as(x).sum(-1)
