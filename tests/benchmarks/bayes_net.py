"""Queries of a Bayesian network of 37 variables, beside Pyro's enumeration and opt_einsum, and learning its tables."""

from collections.abc import Callable
from functools import partial

import opt_einsum
import pyro
import torch
from pyro.infer import TraceEnum_ELBO
from torch import Tensor

from pyrodgm.models import BayesNet
from pyrodgm.models.bayes_net_graph import BayesNetGraph
from tests.bayes_net_cases import generated
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave

GROUPS = (("pyrodgm", "pyro", "opt_einsum"),)
ROUNDS = 15
LIMIT = 1000.0  # milliseconds, of the mission: a marginal in under a second
NUM_ROWS, HOLES = 10_000, 0.1
QUERY, MARGINALS, ENUMERATION = "`query`", "`marginals`, all variables", "Pyro, `TraceEnum_ELBO`, the evidence alone"
COUNT, EXPECT = "`fit`, by counts", f"one step of EM, {HOLES:.0%} missing"
TASKS: dict[str, dict[str, int]] = {"marginal": {}, "posterior": {"v3": 1, "v20": 0, "v35": 1}}
TARGET = "v36"
MAX_ERROR = 1e-5


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time a marginal, a posterior, and learning."""
    net = generated()
    seconds = 0.02 if quick else 0.1
    found = {task: measure_query(net, evidence, rounds, seconds) for task, evidence in TASKS.items()}
    return found | {"learning": measure_learning(net, rounds, seconds)}


def measure_query(net: BayesNet, evidence: dict[str, int], rounds: int, seconds: float) -> list[Timing]:
    """Time one query; before, compare it with the contraction by opt_einsum."""
    ours = net.query(TARGET, evidence)
    error = float((contraction(net, evidence) - ours.table).detach().abs().max())
    contenders: list[Contender] = [
        Contender(FLOOR, partial(contraction, net, evidence), net.num_parameters(), "one call of opt_einsum"),
        Contender(QUERY, partial(net.query, TARGET, evidence), net.num_parameters()),
        Contender(MARGINALS, partial(net.marginals, evidence), net.num_parameters()),
    ]
    if evidence:
        contenders.append(Contender(ENUMERATION, enumeration(net, evidence), net.num_parameters(), every=5))
    with torch.no_grad():
        timings = interleave(contenders, rounds=rounds, block_seconds=seconds)
    timings[1].values["error"] = error
    return timings


def contraction(net: BayesNet, evidence: dict[str, int]) -> Tensor:
    """Contract all tables that matter in one expression, along the path that opt_einsum finds."""
    graph: BayesNetGraph = net.graph
    observed = graph.read_evidence(evidence)
    target = graph.position(TARGET)
    operands: list[object] = []
    for variable in graph.ancestors({target, *observed}):
        family = graph.family(variable)
        table = net.table(graph.names[variable])[tuple(observed.get(member, slice(None)) for member in family)]
        operands += [table, [member for member in family if member not in observed]]
    joint: Tensor = opt_einsum.contract(*operands, [target], backend="torch")
    return joint / joint.sum()


def enumeration(net: BayesNet, evidence: dict[str, int]) -> Callable[[], float]:
    """Sum over all other variables by Pyro: the probability of the evidence, no marginal."""
    program = pyro.condition(net.model, {name: torch.tensor([state]) for name, state in evidence.items()})
    return partial(TraceEnum_ELBO(max_plate_nesting=1).loss, program, net.guide)


def measure_learning(net: BayesNet, rounds: int, seconds: float) -> list[Timing]:
    """Time counting, and counting in expectation."""
    x = net.sample(NUM_ROWS)
    seen = x.float().masked_fill(torch.rand(x.shape) < HOLES, torch.nan)
    learner = generated()

    def step() -> None:
        learner.m_step(seen, learner.e_step(seen))

    contenders = [
        Contender(FLOOR, partial(counts_by_hand, net, x), net.num_parameters(), "one bincount a table"),
        Contender(COUNT, partial(learner.fit, x), net.num_parameters()),
        Contender(EXPECT, step, net.num_parameters(), every=5),
    ]
    return interleave(contenders, rounds=rounds, block_seconds=seconds)


def counts_by_hand(net: BayesNet, x: Tensor) -> list[Tensor]:
    """Count by one table at a time."""
    tables = []
    for variable in range(len(net.names)):
        shape = net.graph.shape(variable)
        cells = torch.zeros(len(x), dtype=torch.long)
        for size, member in zip(shape, net.graph.family(variable), strict=True):
            cells = cells * size + x[:, member]
        counts = torch.bincount(cells, minlength=torch.Size(shape).numel()).view(shape) + 1.0
        tables.append(counts / counts.sum(-1, keepdim=True))
    return tables


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """Two tables of queries, one of learning."""
    found = [
        Table(
            f"Bayesian network, {task}",
            f"The {task} of one of 37 variables with 2 to 4 states and at most 3 parents each"
            f"{', given three others' if TASKS[task] else ''}. The floor contracts the same tables by opt_einsum, "
            "whose path is searched at each call, as an order of elimination is.",
            rows,
            {QUERY: Target(milliseconds=LIMIT), MARGINALS: Target(milliseconds=LIMIT)},
            [
                (
                    f"largest difference to the floor {rows[1].values['error']:.1e} (target ≤ {MAX_ERROR:g})",
                    rows[1].values["error"] <= MAX_ERROR,
                )
            ],
        )
        for task, rows in timings.items()
        if task in TASKS
    ]
    text = (
        f"Tables of the same net from {NUM_ROWS:,} rows. The step of EM sums over what is missing in each row, for all "
        "rows together, and its expected counts are one pass back."
    )
    return [*found, Table("Bayesian network, learning", text, timings["learning"], {})]
