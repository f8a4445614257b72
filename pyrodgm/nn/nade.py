"""The neural autoregressive distribution estimator: one network a feature, all with shared weights."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pyrodgm.nn.causal import CausalNet, flatten_batches
from pyrodgm.nn.mlp import check_dim, check_inputs
from pyrodgm.nn.order import read_order

BLOCK = 16  # positions computed together
FEW_PARAMS = 8  # up to so many, products with the outputs of a whole block are faster than with each position's own
MAX_SAVED = 1 << 24  # hidden units that a pass keeps for its gradient; beyond, they are computed again


class NADE(CausalNet):
    r"""Outputs :math:`b_d + V_d h_d` of hidden layers :math:`h_d = \sigma(c + W_{:, <d}\, x_{<d})` that share weights.

    All outputs together take :math:`O(D H)`, since each hidden layer has the activation of the one before plus one
    column. Where a feature is zero, the next position has the same hidden layer, which is computed once for both; on
    binary pictures that saves most of the work, but not where gradients with respect to the features are wanted. Memory
    for gradients is bounded: beyond some size, hidden units are computed a second time instead of kept.

    Args:
        input_dim: Number :math:`D` of features.
        num_params: Number of outputs a feature.
        hidden_dim: Number :math:`H` of hidden units.
        context_dim: Number of context features, added to the activation :math:`c`.
        order: ``order[k]`` is the feature that comes ``k``-th; ``0 .. D-1`` by default.
        rescale: Whether activations are multiplied by a learned :math:`\rho_d` at each position, as RNADE does.

    Raises:
        ValueError: If a size is not positive, or ``order`` is not a permutation.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.NADE(6, 1, hidden_dim=16, context_dim=2)
        >>> net(torch.zeros(7, 5, 6), torch.randn(5, 2)).shape
        torch.Size([7, 5, 6, 1])

    References:
        Larochelle, Murray (2011), The Neural Autoregressive Distribution Estimator, eq. 2-4,
        https://proceedings.mlr.press/v15/larochelle11a.html
    """

    order: Tensor

    def __init__(
        self,
        input_dim: int,
        num_params: int,
        *,
        hidden_dim: int = 500,
        context_dim: int = 0,
        order: Sequence[int] | Tensor | None = None,
        rescale: bool = False,
    ) -> None:
        super().__init__()
        self.input_dim = check_dim("input_dim", input_dim)
        self.num_params = check_dim("num_params", num_params)
        self.hidden_dim = check_dim("hidden_dim", hidden_dim)
        self.context_dim = check_dim("context_dim", context_dim, 0)
        self.grid_shape = self.input_shape = (input_dim,)
        self.context_shape = (context_dim,) if context_dim else ()
        self.register_buffer("order", read_order(order, input_dim))
        # Everything by position in the order, so that a block is a slice.
        self.in_weight = nn.Parameter(torch.empty(input_dim, hidden_dim).uniform_(-1, 1) / input_dim**0.5)
        self.in_bias = nn.Parameter(torch.zeros(hidden_dim))
        self.out_weight = nn.Parameter(torch.empty(input_dim, num_params, hidden_dim).uniform_(-1, 1) / hidden_dim**0.5)
        self.out_bias = nn.Parameter(torch.zeros(input_dim, num_params))
        self.scale = nn.Parameter(torch.ones(input_dim)) if rescale else None
        self.context_layer = nn.Linear(context_dim, hidden_dim, bias=False) if context_dim else None

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(*batch, input_dim, num_params)`` of ``x``, ``(*batch, input_dim)``, in one pass."""
        check_inputs(self.input_dim, self.context_dim, x, context)
        x, context, batch = flatten_batches(x, 1, context, 1)
        x = x.index_select(-1, self.order).to(self.in_weight.dtype)
        starts = self._starts(x)
        again = torch.is_grad_enabled() and int(starts.sum()) * self.hidden_dim > MAX_SAVED
        before = self.first_activation(context).expand(len(x), -1)
        # Split, not sliced: the gradients of slices would each fill a tensor of the whole size.
        parts = zip(x.split(BLOCK, 1), starts.split(BLOCK, 1), self.in_weight.split(BLOCK), strict=True)
        scales = [None] * len(self.in_weight) if self.scale is None else self.scale.split(BLOCK)
        outputs = []
        for (part, new, in_weight), out_weight, scale in zip(parts, self.out_weight.split(BLOCK), scales, strict=False):
            inputs = (before, part, new, in_weight, out_weight, scale)
            if again:
                outputs.append(checkpoint(block_outputs, *inputs, use_reentrant=False, preserve_rng_state=False))
            else:
                outputs.append(block_outputs(*inputs))
            before = torch.addmm(before, part, in_weight)
        params = torch.cat(outputs, 1) + self.out_bias
        return params.index_select(1, self.order.argsort()).view(*batch, self.input_dim, self.num_params)

    def first_activation(self, context: Tensor | None) -> Tensor:
        """Return the activation before any feature is known, ``(*batch, hidden_dim)`` or ``(hidden_dim,)``."""
        if self.context_layer is None or context is None:
            return self.in_bias
        return self.in_bias + self.context_layer(context)

    def _starts(self, x: Tensor) -> Tensor:
        """Return where hidden units differ from those of the position before, or begin a block; ``x.shape``."""
        # A gradient with respect to x also asks how the units after a zero would change with it.
        if self.scale is not None or (x.requires_grad and torch.is_grad_enabled()):
            return torch.ones_like(x, dtype=torch.bool)
        starts = F.pad(x[:, :-1] != 0, (1, 0), value=True)
        starts[:, ::BLOCK] = True
        return starts

    def flat_stepper(self, batch: int, context: Tensor | None) -> "NADEStepper":
        """Return what computes the same outputs feature by feature, in :math:`O(H)` each."""
        return NADEStepper(self, batch, context)


def block_outputs(
    before: Tensor, part: Tensor, starts: Tensor, in_weight: Tensor, out_weight: Tensor, scale: Tensor | None
) -> Tensor:
    """Return the outputs at a few positions, without their biases.

    Args:
        before: Activation before these positions, ``(batch, hidden_dim)``.
        part: Features, ``(batch, size)``.
        starts: Where hidden units have to be computed, ``(batch, size)``; elsewhere they are those of the position
            before.
        in_weight: ``(size, hidden_dim)``.
        out_weight: ``(size, num_params, hidden_dim)``.
        scale: ``(size,)`` or ``None``.

    Returns:
        ``(batch, size, num_params)``.
    """
    batch, size = part.shape
    num_params = out_weight.shape[1]
    positions = torch.arange(size, device=part.device)
    row, position = starts.nonzero(as_tuple=True)
    seen = part.index_select(0, row) * (positions < position.unsqueeze(-1))
    activation = torch.addmm(before.index_select(0, row), seen, in_weight)
    hidden = (activation if scale is None else activation * scale[position].unsqueeze(-1)).sigmoid()  # (rows, H)
    which = starts.flatten().cumsum(0) - 1  # the row of each position
    if num_params > FEW_PARAMS or len(row) == len(which):
        each = hidden if len(row) == len(which) else hidden.index_select(0, which)
        by_position = each.view(batch, size, each.shape[-1]).transpose(0, 1)
        return (by_position @ out_weight.mT).transpose(0, 1)
    outputs = hidden @ out_weight.flatten(0, 1).t()  # of every position of the block, whether a row is of it or not
    own = which * size + positions.repeat(batch)
    return outputs.view(-1, num_params).index_select(0, own).view(batch, size, num_params)


class NADEStepper:
    """One sweep through a :class:`NADE` in its order; called first with ``None``, then with each value drawn.

    Args:
        net: The network.
        batch: Number of draws.
        context: ``(batch, context_dim)`` or ``None``.
    """

    @torch.no_grad()
    def __init__(self, net: NADE, batch: int, context: Tensor | None) -> None:
        self.activation = net.first_activation(context).expand(batch, net.hidden_dim).clone()
        self.hidden = torch.empty_like(self.activation)
        self.in_weights = net.in_weight.detach().unbind(0)
        self.out_weights = net.out_weight.detach().mT.unbind(0)
        self.out_biases = net.out_bias.detach().unbind(0)
        self.scales = None if net.scale is None else net.scale.tolist()
        self.position = 0

    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the value just drawn, ``(batch,)``, and return the next feature's ``(batch, num_params)``."""
        k = self.position
        if value is not None:
            drawn = value.detach().unsqueeze(-1).to(self.activation.dtype)
            self.activation.addcmul_(drawn, self.in_weights[k - 1])
        if self.scales is None:
            torch.sigmoid(self.activation, out=self.hidden)
        else:
            torch.mul(self.activation, self.scales[k], out=self.hidden).sigmoid_()
        self.position += 1
        return torch.addmm(self.out_biases[k], self.hidden, self.out_weights[k])
