"""A triangular network on vectors: masked dense layers."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.order import along, read_order
from pyrodgm.nn.triangular_net import STARTS, TriangularNet, positive, raw_start, start_layers


class TriangularMLP(TriangularNet):
    r"""Masked dense layers :math:`g = L_3 \tanh(L_2 \tanh(L_1 x))` with a triangular Jacobian of positive diagonal.

    Args:
        input_dim: Number :math:`D` of features.
        num_units: Number of units that each feature has in either hidden layer.
        context_dim: Number of context features; 0 for none.
        order: ``order[k]`` is the feature that comes ``k``-th; ``0 .. D-1`` by default. The ``state_dict`` holds it.

    Raises:
        ValueError: If a size is not positive, or ``order`` is no permutation.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> value, slope = nn.TriangularMLP(3, context_dim=2)(torch.randn(7, 5, 3), torch.randn(5, 2))
        >>> value.shape, slope.shape, bool((slope > 0).all())
        (torch.Size([7, 5, 3]), torch.Size([7, 5, 3]), True)

    References:
        Song, Meng, Ermon (2019), MintNet: Building Invertible Neural Networks with Masked Convolutions,
        https://arxiv.org/abs/1907.07945
    """

    def __init__(
        self,
        input_dim: int,
        *,
        num_units: int = 8,
        context_dim: int = 0,
        order: Sequence[int] | Tensor | None = None,
    ) -> None:
        check_dim("input_dim", input_dim)
        check_dim("num_units", num_units)
        check_dim("context_dim", context_dim, 0)
        given = read_order(order, input_dim)
        sizes = ((1, num_units), (num_units, num_units), (num_units, 1))
        layers = [
            TriangularLinear(input_dim, num_in, num_out, context_dim, start=start)
            for (num_in, num_out), start in zip(sizes, STARTS, strict=True)
        ]
        super().__init__(layers, context_dim)
        start_layers(*(layer.earlier for layer in layers))
        self.event_shape = torch.Size((input_dim,))
        self.register_buffer("order", given)

    def in_order(self, x: Tensor) -> Tensor:
        """Sort the features."""
        return along(x, self.order, -1)

    def back(self, h: Tensor) -> Tensor:
        """Put the features back."""
        return along(h, self.order.argsort(), -1)


class TriangularLinear(nn.Module):
    """A block-triangular dense layer: free weights below the diagonal blocks, positive ones within.

    Args:
        input_dim: Number of features; units are sorted by the feature that they belong to.
        num_in: Number of units of each feature below.
        num_out: Number of units of each feature above.
        context_dim: Number of context features.
        start: Where the raw positive weights begin.
    """

    mask: Tensor

    def __init__(self, input_dim: int, num_in: int, num_out: int, context_dim: int, *, start: float) -> None:
        super().__init__()
        feature = torch.arange(input_dim)
        mask = feature.repeat_interleave(num_out)[:, None] > feature.repeat_interleave(num_in)
        self.register_buffer("mask", mask.to(torch.get_default_dtype()), persistent=False)
        self.earlier = nn.Linear(input_dim * num_in, input_dim * num_out)
        self.own = raw_start(input_dim, num_out, num_in, start)
        self.context_layer = nn.Linear(context_dim, input_dim * num_out, bias=False) if context_dim else None

    def forward(self, h: Tensor, slope: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the layer of ``h``, and of ``slope`` what passes from each feature to itself, ``(num, D * num_out)``.

        Args:
            h: ``(num, D * num_in)``.
            slope: Derivatives of ``h`` by the feature that each belongs to, of the same shape.
            context: ``(num, context_dim)`` or ``None``.
        """
        own = positive(self.own)  # (D, num_out, num_in)
        both = torch.stack((h, slope)).unflatten(-1, own.shape[::2])  # (2, num, D, num_in)
        value, slope = torch.einsum("...di,doi->...do", both, own).flatten(-2).unbind(0)
        value = value + F.linear(h, self.earlier.weight * self.mask, self.earlier.bias)
        if self.context_layer is not None and context is not None:
            value = value + self.context_layer(context)
        return value, slope
