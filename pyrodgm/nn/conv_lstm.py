"""One direction of a recurrent layer on images: an LSTM whose gates are convolutions."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pyrodgm.nn.lstm_scan import Step, lstm_scan


class ConvLSTM(nn.Module):
    r"""States :math:`h_t = \mathrm{LSTM}(K^{ss} * h_{t-1} + K^{is} * x_t + b)` over a map, a step of positions at once.

    Forget gates start open, with a bias of one. The mask is multiplied in at each call.

    Args:
        num_inputs: Number of input maps.
        num_states: Number :math:`h` of states.
        steps: Which positions are computed together, and what they read.
        num_taps: Widths of the two convolutions, of the input and of the states.
        mask: ``(4 * num_states, num_inputs)``, which inputs of its own position a gate sees; all if ``None``.
        places: ``(num_positions,)``, the places of the map in the order of the steps; in order already if ``None``.

    Attributes:
        input_weight: ``(num_taps[0], 4 * num_states, num_inputs)``, gates in the order o, f, i, g; the position itself
            comes last.
        state_weight: ``(num_taps[1], 4 * num_states, num_states)``.
        bias: ``(4 * num_states,)``.
    """

    mask: Tensor | None
    places: Tensor | None

    def __init__(
        self,
        num_inputs: int,
        num_states: int,
        steps: Sequence[Step],
        num_taps: tuple[int, int],
        mask: Tensor | None = None,
        places: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.steps = steps
        self.num_states = num_states
        bound = 1 / math.sqrt(num_taps[0] * num_inputs + num_taps[1] * num_states)
        self.input_weight = nn.Parameter(torch.empty(num_taps[0], 4 * num_states, num_inputs).uniform_(-bound, bound))
        self.state_weight = nn.Parameter(torch.empty(num_taps[1], 4 * num_states, num_states).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(4, num_states).index_fill_(0, torch.tensor([1]), 1.0).flatten())
        if mask is not None:  # the other taps read pixels that are complete
            mask = torch.cat((mask.new_ones(num_taps[0] - 1, *mask.shape), mask[None]))
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("places", places, persistent=False)

    def masked_weight(self) -> Tensor:
        """Return the input weights with zeros where nothing may be seen."""
        return self.input_weight if self.mask is None else self.input_weight * self.mask

    def biases(self, context: Tensor | None) -> Tensor:
        """Return the bias, with that of the context, as ``(4 * num_states, 1 or num_positions, 1 or batch)``.

        Args:
            context: ``(batch, 4 * num_states, height, width)``, or ones in place of the sizes, or ``None``.
        """
        bias = self.bias[:, None, None]
        return bias if context is None else bias + context.permute(1, 2, 3, 0).flatten(1, 2)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(num_states, num_positions, batch)`` of ``x``, ``(num_inputs, num_positions, batch)``."""
        return lstm_scan(x, self.masked_weight(), self.state_weight, self.biases(context), self.steps, self.places)
