"""The fully connected vector field of continuous flows."""

import itertools
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.concat_squash import ConcatSquash
from pyrodgm.nn.mlp import check_dim, check_inputs, shrink
from pyrodgm.nn.smooth import check_smooth
from pyrodgm.nn.time_gates import TimeGates


class ConcatSquashMLP(ConcatSquash):
    r"""A vector field of layers :math:`h \leftarrow a\big((W h + b) \odot \sigma(G [t, c] + g) + S [t, c]\big)`.

    Time and context open and close units and shift them; the last layer has no activation. Products with the Jacobian
    are written out: they take one product of matrices a layer beside the velocity's own.

    Args:
        input_dim: Number :math:`D` of features of z, and of the velocity.
        hidden_dims: Widths of the hidden layers; empty makes the field linear in z.
        context_dim: Number of context features; 0 means no context.
        activation: Class of the nonlinearity, ``torch.nn.Tanh`` or ``torch.nn.Softplus``: both are smooth.
        zero_init: Shrink the last layer to a thousandth of its usual start, so that a flow along the field starts close
            to its identity.

    Raises:
        ValueError: If a size is not positive or the activation not smooth; when called, if z or the context has another
            width.

    Example:
        >>> import torch
        >>> field = ConcatSquashMLP(3, hidden_dims=(16,), context_dim=2)
        >>> field(torch.tensor(0.5), torch.randn(7, 5, 3), torch.randn(5, 2)).shape
        torch.Size([7, 5, 3])

    References:
        Grathwohl, Chen, Bettencourt, Sutskever, Duvenaud (2019), FFJORD, https://arxiv.org/abs/1810.01367, whose
        published code names the layer
    """

    def __init__(
        self,
        input_dim: int,
        *,
        hidden_dims: Sequence[int] = (64, 64),
        context_dim: int = 0,
        activation: type[nn.Module] = nn.Tanh,
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        self.input_dim = check_dim("input_dim", input_dim)
        self.context_dim = check_dim("context_dim", context_dim, 0)
        self.hidden_dims = tuple(check_dim("hidden_dims", width) for width in hidden_dims)
        self.activation = check_smooth(activation)
        widths = (input_dim, *self.hidden_dims, input_dim)
        layers = [nn.Linear(before, after) for before, after in itertools.pairwise(widths)]
        if zero_init:
            shrink(layers[-1])
        self.layers = nn.ModuleList(layers)
        self.gates = TimeGates(widths[1:], context_dim, zero_init=zero_init)

    def check(self, z: Tensor) -> None:
        """Refuse another width."""
        check_inputs(self.input_dim, 0, z, None)

    def linear(self, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Multiply by a matrix."""
        return F.linear(h, weight, bias)
