"""Bayesian networks: a part of tests/cases.py, and the textbook nets of their tests."""

import torch

from pyrodgm import models, plots
from pyrodgm.models import BayesNet, Variable

NO_YES = ("no", "yes")


def sprinkler():
    """Russell, Norvig, Artificial Intelligence: rain or a sprinkler wets the grass."""
    return BayesNet(
        {
            "cloudy": Variable(NO_YES, table=[0.5, 0.5]),
            "sprinkler": Variable(("off", "on"), ["cloudy"], [[0.5, 0.5], [0.9, 0.1]]),
            "rain": Variable(NO_YES, ["cloudy"], [[0.8, 0.2], [0.2, 0.8]]),
            "grass": Variable(
                ("dry", "wet"), ["sprinkler", "rain"], [[[1.0, 0.0], [0.1, 0.9]], [[0.1, 0.9], [0.01, 0.99]]]
            ),
        }
    )


def asia():
    """Lauritzen, Spiegelhalter (1988), Local Computations with Probabilities on Graphical Structures, table 2."""
    either = [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]]  # a table of 0 and 1: tuberculosis or cancer
    return BayesNet(
        {
            "asia": Variable(NO_YES, table=[0.99, 0.01]),
            "tub": Variable(NO_YES, ["asia"], [[0.99, 0.01], [0.95, 0.05]]),
            "smoke": Variable(NO_YES, table=[0.5, 0.5]),
            "lung": Variable(NO_YES, ["smoke"], [[0.99, 0.01], [0.9, 0.1]]),
            "bronc": Variable(NO_YES, ["smoke"], [[0.7, 0.3], [0.4, 0.6]]),
            "either": Variable(NO_YES, ["lung", "tub"], either),
            "xray": Variable(NO_YES, ["either"], [[0.95, 0.05], [0.02, 0.98]]),
            "dysp": Variable(NO_YES, ["bronc", "either"], [[[0.9, 0.1], [0.3, 0.7]], [[0.2, 0.8], [0.1, 0.9]]]),
        }
    )


def generated(num_variables=37, max_parents=3, max_states=4, window=8, seed=0):
    """A sparse net as large as ALARM: each variable has parents among the ``window`` before it."""
    generator = torch.Generator().manual_seed(seed)

    def integer(low, high):
        return int(torch.randint(low, high + 1, (), generator=generator))

    variables, sizes = {}, []
    for number in range(num_variables):
        near = torch.arange(max(0, number - window), number)
        chosen = near[torch.randperm(len(near), generator=generator)][: integer(0, max_parents)].tolist()
        sizes.append(integer(2, max_states))
        weights = torch.empty(*(sizes[parent] for parent in chosen), sizes[-1]).exponential_(generator=generator)
        table = weights / weights.sum(-1, keepdim=True)
        variables[f"v{number}"] = Variable(sizes[-1], [f"v{parent}" for parent in chosen], table)
    return BayesNet(variables)


def learnable():
    """Six binary variables, one of them named as the site of a model's data."""
    parents = {"a": [], "b": ["a"], "c": ["a", "b"], "x": [], "d": ["c", "x"], "e": ["d"]}
    return BayesNet({name: Variable(2, chosen) for name, chosen in parents.items()})


CONDITIONALS = {
    "BayesNet": (learnable, True),
    "BayesNet, states by name": (sprinkler, True),
    "BayesNet, one variable": (lambda: BayesNet({"a": Variable(2)}), True),
    "BayesNet, several sizes": (lambda: generated(5), False),
}

MODELS = {"BayesNet": (learnable, "binary", 0)}

OWN_TESTS = (
    BayesNet,
    Variable,
    models.BayesNetDistribution,
    models.QueryResult,
    models.DirichletTables,
    models.chow_liu,
    plots.bayes_net,
)
