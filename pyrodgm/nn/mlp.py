"""A fully connected network with an optional context."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def check_dim(name: str, value: int, minimum: int = 1) -> int:
    """Return ``value``, a size given by the user, or say what is wrong with it.

    Raises:
        ValueError: If ``value`` is no integer or is below ``minimum``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(
            f"Expected {name} to be an integer of at least {minimum}; got {value!r}. Give {name} >= {minimum}."
        )
    return value


def check_dropout(dropout: float) -> float:
    """Refuse a probability of dropping a unit that is not in [0, 1)."""
    if not 0 <= dropout < 1:
        raise ValueError(f"Expected dropout in [0, 1); got {dropout}. It is the probability of dropping a unit.")
    return dropout


def check_inputs(input_dim: int, context_dim: int, x: Tensor, context: Tensor | None) -> None:
    """Compare the widths of an input and a context with those that a network was built for.

    Raises:
        ValueError: If a width differs, or if a context is missing or superfluous.
    """
    if x.dim() == 0 or x.shape[-1] != input_dim:
        raise ValueError(
            f"Expected x of shape (*batch, {input_dim}); got {tuple(x.shape)}. Build the network with the width of x."
        )
    if context_dim == 0:
        if context is not None:
            raise ValueError(
                f"Expected no context; got one of shape {tuple(context.shape)}. "
                "Build the network with context_dim > 0, or leave the context out."
            )
    elif context is None:
        raise ValueError(f"Expected context of shape (*batch, {context_dim}); got None. Pass the context.")
    elif context.dim() == 0 or context.shape[-1] != context_dim:
        raise ValueError(
            f"Expected context of shape (*batch, {context_dim}); got {tuple(context.shape)}. "
            "Build the network with the width of the context."
        )


def input_layers(input_dim: int, context_dim: int, width: int) -> tuple[nn.Linear, nn.Linear | None]:
    """Split one linear layer over ``[x, context]`` into its part for x and its part, without a bias, for the context.

    The two start as the one layer would (the bound of the uniform start is that of both widths together), and each
    of the two widths may be 0.
    """
    joint = nn.Linear(max(input_dim + context_dim, 1), width)
    with torch.no_grad():
        weights = joint.weight[:, :input_dim].clone(), joint.weight[:, joint.in_features - context_dim :].clone()
    joint.in_features, joint.weight = input_dim, nn.Parameter(weights[0])
    if context_dim == 0:
        return joint, None
    context_layer = nn.Linear(context_dim, width, bias=False)
    context_layer.weight = nn.Parameter(weights[1])
    return joint, context_layer


def shrink(layer: nn.Linear, factor: float = 1e-3) -> None:
    """Multiply a layer's parameters by ``factor``: nearly zero outputs, with gradients that still reach every layer."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(factor)


def add_linear(h: Tensor, context: Tensor, weight: Tensor) -> Tensor:
    """Add a context's projection, ``(*batch, width)``; of two matrices in one product, with no tensor in between."""
    if h.dim() == context.dim() == 2 and len(h) == len(context):
        return torch.addmm(h, context, weight.t())
    return h + F.linear(context, weight)


class MLP(nn.Module):
    r"""Fully connected network :math:`h_1 = a(W x + V c + b),\; h_k = a(W_k h_{k-1} + b_k)` with a linear last layer.

    The context is projected on its own (:math:`V c`), not concatenated to x: one that many samples share is projected
    once and broadcast.

    Args:
        input_dim: Number of features of x; with 0 the output depends on the context and the biases alone.
        output_dim: Number of outputs.
        hidden_dims: Widths of the hidden layers; empty makes the network linear.
        context_dim: Number of context features; 0 means no context.
        activation: Class of the nonlinearity, called without arguments.
        zero_init: Shrink the last layer to a thousandth of its usual start, so that a flow whose parameters come from
            this network starts close to its identity.

    Raises:
        ValueError: If a size is no positive integer (``input_dim`` and ``context_dim`` may be 0), or, when called, if
            x or the context has another width.

    Example:
        >>> net = MLP(3, 4, hidden_dims=(16,), context_dim=2)
        >>> net(torch.randn(7, 5, 3), torch.randn(5, 2)).shape
        torch.Size([7, 5, 4])
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        *,
        hidden_dims: Sequence[int] = (64, 64),
        context_dim: int = 0,
        activation: type[nn.Module] = nn.ReLU,
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        self.input_dim = check_dim("input_dim", input_dim, 0)
        self.output_dim = check_dim("output_dim", output_dim)
        self.context_dim = check_dim("context_dim", context_dim, 0)
        self.hidden_dims = tuple(check_dim("hidden_dims", width) for width in hidden_dims)
        self.input_shape = (input_dim,)
        first, *widths = (*self.hidden_dims, output_dim)
        layer, self.context_layer = input_layers(input_dim, context_dim, first)
        layers = [layer]
        for width in widths:
            layers.append(nn.Linear(layers[-1].out_features, width))
        self.layers = nn.ModuleList(layers)
        self.activation = activation()
        self._is_relu = activation is nn.ReLU
        if zero_init:
            shrink(layers[-1])
            if self.context_layer is not None and not self.hidden_dims:
                shrink(self.context_layer)

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
        activation = torch.relu_ if self._is_relu else self.activation  # no layer needs its own output: in place
        layers: Iterator[nn.Linear] = iter(self.layers)  # type: ignore[arg-type]
        layer = next(layers)
        try:
            h = F.linear(x, layer.weight, layer.bias)
            if context is not None:
                h = add_linear(h, context, self.context_layer.weight)  # type: ignore[union-attr]
        except RuntimeError:
            check_inputs(self.input_dim, self.context_dim, x, context)  # names a wrong width; else torch's own error
            raise
        for layer in layers:
            h = F.linear(activation(h), layer.weight, layer.bias)
        return h  # (*batch, output_dim)
