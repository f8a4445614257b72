"""What a Bayesian network makes: a distribution of rows of states."""

from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.models.bayes_net_graph import BayesNetGraph
from pyrodgm.models.bayes_net_rows import read_codes
from pyrodgm.models.table_layout import TableLayout


class BayesNetDistribution(TorchDistribution):
    r""":math:`p(x) = \prod_v p(x_v \mid x_{\mathrm{parents}(v)})`, over numbers of states.

    Args:
        graph: The variables.
        layout: Where their tables stand in ``log_table``.
        log_table: Logarithms of all tables in one vector.
        batch_shape: Shape of the batch, of independent and identical copies.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- the name and type that torch reads
    has_rsample = False

    def __init__(
        self, graph: BayesNetGraph, layout: TableLayout, log_table: Tensor, batch_shape: Sequence[int] = ()
    ) -> None:
        self.graph, self.layout, self.log_table = graph, layout, log_table
        super().__init__(torch.Size(batch_shape), torch.Size((len(graph.names),)), validate_args=False)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> constraints.Constraint:
        """Whole numbers from 0, below the number of states of each variable."""
        return constraints.independent(constraints.integer_interval(0, self.layout.sizes - 1), 1)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "BayesNetDistribution":
        """Return independent copies."""
        return BayesNetDistribution(self.graph, self.layout, self.log_table, batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-probabilities in nats, one lookup a table for all rows together.

        Args:
            value: Numbers of states, of any type, ``(*sample, *batch, num_variables)``, broadcast against the batch.

        Raises:
            ValueError: If a value, which is named, is missing or no state.
        """
        codes = read_codes(value, self.graph, advice="Sum over what is missing by log_prob_observed.")
        log_prob = self.log_table[self.layout.cells(codes)].sum(-1)
        return log_prob.expand(torch.broadcast_shapes(log_prob.shape, self.batch_shape))

    def sample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw parents before children; integers, ``(*sample_shape, *batch_shape, num_variables)``."""
        shape = torch.Size(sample_shape) + self.batch_shape
        graph = self.graph
        with torch.no_grad():
            tables = self.layout.split(self.log_table.exp())
            drawn: dict[int, Tensor] = {}
            for variable in graph.order:
                rows = tables[variable][tuple(drawn[parent] for parent in graph.parents[variable])]
                rows = rows.expand(shape.numel(), graph.sizes[variable])
                drawn[variable] = torch.multinomial(rows, 1).squeeze(-1)
        columns = [drawn[variable] for variable in range(len(graph.names))]
        return torch.stack(columns, -1).reshape(shape + self.event_shape)

    def __repr__(self) -> str:
        return f"BayesNetDistribution(batch_shape={tuple(self.batch_shape)}, num_variables={len(self.graph.names)})"
