"""Drawing through a masked network feature by feature."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.causal import without_graph
from pyrodgm.nn.sorted_layers import SortedLayers


class MaskedStepper:
    """One sweep through sorted layers in their order; called first with ``None``, then with each value drawn.

    Position ``k`` needs only the units of degree ``k`` beyond those that are known, and sorted degrees make these one
    block of rows. Tensors are laid out (unit, batch), so that each block is one thin product on contiguous memory;
    the blocks are cut once, since in so small products a slice costs as much as arithmetic. No graph is recorded.

    Args:
        layers: The network's.
        batch: Number of draws.
        context: ``(batch, context_dim)`` or ``None``.
    """

    @torch.no_grad()
    def __init__(self, layers: SortedLayers, batch: int, context: Tensor | None) -> None:
        self.num_known = layers.num_known
        self.activation = without_graph(layers.activation)
        if isinstance(layers.activation, nn.ReLU):
            self.activation = torch.relu_  # a module's call costs as much as this
        self.position = 0
        input_dim, num_params = layers.input_dim, layers.num_params
        weights = [weight.detach() for weight in layers.weights]
        biases = [bias.detach().unsqueeze(-1) for bias in layers.biases]
        if layers.context_weight is not None and context is not None:
            biases[0] = biases[0] + F.linear(context, layers.context_weight).t()
        rows = torch.arange(num_params * input_dim, device=layers.order.device).view(num_params, input_dim)
        rows = rows[:, layers.order].t().reshape(-1)  # the parameters of one feature together, in the order
        weights[-1], biases[-1] = weights[-1][rows], biases[-1][rows]
        self.known = [weights[0].new_empty(width, batch) for width in (input_dim, *map(len, weights))]
        self.drawn = self.known[0].unbind(0)
        sizes = [[after - before for before, after in zip([0, *c[:-1]], c, strict=True)] for c in layers.num_known]
        sizes.append([num_params] * input_dim)
        # blocks[layer][k]: the rows of bias, weight and units that position k computes
        self.blocks = [
            list(zip(*(tensor[: sum(size)].split(size) for tensor in tensors), strict=True))
            for size, *tensors in zip(sizes, biases, weights, self.known[1:], strict=True)
        ]
        self.direct = None if layers.direct is None else layers.direct.detach()[rows].split(num_params)

    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the value just drawn, ``(batch,)``, and return the next feature's ``(batch, num_params)``."""
        k = self.position
        if value is not None:
            self.drawn[k - 1].copy_(value.detach())
        num_known = k
        for layer, counts in enumerate(self.num_known):
            bias, weight, units = self.blocks[layer][k]
            if len(units):
                torch.addmm(bias, weight.narrow(1, 0, num_known), self.known[layer].narrow(0, 0, num_known), out=units)
                active = self.activation(units)
                if active is not units:
                    units.copy_(active)
            num_known = counts[k]
        bias, weight, params = self.blocks[-1][k]
        torch.addmm(bias, weight.narrow(1, 0, num_known), self.known[-2].narrow(0, 0, num_known), out=params)
        if self.direct is not None:
            params.addmm_(self.direct[k].narrow(1, 0, k), self.known[0].narrow(0, 0, k))
        self.position += 1
        return params.t()
