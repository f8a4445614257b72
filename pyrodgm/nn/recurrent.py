"""A recurrent causal network over a sequence, whose state a stepper carries on."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.causal import CausalNet, flatten_batches
from pyrodgm.nn.mlp import check_dim, check_dropout, check_inputs
from pyrodgm.nn.sequence_input import SequenceInput

Cell = Callable[..., Any]  # input, state and weights of a layer to its next state
CELLS: dict[type[nn.RNNBase], Cell] = {nn.LSTM: torch.lstm_cell, nn.GRU: torch.gru_cell}  # one step of each


class Recurrent(CausalNet):
    r"""Stacked recurrent layers, :math:`s_i = \mathrm{cell}(s_{i-1}, e(x_{i-1}) + V c),\; \theta_i = W s_i + b`.

    Its memory of what came before has a fixed size, so that a step costs the same at every position.

    Args:
        max_length: Number of positions of one event.
        num_params: Number of outputs a position.
        vocabulary_size: Number of symbols; ``None`` for sequences of real numbers.
        context_dim: Number of context features, added to the input of every position.
        cell: :class:`torch.nn.LSTM` or :class:`torch.nn.GRU`.
        embedding_dim: Width of a symbol's embedding.
        hidden_dim: Width of each layer's state.
        num_layers: Number of layers.
        dropout: Probability of dropping what a layer reads, and what the output reads, in training mode; never the
            state. Steppers drop nothing.

    Raises:
        ValueError: If a size is not positive, ``cell`` is another class, or ``dropout`` is outside [0, 1).

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.Recurrent(6, 5, vocabulary_size=5, context_dim=4, hidden_dim=32)
        >>> net(torch.randint(5, (7, 3, 6)), torch.randn(3, 4)).shape
        torch.Size([7, 3, 6, 5])

    References:
        Hochreiter, Schmidhuber (1997), Long short-term memory, https://doi.org/10.1162/neco.1997.9.8.1735;
        Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder, section 2.3,
        https://arxiv.org/abs/1406.1078
    """

    def __init__(
        self,
        max_length: int,
        num_params: int,
        *,
        vocabulary_size: int | None = None,
        context_dim: int = 0,
        cell: type[nn.LSTM | nn.GRU] = nn.LSTM,
        embedding_dim: int = 64,
        hidden_dim: int = 256,
        num_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = {"max_length": max_length, "num_params": num_params, "embedding_dim": embedding_dim}
        for name, value in {**sizes, "hidden_dim": hidden_dim, "num_layers": num_layers}.items():
            check_dim(name, value)
        if cell not in CELLS:
            raise ValueError(f"Expected cell to be torch.nn.LSTM or torch.nn.GRU, the class itself; got {cell!r}.")
        self.dropout = check_dropout(dropout)
        self.max_length, self.num_params, self.context_dim = max_length, num_params, context_dim
        self.grid_shape = (max_length,)
        self.context_shape = (context_dim,) if context_dim else ()
        self.register_buffer("order", torch.arange(max_length), persistent=False)
        self.input = SequenceInput(embedding_dim, vocabulary_size, context_dim)
        self.layers = cell(
            embedding_dim, hidden_dim, num_layers, batch_first=True, dropout=dropout if num_layers > 1 else 0.0
        )
        if cell is nn.LSTM:
            open_forget_gates(self.layers)
        self.output = nn.Linear(hidden_dim, num_params)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(*batch, max_length, num_params)`` of ``x``, ``(*batch, max_length)``, in one pass."""
        check_inputs(self.max_length, self.context_dim, x, context)
        x, context, batch = flatten_batches(x, 1, context, 1)
        if len(x) == 0:  # torch's recurrent layers take no empty batch
            return self.output.bias.expand(*batch, self.max_length, self.num_params)
        h, _ = self.layers(F.dropout(self.input(x, context), self.dropout, self.training))
        params: Tensor = self.output(F.dropout(h, self.dropout, self.training))
        return params.reshape(*batch, self.max_length, self.num_params)

    def flat_stepper(self, batch: int, context: Tensor | None) -> "RecurrentStepper":
        """Return what computes the same outputs position by position, carrying the state."""
        return RecurrentStepper(self, batch, context)


class RecurrentStepper:
    """One walk along a sequence; called first with ``None``, then with each symbol. No graph is recorded."""

    @torch.no_grad()
    def __init__(self, net: Recurrent, batch: int, context: Tensor | None) -> None:
        layers = net.layers
        self.input = net.input.stepper(batch, context)
        self.cell = CELLS[type(layers)]
        self.weights = [[weight.detach() for weight in layer] for layer in layers.all_weights]
        zeros = net.output.weight.new_zeros(batch, layers.hidden_size)
        self.states: list[Tensor | tuple[Tensor, Tensor]] = [
            (zeros, zeros) if isinstance(layers, nn.LSTM) else zeros for _ in self.weights
        ]
        self.output = net.output.weight.detach(), net.output.bias.detach()

    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the symbol just drawn, ``(batch,)``, and return the next position's ``(batch, num_params)``."""
        h = self.input(value)
        for layer, weights in enumerate(self.weights):
            state = self.cell(h, self.states[layer], *weights)
            self.states[layer] = state
            h = state if isinstance(state, Tensor) else state[0]
        return F.linear(h, *self.output)


@torch.no_grad()
def open_forget_gates(layers: nn.RNNBase) -> None:
    """Start an LSTM with a memory: the bias of its forget gates, the second of four, is one."""
    for name, parameter in layers.named_parameters():
        if name.startswith("bias_hh"):
            parameter.chunk(4)[1].fill_(1.0)
