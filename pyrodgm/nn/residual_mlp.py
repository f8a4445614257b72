"""A fully connected residual network with an optional context."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.mlp import check_dim, check_inputs, input_layers, shrink


class ResidualMLP(nn.Module):
    r"""Residual network of blocks of equal width, :math:`h \leftarrow h + W_2\, a(W_1\, a(h) + b_1) + b_2`.

    The activations come before the linear layers, so that an uninterrupted sum leads from the input to the output. A
    context is projected once and added to the first layer, as in :class:`~pyrodgm.nn.MLP`.

    Args:
        input_dim: Number of features of x; with 0 the output depends on the context and the biases alone.
        output_dim: Number of outputs.
        hidden_dim: Width of every hidden layer.
        num_blocks: Number of residual blocks, of two layers each.
        context_dim: Number of context features; 0 means no context.
        activation: Class of the nonlinearity, called without arguments.
        zero_init: Shrink the last layer to a thousandth of its usual start, so that a flow whose parameters come from
            this network starts close to its identity.

    Raises:
        ValueError: If a size is no positive integer (``input_dim`` and ``context_dim`` may be 0), or, when called, if
            x or the context has another width.

    Example:
        >>> net = ResidualMLP(3, 4, hidden_dim=16, context_dim=2)
        >>> net(torch.randn(7, 5, 3), torch.randn(5, 2)).shape
        torch.Size([7, 5, 4])

    References:
        He, Zhang, Ren, Sun (2016), Identity Mappings in Deep Residual Networks, https://arxiv.org/abs/1603.05027
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        *,
        hidden_dim: int = 64,
        num_blocks: int = 2,
        context_dim: int = 0,
        activation: type[nn.Module] = nn.ReLU,
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        self.input_dim = check_dim("input_dim", input_dim, 0)
        self.output_dim = check_dim("output_dim", output_dim)
        self.context_dim = check_dim("context_dim", context_dim, 0)
        self.hidden_dim = check_dim("hidden_dim", hidden_dim)
        self.num_blocks = check_dim("num_blocks", num_blocks)
        self.input_shape = (input_dim,)
        self.input_layer, self.context_layer = input_layers(input_dim, context_dim, hidden_dim)
        self.layers = nn.ModuleList([nn.Linear(hidden_dim, hidden_dim) for _ in range(2 * num_blocks)])
        self.output_layer = nn.Linear(hidden_dim, output_dim)
        self.activation = activation()
        self._is_relu = activation is nn.ReLU
        if zero_init:
            shrink(self.output_layer)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Evaluate the network.

        Args:
            x: Input of shape (*batch, input_dim).
            context: Context of shape (*batch', context_dim), where batch and batch' broadcast.

        Returns:
            Output of shape (*broadcast(batch, batch'), output_dim).

        Raises:
            ValueError: If a width is wrong, or a context is missing or superfluous.
        """
        if (context is None) != (self.context_dim == 0):
            check_inputs(self.input_dim, self.context_dim, x, context)
        activation, inner = (torch.relu, torch.relu_) if self._is_relu else (self.activation, self.activation)
        try:
            h = F.linear(x, self.input_layer.weight, self.input_layer.bias)
            if context is not None:
                h = h + self.context_layer(context)  # type: ignore[misc]
        except RuntimeError:
            check_inputs(self.input_dim, self.context_dim, x, context)  # names a wrong width; else torch's own error
            raise
        layers = iter(self.layers)
        for first, second in zip(layers, layers, strict=True):
            h = h + second(inner(first(activation(h))))
        return self.output_layer(inner(h))  # (*batch, output_dim)
