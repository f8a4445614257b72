"""Bayesian networks of named discrete variables: a program, exact queries, and learning."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pyrodgm.conditional import Conditional
from pyrodgm.models.bayes_net_distribution import BayesNetDistribution
from pyrodgm.models.bayes_net_graph import BayesNetGraph, Variable, variables_of
from pyrodgm.models.bayes_net_learning import (
    ExpectedCounts,
    count_cells,
    expect_cells,
    normalize,
    observed_log_prob,
    random_counts,
)
from pyrodgm.models.bayes_net_program import BayesNetProgram, parameter_name
from pyrodgm.models.bayes_net_rows import read_data
from pyrodgm.models.density import EmptyGuide
from pyrodgm.models.dirichlet_tables import DirichletTables
from pyrodgm.models.exact_inference import all_marginals, conditional
from pyrodgm.models.model import Model
from pyrodgm.models.query_result import QueryResult
from pyrodgm.models.table_layout import TableLayout

COMPLETE_ONLY = 'Learn from rows with holes by infer.em(net, x, missing="em").'


class BayesNet(Model, Conditional):
    r"""A Bayesian network :math:`p(x) = \prod_v p(x_v \mid x_{\mathrm{parents}(v)})` of discrete variables with tables.

    It is a model, a pair of Pyro programs whose sites are the variables under their names, marked for enumeration; and
    a conditional, ``net()``, the distribution of whole rows. A row holds numbers of states, a column a variable in the
    order of ``variables``. Parameters are ``tables.<name>_logits``, normalised over their last dimension.

    Args:
        variables: From names to :class:`Variable`; parents may stand after their children.
        prior_counts: Counted in each cell besides the data by EM, whose bound then has the logarithm of that prior,
            up to a constant.

    Raises:
        ValueError: If there is a cycle, which is named, a table does not fit or has a row, which is named, that does
            not sum to 1, or names of variables or states are unknown or stand twice.

    Example:
        >>> from pyrodgm import models
        >>> net = models.BayesNet({
        ...     "rain": models.Variable(["no", "yes"], table=[0.8, 0.2]),
        ...     "sprinkler": models.Variable(["off", "on"], ["rain"], [[0.6, 0.4], [0.99, 0.01]]),
        ...     "grass": models.Variable(
        ...         ["dry", "wet"], ["sprinkler", "rain"], [[[1.0, 0.0], [0.2, 0.8]], [[0.1, 0.9], [0.01, 0.99]]]
        ...     ),
        ... })
        >>> net.query("rain", {"grass": "wet"})
        QueryResult('rain': {'no': 0.6423, 'yes': 0.3577})
        >>> x = net.sample(5)
        >>> x.shape, net.log_prob(x).shape, net.num_parameters()
        (torch.Size([5, 3]), torch.Size([5]), 7)

    References:
        Koller, Friedman (2009), Probabilistic Graphical Models, chapters 3 (the model), 9 (variable elimination), 17
        and 19 (learning from complete and from incomplete data)
    """

    handles_missing = True

    def __init__(self, variables: Mapping[str, Variable], *, prior_counts: float = 0.0) -> None:
        super().__init__()
        if not prior_counts >= 0:
            raise ValueError(f"Expected prior_counts of at least 0; got {prior_counts}. 0 is maximum likelihood.")
        self.graph = graph = BayesNetGraph(variables)
        self.prior_counts = prior_counts
        self.tables = nn.ParameterDict()
        for position, (name, variable) in enumerate(variables.items()):
            if variable.table is None:
                logits = torch.zeros(graph.shape(position))
            else:
                logits = graph.read_table(name, variable.table).log()
            self.tables[parameter_name(name)] = nn.Parameter(logits)
        self.layout = TableLayout(graph)
        self.event_shape = torch.Size((len(graph.names),))
        self.pair(BayesNetProgram(graph, self.tables), EmptyGuide())

    @classmethod
    def from_networkx(
        cls, graph: Any, *, states: int | Sequence[Hashable] | None = None, prior_counts: float = 0.0
    ) -> "BayesNet":
        """Build from a ``networkx.DiGraph``, whose edges go from parent to child.

        Args:
            graph: Its nodes may have the attributes ``states`` and ``table``, as :class:`Variable`, and ``parents``,
                the order of the table's dimensions; by default parents stand in the order of their edges.
            states: Of nodes that have neither ``states`` nor ``table``.
            prior_counts: As for the class.

        Raises:
            ValueError: If it is no directed graph, or as the class.
        """
        return cls(variables_of(graph, states), prior_counts=prior_counts)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, in the order of the columns."""
        return self.graph.names

    @property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """From each variable to its parents."""
        names = self.graph.names
        return {name: tuple(names[p] for p in parents) for name, parents in zip(names, self.graph.parents, strict=True)}

    @property
    def states(self) -> dict[str, tuple[Hashable, ...]]:
        """From each variable to the names of its states."""
        return dict(zip(self.graph.names, self.graph.states, strict=True))

    def num_parameters(self) -> int:
        """Return how many numbers of the tables are free: all but one of each row."""
        return self.graph.num_parameters()

    def table(self, name: str) -> Tensor:
        """Return probabilities of a variable given its parents, ``(*sizes of the parents, number of states)``."""
        self.graph.position(name)
        return self.tables[parameter_name(name)].softmax(-1)

    def log_table(self) -> Tensor:
        """Return the logarithms of all tables, one after the other."""
        logits = (self.tables[parameter_name(name)] for name in self.graph.names)
        return torch.cat([table.log_softmax(-1).flatten() for table in logits])

    @torch.no_grad()
    def set_tables(self, probs: Tensor) -> None:
        """Set all tables in place.

        Args:
            probs: Probabilities, one table after the other, as :meth:`log_table` has them.
        """
        for name, table in zip(self.graph.names, self.layout.split(probs), strict=True):
            self.tables[parameter_name(name)].copy_(table.log())

    def distribution(self, context: Tensor | None = None) -> BayesNetDistribution:
        """Return the distribution of rows."""
        return BayesNetDistribution(self.graph, self.layout, self.log_table())

    def observation(self, context: Tensor | None) -> BayesNetDistribution:
        """Return the distribution of rows."""
        return self.distribution(context)

    def check_data(self, x: Tensor, context: Tensor | None = None) -> None:
        """Check a whole data set.

        Raises:
            ValueError: If there are no rows, or a value, whose variable and row are named, is missing or no state.
        """
        read_data(x, self.graph, advice=COMPLETE_ONLY)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log-probabilities of complete rows in nats.

        Args:
            x: Numbers of states, ``(*batch, num_variables)``, of any type.

        Returns:
            ``(*batch,)``.

        Raises:
            ValueError: If a value, whose variable and row are named, is missing or no state.
        """
        return self.distribution().log_prob(x)

    @torch.no_grad()
    def log_prob_observed(self, x: Tensor) -> Tensor:
        """Return log-probabilities in nats of what is observed, the rest summed over exactly.

        Args:
            x: As :meth:`log_prob`, ``(num_rows, num_variables)``; NaN or -1 is missing.

        Returns:
            ``(num_rows,)``, without gradients.

        Raises:
            ValueError: If a value, whose variable and row are named, is no state.
        """
        codes = read_data(x, self.graph, missing=True)
        dtype = self.tables[parameter_name(self.names[0])].dtype
        return observed_log_prob(self._table(), self.graph, self.layout, codes).to(dtype)

    def sample(self, num: int, context: Tensor | None = None) -> Tensor:
        """Draw rows, parents before children.

        Returns:
            Numbers of states, ``(num, num_variables)``; ``net.model(num=num)`` draws a dict by name.
        """
        self.check_context(context)
        return self.distribution().sample(torch.Size((num,)))

    def query(self, target: str | Sequence[str], evidence: Mapping[str, Any] | None = None) -> QueryResult:
        r"""Return the exact conditional :math:`p(\mathrm{target} \mid \mathrm{evidence})` by variable elimination.

        What neither the targets nor the evidence descend from is left out, the order is that of least fill, and the
        joint table is never formed.

        Args:
            target: A name, or several for their joint distribution.
            evidence: From names to states, by name or by number.

        Returns:
            ``.probs`` by state, also ``result[state]``, and ``.table``, a tensor with gradients.

        Raises:
            ValueError: If a name or a state is unknown, a target stands twice or in the evidence, or the evidence has
                probability zero.
        """
        return conditional(self.graph, self._tables(), target, evidence)

    def marginals(self, evidence: Mapping[str, Any] | None = None) -> dict[str, QueryResult]:
        r"""Return :math:`p(v \mid \mathrm{evidence})` of every variable that is not observed, from one elimination.

        Each is the gradient of the evidence's log-probability to weights of 1 at the variable's states.

        Args:
            evidence: From names to states, by name or by number.

        Returns:
            What :meth:`query` returns, by name, without gradients.

        Raises:
            ValueError: If a name or a state is unknown, or the evidence has probability zero.
        """
        return all_marginals(self.graph, self._tables(), evidence)

    def fit(self, x: Tensor, prior_counts: float = 1.0) -> "BayesNet":
        """Set the tables to shares of counts, in place: the posterior's means under a Dirichlet prior.

        Args:
            x: Complete rows, ``(num_rows, num_variables)``.
            prior_counts: Counted in each cell besides the data; 0 is maximum likelihood, where a row of a table that
                never occurs stays as it is.

        Returns:
            The net itself.

        Raises:
            ValueError: If a value, whose variable and row are named, is missing or no state.
        """
        counts = self._count(x) + self._prior(prior_counts, None)
        self.set_tables(normalize(counts, self.layout, self._table()))
        return self

    def posterior(
        self, x: Tensor, prior_counts: float = 1.0, *, equivalent_sample_size: float | None = None
    ) -> DirichletTables:
        """Return the exact Dirichlet posterior of every row of the tables, with the evidence of the graph.

        Args:
            x: Complete rows, ``(num_rows, num_variables)``.
            prior_counts: The prior's parameter in each cell.
            equivalent_sample_size: Instead, what the prior's parameters sum to in each table, spread evenly (BDeu):
                graphs that claim the same independences then have the same evidence.

        Raises:
            ValueError: If a value, whose variable and row are named, is missing or no state, or a prior is not
                positive.
        """
        prior = self._prior(prior_counts, equivalent_sample_size)
        if not (prior > 0).all():
            raise ValueError(
                f"Expected a prior of positive counts; got prior_counts={prior_counts} and "
                f"equivalent_sample_size={equivalent_sample_size}. Give more than 0."
            )
        return DirichletTables(self, prior, self._count(x))

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Start from data: each table from the rows that have all of its variables, or at random if there are none.

        Args:
            x: ``(num_rows, num_variables)``; NaN or -1 is missing.
            context: None.
        """
        counts = count_cells(read_data(x, self.graph, missing=True), self.layout)
        seen = [table + (1.0 if table.any() else random_counts(table)) for table in self.layout.split(counts)]
        self.set_tables(torch.cat([(table / table.sum(-1, keepdim=True)).flatten() for table in seen]))

    @torch.no_grad()
    def e_step(self, x: Tensor) -> ExpectedCounts:
        """Return the posterior of what is missing, as expected counts.

        Args:
            x: ``(num_rows, num_variables)``; NaN or -1 is missing.

        Raises:
            ValueError: If a value is no state, or what is observed in a row has probability zero.
        """
        table = self._table()
        counts, log_evidence = expect_cells(table, self.graph, self.layout, read_data(x, self.graph, missing=True))
        return ExpectedCounts(counts, log_evidence.sum() - counts.xlogy(table).sum())

    @torch.no_grad()
    def m_step(self, x: Tensor, q: ExpectedCounts) -> None:
        """Set the tables to shares of expected counts; a row that is never expected stays as it is."""
        self.set_tables(normalize(q.counts + self.prior_counts, self.layout, self._table()))

    @torch.no_grad()
    def bound(self, x: Tensor, q: ExpectedCounts) -> Tensor:
        """Return the evidence lower bound, summed over rows, in nats."""
        return (q.counts + self.prior_counts).xlogy(self._table()).sum() + q.entropy

    def _tables(self) -> list[Tensor]:
        return [self.table(name) for name in self.graph.names]

    def _table(self) -> Tensor:
        """Return all tables as constants in double precision: sums over many rows need it."""
        return self.log_table().detach().double().exp()

    def _count(self, x: Tensor) -> Tensor:
        return count_cells(read_data(x, self.graph, advice=COMPLETE_ONLY), self.layout)

    def _prior(self, prior_counts: float, equivalent_sample_size: float | None) -> Tensor:
        if not prior_counts >= 0:
            raise ValueError(f"Expected prior_counts of at least 0; got {prior_counts}. 0 is maximum likelihood.")
        prior = torch.full_like(self._table(), prior_counts)
        if equivalent_sample_size is not None:
            for table in self.layout.split(prior):
                table.fill_(equivalent_sample_size / table.numel())
        return prior
