"""What time and context do to the layers of a vector field: one gate and one shift a unit."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class TimeGates(nn.Module):
    r"""Gates :math:`\sigma(G [t, c] + g)` and shifts :math:`S [t, c]` of all layers, from one product each.

    Args:
        widths: Number of units of each layer.
        context_dim: Number of context features.
        zero_init: Shrink the shifts of the last layer to a thousandth of their usual start.
    """

    def __init__(self, widths: Sequence[int], context_dim: int, *, zero_init: bool = False) -> None:
        super().__init__()
        self.widths = list(widths)
        self.gate = nn.Linear(1 + context_dim, sum(widths))
        self.shift = nn.Linear(1 + context_dim, sum(widths), bias=False)
        if zero_init:
            with torch.no_grad():
                self.shift.weight[-self.widths[-1] :] *= 1e-3

    def forward(self, times: Tensor, context: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """Return gate and shift of each layer at each time.

        Args:
            times: ``(num_times,)``.
            context: ``(*batch, context_dim)`` or ``None``.

        Returns:
            Pairs of ``(num_times, *batch, width)``; of ``(num_times, width)`` without a context.
        """
        inputs = times.unsqueeze(-1)
        if context is not None:
            batch = context.shape[:-1]
            inputs = inputs.reshape(-1, *[1] * len(batch), 1).expand(len(times), *batch, 1)
            inputs = torch.cat((inputs, context.expand(len(times), *context.shape)), -1)
        gates = self.gate(inputs).sigmoid().split(self.widths, -1)
        shifts = self.shift(inputs).split(self.widths, -1)
        return list(zip(gates, shifts, strict=True))
