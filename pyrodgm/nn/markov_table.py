"""A causal network that is a table: parameters are looked up by the last few symbols."""

import torch
from torch import Tensor, nn

from pyrodgm.nn.causal import CausalNet
from pyrodgm.nn.mlp import check_dim, check_inputs

MAX_ENTRIES = 2**28


class MarkovTable(CausalNet):
    r"""Logits :math:`\theta_i = T_i[x_{i-k}, \dots, x_{i-1}]`, a row for every history of ``order`` symbols.

    The first positions have shorter histories, and tables of their own.

    Args:
        input_dim: Number of positions.
        num_states: Number of symbols.
        order: Length :math:`k` of a history; 0 makes positions independent.
        homogeneous: Whether all positions with a whole history share one table.

    Raises:
        ValueError: If a size is too small, the history is as long as the sequence, or the table too large.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.MarkovTable(6, 3, order=2)
        >>> net(torch.randint(3, (5, 6))).shape, net.logits.shape
        (torch.Size([5, 6, 3]), torch.Size([40, 3]))
    """

    def __init__(self, input_dim: int, num_states: int, *, order: int = 1, homogeneous: bool = False) -> None:
        super().__init__()
        self.input_dim = check_dim("input_dim", input_dim)
        self.num_states = check_dim("num_states", num_states, 2)
        self.history = check_dim("order", order, 0)
        self.homogeneous = homogeneous
        if order >= input_dim:
            raise ValueError(
                f"Expected order below input_dim={input_dim}; got {order}. The last position has "
                f"{input_dim - 1} before it."
            )
        num_rows = [num_states**i for i in range(order)]  # of the positions with a shorter history
        num_tables = 1 if homogeneous else input_dim - order
        entries = (sum(num_rows) + num_tables * num_states**order) * num_states
        if entries > MAX_ENTRIES:
            raise ValueError(
                f"Expected a table of at most {MAX_ENTRIES} entries; got order={order} of {num_states} states, which "
                f"takes {entries}. Take a lower order, or a network such as autoregressive.made."
            )
        self.grid_shape = (input_dim,)
        self.num_params = num_states
        self.logits = nn.Parameter(torch.zeros(entries // num_states, num_states))
        starts = [sum(num_rows[:i]) for i in range(order)]
        rest = [sum(num_rows) + (0 if homogeneous else i * num_states**order) for i in range(input_dim - order)]
        self.register_buffer("starts", torch.tensor(starts + rest), persistent=False)
        self.register_buffer("order", torch.arange(input_dim), persistent=False)

    starts: Tensor

    def rows(self, x: Tensor) -> Tensor:
        """Return the row of the table that each position reads, ``(*batch, input_dim)``."""
        x = x.long()
        code = torch.zeros_like(x)
        for lag in range(1, self.history + 1):
            code[..., lag:] += x[..., :-lag] * self.num_states ** (lag - 1)
        return code + self.starts

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(*batch, input_dim, num_states)`` of ``x``, ``(*batch, input_dim)``."""
        check_inputs(self.input_dim, 0, x, context)
        return self.logits[self.rows(x)]

    def flat_stepper(self, batch: int, context: Tensor | None) -> "MarkovTableStepper":
        """Return what looks up the same rows position by position."""
        return MarkovTableStepper(self, batch)


class MarkovTableStepper:
    """One walk along a sequence; called first with ``None``, then with each symbol. No graph is recorded."""

    def __init__(self, net: MarkovTable, batch: int) -> None:
        self.net = net
        self.code = torch.zeros(batch, dtype=torch.long, device=net.logits.device)
        self.position = 0

    @torch.no_grad()
    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the symbol just drawn, ``(batch,)``, and return the next position's ``(batch, num_states)``."""
        net = self.net
        if value is not None:
            self.code = (value.long() + net.num_states * self.code) % net.num_states**net.history
        rows = net.logits[self.code + net.starts[self.position]]
        self.position += 1
        return rows
