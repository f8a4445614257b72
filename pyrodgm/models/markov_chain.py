"""The Markov chain: each variable depends on the few before it, by tables."""

from typing import Self

import torch
from torch import Tensor

from pyrodgm.autoregressive import Autoregressive
from pyrodgm.autoregressive.support import check_values, variable_support
from pyrodgm.heads import Categorical
from pyrodgm.models.checks import check_rows
from pyrodgm.models.density import Density
from pyrodgm.models.prior_counts import check_prior_counts
from pyrodgm.nn.markov_table import MarkovTable


class MarkovChain(Density):
    r""":math:`p(x) = \prod_i p(x_i \mid x_{i-k}, \dots, x_{i-1})`, discrete variables with a table for each factor.

    Of ``n`` binary variables it has :math:`n` parameters with ``order=0`` (independence), :math:`2n - 1` with
    ``order=1``, and :math:`1 + 2 + \dots + 2^{n-1} = 2^n - 1`, no assumption at all, with ``order=n - 1``.

    ``.conditional`` is an :class:`pyrodgm.autoregressive.Autoregressive` over a :class:`pyrodgm.nn.MarkovTable`: it
    also completes a beginning, imputes, and stands wherever a prior or a likelihood can.

    Args:
        input_dim: Number of variables, the length of a sequence.
        num_states: Number of states of each.
        order: How many variables :math:`k` a variable looks back on.
        homogeneous: Whether all variables with :math:`k` others before them share one table, as in a stationary
            process; otherwise each has its own.

    Raises:
        ValueError: If a size is too small, the order is not below the length, or the table too large.

    Example:
        >>> import torch
        >>> from pyrodgm import models
        >>> chain = models.MarkovChain(8).fit(torch.rand(50, 8).round())
        >>> chain.num_parameters(), chain.sample(5).shape, chain.table(3).shape
        (15, torch.Size([5, 8]), torch.Size([2, 2]))
    """

    conditional: Autoregressive

    def __init__(self, input_dim: int, num_states: int = 2, *, order: int = 1, homogeneous: bool = False) -> None:
        net = MarkovTable(input_dim, num_states, order=order, homogeneous=homogeneous)
        super().__init__(Autoregressive(net, Categorical(num_states)))

    @property
    def net(self) -> MarkovTable:
        """The tables."""
        return self.conditional.net  # type: ignore[return-value]

    def num_parameters(self) -> int:
        """Return the number of free parameters: of each row of a table one fewer than states."""
        return len(self.net.logits) * (self.net.num_states - 1)

    @torch.no_grad()
    def table(self, position: int) -> Tensor:
        """Return the probabilities of a variable given those before it.

        Args:
            position: Number of the variable, from 0.

        Returns:
            ``(num_states,) * (k + 1)``, the oldest first, the variable itself last; fewer at the first positions.

        Raises:
            ValueError: If there is no such position.
        """
        net = self.net
        if not 0 <= position < net.input_dim:
            raise ValueError(f"Expected a position of 0 .. {net.input_dim - 1}; got {position}.")
        length = min(position, net.history)
        start = int(net.starts[position])
        rows = net.logits[start : start + net.num_states**length]
        return rows.softmax(-1).reshape([net.num_states] * (length + 1))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log-probability of each row in nats.

        Args:
            x: Integers from 0, ``(num_rows, input_dim)``.

        Returns:
            ``(num_rows,)``.

        Raises:
            ValueError: If ``x`` has another shape, no rows, or other values.
        """
        self.check(x)
        rows = self.net.rows(x)
        return self.net.logits.log_softmax(-1)[rows, x.long()].sum(-1)

    @torch.no_grad()
    def fit(self, x: Tensor, *, prior_counts: float = 1.0) -> Self:
        """Set each row of the tables to what followed its history, by counts.

        Args:
            x: Integers from 0, ``(num_rows, input_dim)``.
            prior_counts: Added to each count: the posterior mean under a Dirichlet prior of that concentration. With 0,
                maximum likelihood, what was never seen has no probability, and rows that were never seen are uniform.

        Returns:
            The model itself.

        Raises:
            ValueError: As :meth:`log_prob`, or if ``prior_counts`` is negative.
        """
        self.check(x)
        check_prior_counts(prior_counts)
        logits, num = self.net.logits, self.net.num_states
        cells = self.net.rows(x) * num + x.long()
        counts = torch.bincount(cells.flatten(), minlength=logits.numel()).view_as(logits).to(logits.dtype)
        seen = counts.sum(-1, keepdim=True) + prior_counts > 0
        logits.copy_(torch.where(seen, counts + prior_counts, 1.0).log())
        return self

    def check(self, x: Tensor) -> None:
        """Refuse data of another shape, or with values that are no states."""
        check_rows(x, self.event_shape)
        check_values(x, variable_support(self.conditional.head))
