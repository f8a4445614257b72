"""One network a conditional, all evaluated in batched products."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.causal import CausalNet, flatten_batches, without_graph
from pyrodgm.nn.mlp import check_dim, check_inputs
from pyrodgm.nn.order import read_order


class PerConditionalMLP(CausalNet):
    r"""Outputs :math:`\mathrm{net}_d(x_{<d}, c)` of :math:`D` separate networks, no weight shared.

    They have :math:`O(D^2 H)` weights, so that small networks on few features is what it is for.

    Args:
        input_dim: Number :math:`D` of features.
        num_params: Number of outputs a feature.
        hidden_dims: Widths of each network's hidden layers.
        context_dim: Number of context features, seen by each network.
        order: ``order[k]`` is the feature that comes ``k``-th; ``0 .. D-1`` by default.
        activation: Class of the activation.

    Raises:
        ValueError: If a size is not positive, there is no hidden layer, or ``order`` is not a permutation.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.PerConditionalMLP(6, 1, context_dim=2)
        >>> net(torch.zeros(7, 5, 6), torch.randn(5, 2)).shape
        torch.Size([7, 5, 6, 1])

    References:
        Bengio, Bengio (2000), Modeling High-Dimensional Discrete Data with Multi-Layer Neural Networks, section 2,
        https://papers.nips.cc/paper/1999/hash/e6384711491713d29bc63fc5eeb5ba4f-Abstract.html
    """

    order: Tensor
    mask: Tensor

    def __init__(
        self,
        input_dim: int,
        num_params: int,
        *,
        hidden_dims: Sequence[int] = (16,),
        context_dim: int = 0,
        order: Sequence[int] | Tensor | None = None,
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        self.input_dim = check_dim("input_dim", input_dim)
        self.num_params = check_dim("num_params", num_params)
        self.context_dim = check_dim("context_dim", context_dim, 0)
        self.hidden_dims = tuple(check_dim("hidden_dims", width) for width in hidden_dims)
        if not self.hidden_dims:
            raise ValueError("Expected at least one hidden layer; got hidden_dims=(). Use a MaskedMLP without any.")
        self.grid_shape = self.input_shape = (input_dim,)
        self.context_shape = (context_dim,) if context_dim else ()
        self.activation = activation()
        self.register_buffer("order", read_order(order, input_dim))
        earlier = torch.ones(input_dim, input_dim).tril(-1)
        self.register_buffer("mask", earlier.unsqueeze(1), persistent=False)  # (position, 1, position)
        # Everything by position in the order: weights (position, above, below), biases (position, 1, above). Each
        # network's first layer starts as its own number of inputs demands.
        first, *widths = (*self.hidden_dims, num_params)
        bounds = (earlier.sum(1) + context_dim).clamp(min=1).rsqrt().view(-1, 1, 1)
        self.in_weight = nn.Parameter(torch.empty(input_dim, first, input_dim).uniform_(-1, 1) * bounds)
        self.in_bias = nn.Parameter(torch.empty(input_dim, 1, first).uniform_(-1, 1) * bounds)
        self.context_weight = (
            nn.Parameter(torch.empty(input_dim, first, context_dim).uniform_(-1, 1) * bounds) if context_dim else None
        )
        sizes = list(itertools.pairwise((first, *widths)))
        self.weights = nn.ParameterList(
            torch.empty(input_dim, above, below).uniform_(-1, 1) / below**0.5 for below, above in sizes
        )
        self.biases = nn.ParameterList(
            torch.empty(input_dim, 1, above).uniform_(-1, 1) / below**0.5 for below, above in sizes
        )

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(*batch, input_dim, num_params)`` of ``x``, ``(*batch, input_dim)``, in one pass."""
        check_inputs(self.input_dim, self.context_dim, x, context)
        x, context, batch = flatten_batches(x, 1, context, 1)
        x = x.index_select(-1, self.order).to(self.in_weight.dtype)
        weight = (self.in_weight * self.mask).flatten(0, 1)  # (position * above, below): one product for all networks
        h = F.linear(x, weight, self.in_bias.flatten())
        if self.context_weight is not None and context is not None:
            h = h + F.linear(context, self.context_weight.flatten(0, 1))
        h = h.view(len(x), self.input_dim, self.hidden_dims[0]).transpose(0, 1)  # (position, batch, above)
        for above, bias in zip(self.weights, self.biases, strict=True):
            h = torch.baddbmm(bias, self.activation(h), above.mT)
        params = h.transpose(0, 1).index_select(1, self.order.argsort())
        return params.reshape(*batch, self.input_dim, self.num_params)

    def flat_stepper(self, batch: int, context: Tensor | None) -> "PerConditionalStepper":
        """Return what computes the same outputs feature by feature, one network at each."""
        return PerConditionalStepper(self, batch, context)


class PerConditionalStepper:
    """One sweep through a :class:`PerConditionalMLP`; called first with ``None``, then with each value drawn.

    Args:
        net: The network.
        batch: Number of draws.
        context: ``(batch, context_dim)`` or ``None``.
    """

    @torch.no_grad()
    def __init__(self, net: PerConditionalMLP, batch: int, context: Tensor | None) -> None:
        self.activation = without_graph(net.activation)
        bias = net.in_bias.detach()
        if net.context_weight is not None and context is not None:
            bias = bias + context @ net.context_weight.mT  # (position, batch, above)
        self.drawn = net.in_weight.new_zeros(batch, net.input_dim)
        self.in_biases = bias.unbind(0)
        self.in_weights = net.in_weight.detach().mT.unbind(0)  # each (below, above)
        self.weights = [weight.detach().mT.unbind(0) for weight in net.weights]
        self.biases = [bias.detach().unbind(0) for bias in net.biases]
        self.position = 0

    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the value just drawn, ``(batch,)``, and return the next feature's ``(batch, num_params)``."""
        k = self.position
        if value is not None:
            self.drawn[:, k - 1] = value.detach()
        h = torch.addmm(self.in_biases[k], self.drawn.narrow(1, 0, k), self.in_weights[k].narrow(0, 0, k))
        for weights, biases in zip(self.weights, self.biases, strict=True):
            h = torch.addmm(biases[k], self.activation(h), weights[k])
        self.position += 1
        return h
