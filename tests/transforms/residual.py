"""A bijection without a closed-form inverse, for the tests of numerical ones."""

import torch
from torch import Tensor, nn

from pyrodgm import transforms


class Residual(transforms.Bijection):
    r""":math:`y = x + 0.7 \tanh(W x / \max(1, |W|_F) + V c)`: a contraction away from the identity at any ``W``."""

    def __init__(self, input_dim: int, context_dim: int = 0) -> None:
        super().__init__(context_dim=context_dim)
        self.weight = nn.Parameter(torch.randn(input_dim, input_dim))
        self.context_layer = nn.Linear(context_dim, input_dim) if context_dim else None

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        weight = self.weight / torch.linalg.matrix_norm(self.weight).clamp_min(1)
        h = x @ weight.mT
        t = (h if self.context_layer is None else h + self.context_layer(context)).tanh()
        jacobian = torch.eye(x.shape[-1], dtype=x.dtype) + 0.7 * (1 - t * t).unsqueeze(-1) * weight
        return x + 0.7 * t, torch.linalg.slogdet(jacobian)[1]

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        raise AssertionError("the inverse of a bijection under numerical_inverse is never called")
