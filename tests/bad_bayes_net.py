"""Bad input to Bayesian networks: a part of the table in tests/test_bad_input.py."""

import networkx
import torch

from pyrodgm import infer, models
from pyrodgm.models import BayesNet, Variable
from tests.bayes_net_cases import asia, generated, sprinkler

NAN = float("nan")


def rain(table=None, **kwargs):
    return BayesNet({"rain": Variable(("no", "yes")), "grass": Variable(2, ["rain"], table, **kwargs)})


def with_bad_value(value, net=None):
    x = (net or sprinkler()).sample(5).double()
    x[3, 2] = value
    return x


def dense():
    """Thirty-two variables that all meet in one, through pairs: no order avoids a product of all."""
    names = [f"x{number}" for number in range(32)]
    pairs = {f"{a}{b}": Variable(2, [a, b]) for number, a in enumerate(names) for b in names[:number]}
    return BayesNet({**{name: Variable(2) for name in names}, **pairs})


CASES = {
    "a cycle in a net": (
        lambda: BayesNet({"a": Variable(2, ["c"]), "b": Variable(2, ["a"]), "c": Variable(2, ["b"]), "d": Variable(2)}),
        r"Expected a graph without cycles; got the cycle (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c) "
        r"\(parent -> child\)\. Remove one",
    ),
    "a variable that is its own parent": (
        lambda: BayesNet({"a": Variable(2, ["a"])}),
        r"got the cycle a -> a \(parent -> child\)",
    ),
    "a cycle in a networkx graph": (
        lambda: BayesNet.from_networkx(networkx.DiGraph([("a", "b"), ("b", "a")]), states=2),
        r"got the cycle (a -> b -> a|b -> a -> b) \(parent -> child\)",
    ),
    "a table that does not sum to 1": (
        lambda: rain([[0.5, 0.5], [0.5, 0.4]]),
        r"sum to 1 in each row of the table of 'grass'; got \[0\.5, 0\.4\], sum 0\.9, where rain='yes'\. Correct",
    ),
    "a root's table that does not sum to 1": (
        lambda: BayesNet({"a": Variable(table=[0.5, 0.6])}),
        r"table of 'a'; got \[0\.5, 0\.6\], sum 1\.1\. Correct this row\.",
    ),
    "a table of transposed rows": (
        lambda: BayesNet({"a": Variable(2), "b": Variable(2, ["a"], [[0.9, 0.3], [0.1, 0.7]])}),
        r"table of 'b'; got \[0\.9, 0\.3\], sum 1\.2, where a=0\.",
    ),
    "a negative probability": (
        lambda: rain([[0.5, 0.5], [1.5, -0.5]]),
        r"got \[1\.5, -0\.5\], sum 1, where rain='yes'",
    ),
    "a table of NaN": (lambda: rain([[0.5, 0.5], [NAN, 0.5]]), r"got \[nan, 0\.5\], sum nan, where rain='yes'\."),
    "a table of the wrong shape": (
        lambda: rain([0.5, 0.5]),
        r"Expected a table of shape \(2, 2\) for 'grass', dimensions \(rain, states of grass\); got \(2,\)\.",
    ),
    "a table of uneven lists": (
        lambda: rain([[0.5, 0.5], [1.0]]),
        r"Expected the table of 'grass' as a tensor or evenly nested lists of numbers; got ",
    ),
    "an unknown parent": (
        lambda: BayesNet({"rain": Variable(2), "grass": Variable(2, ["rian"])}),
        r"Expected the name of a variable as a parent of 'grass'; got 'rian'\. Did you mean 'rain'\?",
    ),
    "parents as one string": (
        lambda: BayesNet({"rain": Variable(2), "grass": Variable(2, "rain")}),
        r"Expected the parents of 'grass' as a list of names; got 'rain'\. Write \['rain'\]\.",
    ),
    "a parent twice": (
        lambda: BayesNet({"rain": Variable(2), "grass": Variable(2, ["rain", "rain"])}),
        r"Expected each parent of 'grass' once; got \['rain', 'rain'\]\.",
    ),
    "a state twice": (
        lambda: BayesNet({"a": Variable(("x", "x"))}),
        r"Expected states of 'a' .*got \('x', 'x'\)\. Name",
    ),
    "no states": (lambda: BayesNet({"a": Variable(0)}), r"Expected states of 'a' as a number of at least 1.*got 0\."),
    "neither states nor a table": (
        lambda: BayesNet({"a": Variable()}),
        r"Expected states or a table of 'a'; got neither",
    ),
    "a table instead of a variable": (
        lambda: BayesNet({"a": [0.5, 0.5]}),
        r"Expected a Variable for 'a'; got list\. Write models\.Variable\(states, parents, table\)\.",
    ),
    "no variables": (lambda: BayesNet({}), r"Expected at least one variable; got none\."),
    "a variable named as the plate": (
        lambda: BayesNet({"data": Variable(2)}),
        r"other than 'data'; got 'data'\. Rename",
    ),
    "a variable with a dot": (lambda: BayesNet({"a.b": Variable(2)}), r"without dots.*got 'a\.b'\. Rename it\."),
    "a variable that is no string": (
        lambda: BayesNet.from_networkx(networkx.DiGraph([(0, 1)]), states=2),
        r"Expected names of variables to be strings.*got 0\. Rename",
    ),
    "an undirected graph": (
        lambda: BayesNet.from_networkx(networkx.Graph([("a", "b")]), states=2),
        r"Expected a networkx\.DiGraph; got Graph\. Edges go from parent to child\.",
    ),
    "parents other than the edges": (
        lambda: BayesNet.from_networkx(graph_with_parents(), states=2),
        r"Expected the attribute parents of 'b' to order the parents \['a'\] that the edges give; got \['c'\]\.",
    ),
    "a query of an unknown variable": (
        lambda: sprinkler().query("gras"),
        r"Expected the name of a variable as target; got 'gras'\. Did you mean 'grass'\?",
    ),
    "evidence of an unknown variable": (
        lambda: sprinkler().query("rain", {"snow": 1}),
        r"Expected the name of a variable as evidence; got 'snow'\. There are 'cloudy', 'sprinkler', 'rain', 'grass'\.",
    ),
    "evidence of an unknown state": (
        lambda: sprinkler().query("rain", {"grass": "moist"}),
        r"Expected a state of 'grass', one of \['dry', 'wet'\]; got 'moist'\. Give a state's name or its number\.",
    ),
    "evidence of a state beyond the last": (
        lambda: sprinkler().query("rain", {"grass": 2}),
        r"Expected a state of 'grass', one of \['dry', 'wet'\]; got 2\.",
    ),
    "a probability of an unknown state": (
        lambda: sprinkler().query("rain")["maybe"],
        r"Expected a state of 'rain', one of \['no', 'yes'\]; got 'maybe'\.",
    ),
    "a probability of too few states": (
        lambda: sprinkler().query(["rain", "grass"])["yes"],
        r"Expected one state for each of \(rain, grass\); got 'yes'\. Give a tuple of states\.",
    ),
    "a target in the evidence": (
        lambda: sprinkler().query("rain", {"rain": "yes"}),
        r"Expected different targets, none of them in the evidence; got 'rain' given \['rain'\]\.",
    ),
    "a target twice": (lambda: sprinkler().query(["rain", "rain"]), r"Expected different targets.*Name each variable"),
    "no target": (lambda: sprinkler().query([]), r"Expected different targets, none of them in the evidence; got \[\]"),
    "evidence of probability zero": (
        lambda: asia().query("lung", {"tub": "yes", "either": "no"}),
        r"Expected evidence of positive probability; got tub='yes', either='no', of probability 0\. There is no",
    ),
    "evidence of probability zero, all marginals": (
        lambda: asia().marginals({"tub": "yes", "either": "no"}),
        r"got tub='yes', either='no', of probability 0\.",
    ),
    "a net too dense for exact inference": (
        lambda: dense().query("x0", {f"x{a}x{b}": 0 for a in range(32) for b in range(a)}),
        r"Expected tables of at most 268,435,456 entries on the way; got [\d,]+\. Exact inference does not pay",
    ),
    "states beyond the last in rows": (
        lambda: generated().log_prob(with_bad_value(9, generated())),
        r"Expected states 0 \.\. \d of 'v2' in column 2; got 9 in row 3\. Give states by their numbers\.",
    ),
    "a state between two": (
        lambda: sprinkler().log_prob(with_bad_value(0.5)),
        r"of 'rain' in column 2; got 0\.5 in row 3",
    ),
    "an infinite state": (
        lambda: sprinkler().e_step(with_bad_value(torch.inf)),
        r"of 'rain' in column 2; got inf in row",
    ),
    "rows of another net": (
        lambda: sprinkler().log_prob(torch.zeros(5, 3)),
        r"Expected x of shape \(\*batch, 4\), a column for each of 'cloudy', 'sprinkler', 'rain', 'grass'; got \(",
    ),
    "no rows for a net": (
        lambda: sprinkler().fit(torch.zeros(0, 4)),
        r"Expected x of shape \(num_rows, 4\), at least one row; got \(0, 4\)\. Pass data\.",
    ),
    **{
        f"missing values, {name}": (
            call,
            r"Expected a state of every variable; got NaN or -1, missing, in column 2, 'rain', of row 3\. " + advice,
        )
        for name, call, advice in (
            ("fit", lambda: sprinkler().fit(with_bad_value(NAN)), r"Learn from rows with holes by infer\.em"),
            ("fit, -1", lambda: sprinkler().fit(with_bad_value(-1).long()), r"Learn from rows with holes by infer\.em"),
            ("EM", lambda: infer.em(sprinkler(), with_bad_value(-1).long()), r"Learn from rows with holes"),
            ("posterior", lambda: sprinkler().posterior(with_bad_value(NAN)), r"Learn from rows with holes"),
            (
                "log_prob",
                lambda: sprinkler().log_prob(with_bad_value(NAN)),
                r"Sum over what is missing by log_prob_obs",
            ),
            ("program", lambda: sprinkler().model(with_bad_value(NAN)), r"Observe some variables by pyro\.condition"),
            ("check", lambda: sprinkler().check_data(with_bad_value(NAN)), r"Learn from rows with holes"),
        )
    },
    "missing values, EM that was not told": (lambda: infer.em(sprinkler(), with_bad_value(NAN)), r"column 2"),
    "rows that the tables exclude": (
        lambda: asia().e_step(torch.tensor([[0, 0, 0, 0, 0, 0, 0, 0], [0, 1, -1, -1, -1, 0, -1, -1]])),
        r"Expected rows of positive probability; got probability 0 in row 1\. Start from tables without zeros",
    ),
    "complete rows that the tables exclude": (
        lambda: asia().e_step(torch.tensor([[-1, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0]])),
        r"got probability 0 in row 1\.",
    ),
    "negative counts": (
        lambda: sprinkler().fit(torch.zeros(5, 4), -1.0),
        r"Expected prior_counts of at least 0; got -1",
    ),
    "negative counts of EM": (
        lambda: BayesNet({"a": Variable(2)}, prior_counts=-0.5),
        r"Expected prior_counts of at least 0; got -0\.5\. 0 is maximum likelihood\.",
    ),
    "a posterior without a prior": (
        lambda: sprinkler().posterior(torch.zeros(5, 4), 0.0),
        r"Expected a prior of positive counts; got prior_counts=0\.0 .* Give more than 0\.",
    ),
    "a tree of missing values": (
        lambda: models.chow_liu(with_bad_value(NAN)),
        r"got NaN or -1, missing, in column 2, 'x2', of row 3\.",
    ),
    "a tree of no rows": (
        lambda: models.chow_liu(torch.zeros(0, 4)),
        r"Expected x of shape \(num_rows, num_variables\), not empty; got \(0, 4\)\. Pass data\.",
    ),
    "a tree with too few names": (
        lambda: models.chow_liu(torch.zeros(5, 4), names=["a", "b"]),
        r"Expected 4 numbers of states and different names, one a column; got 4 and 2\.",
    ),
    "a tree with states beyond the last": (
        lambda: models.chow_liu(with_bad_value(5), num_states=2),
        r"Expected states 0 \.\. 1 of 'x2' in column 2; got 5 in row 3\.",
    ),
}


def graph_with_parents():
    graph = networkx.DiGraph([("a", "b")])
    graph.add_node("c")
    graph.nodes["b"]["parents"] = ["c"]
    return graph
