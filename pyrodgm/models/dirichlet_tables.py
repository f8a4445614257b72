"""The exact posterior over the tables of a Bayesian network, given complete data."""

import copy
from typing import TYPE_CHECKING

import pyro.distributions as dist
import torch
from torch import Tensor

if TYPE_CHECKING:
    from pyrodgm.models.bayes_net import BayesNet


class DirichletTables:
    r"""Independent Dirichlet distributions over the rows of all tables: :math:`\alpha_\mathrm{prior} + n`.

    Args:
        net: The net whose tables they are of.
        prior: Counts before the data, of all cells in one vector.
        counts: Those of the data.

    Attributes:
        log_evidence: :math:`\log p(x)`, the tables integrated out, in nats, a scalar: the score of the graph.

    References:
        Heckerman, Geiger, Chickering (1995), Learning Bayesian Networks: The Combination of Knowledge and Statistical
        Data, https://doi.org/10.1007/BF00994016
    """

    def __init__(self, net: "BayesNet", prior: Tensor, counts: Tensor) -> None:
        self.net = net
        self.concentrations = net.layout.split(prior + counts)
        self.log_evidence = prior.new_zeros(())
        for before, after in zip(net.layout.split(prior), self.concentrations, strict=True):
            rows = before.sum(-1).lgamma() - after.sum(-1).lgamma()
            self.log_evidence = self.log_evidence + rows.sum() + (after.lgamma() - before.lgamma()).sum()

    def distribution(self, name: str) -> dist.Dirichlet:
        """Return the posterior of one table, whose batch are the states of the parents."""
        return dist.Dirichlet(self.concentrations[self.net.graph.position(name)])

    def predictive(self) -> "BayesNet":
        """Return the net of the posterior's means: exactly the predictive distribution of one more row."""
        return self._copy([table / table.sum(-1, keepdim=True) for table in self.concentrations])

    def sample(self) -> "BayesNet":
        """Return the net of one draw of the tables."""
        return self._copy([dist.Dirichlet(table).sample() for table in self.concentrations])

    def _copy(self, tables: list[Tensor]) -> "BayesNet":
        net = copy.deepcopy(self.net)
        net.set_tables(torch.cat([table.flatten() for table in tables]))
        return net
