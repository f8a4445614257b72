"""The Pyro program of a Bayesian network: a site a variable, under the variable's name."""

import pyro
import pyro.distributions as dist
from pyro.ops.indexing import Vindex
from torch import Tensor, nn

from pyrodgm.models.bayes_net_graph import BayesNetGraph
from pyrodgm.models.bayes_net_rows import read_data
from pyrodgm.models.program import Program, data_plate, num_rows


class BayesNetProgram(Program):
    """The program that samples each variable given its parents, every site marked for parallel enumeration.

    Some variables alone are observed by ``pyro.condition(program, {"rain": ...})``; :class:`pyro.infer.TraceEnum_ELBO`
    then sums over the rest.

    Args:
        graph: The variables.
        tables: Their logits, by :func:`parameter_name`.
    """

    def __init__(self, graph: BayesNetGraph, tables: nn.ParameterDict) -> None:
        super().__init__()
        self.graph, self.tables = graph, tables

    def forward(
        self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None, num: int = 1
    ) -> dict[str, Tensor]:
        """Sample or score all variables; returns their states by name."""
        graph, tables = self.graph, self.tables
        advice = "Observe some variables by pyro.condition(net.model, {name: states})."
        codes = None if x is None else read_data(x, graph, advice=advice)
        values: dict[str, Tensor] = {}
        with data_plate(num_rows(x, context, num), size):
            for variable in graph.order:
                name = graph.names[variable]
                parents = tuple(values[graph.names[parent]] for parent in graph.parents[variable])
                logits = Vindex(tables[parameter_name(name)])[(*parents, slice(None))]
                values[name] = pyro.sample(
                    name,
                    dist.Categorical(logits=logits),
                    obs=None if codes is None else codes[:, variable],
                    infer={"enumerate": "parallel"},
                )
        return values


def parameter_name(name: str) -> str:
    """Return the name of a variable's logits among the parameters: one that no attribute of a module has."""
    return f"{name}_logits"
