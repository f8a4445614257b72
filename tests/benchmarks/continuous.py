"""Continuous flows: training step, ``log_prob`` and draws in units of evaluations, memory against evaluations."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tests.benchmarks.continuous_floor import HandWrittenFFJORD, HandWrittenField, copy_field
from tests.benchmarks.flow_memory import peak_bytes
from tests.benchmarks.grid import Grid, Row
from tests.benchmarks.report import Table
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave

OURS, BY_TORCHDIFFEQ = "pyrodgm", "pyrodgm, torchdiffeq's adjoint"
RIVALS = ("zuko", "zuko, same field")
GROUPS = ((OURS, BY_TORCHDIFFEQ), RIVALS)
ROUNDS = 5
DIMS = (2, 43)
BATCH = 512
TOLERANCE = 1e-5
LEAST_SPEEDUP = 2.0
MOST_OVERHEAD = 1.10
MOST_GROWTH = 1.10
FEW, MANY = 20, 200  # evaluations between which memory is compared
EVALUATIONS = "evaluations"
ADJOINTS = {"checkpoint": OURS, "torchdiffeq": BY_TORCHDIFFEQ, None: "pyrodgm, graph"}
LogProb = Callable[[Tensor], Tensor]


@dataclass
class Entry:
    """One library's flow.

    Attributes:
        module: Has the parameters.
        log_prob: Of rows.
        evaluations: How many the last call took, where that is known.
    """

    module: nn.Module
    log_prob: LogProb
    evaluations: Callable[[], float] = lambda: math.nan


def field_of(dim: int, scale: float = 2.0) -> HandWrittenField:
    """Return the field, the same in every process."""
    torch.manual_seed(0)
    return HandWrittenField(dim, scale=scale)


def floor_entry(dim: int) -> Entry:
    """Return the hand-written FFJORD."""
    flow = HandWrittenFFJORD(field_of(dim), TOLERANCE)

    def log_prob(x: Tensor) -> Tensor:
        flow.num_evaluations = 0
        return flow.log_prob(x)

    return Entry(flow, log_prob, lambda: flow.num_evaluations)


def pyrodgm_flow(dim: int, adjoint: str | None, scale: float = 2.0) -> Any:
    """Return ours, with the same weights."""
    from pyrodgm import Fixed, Flow, distributions, nn, transforms

    field = nn.ConcatSquashMLP(dim, hidden_dims=(64, 64))
    copy_field(field_of(dim, scale), field)
    continuous = transforms.Continuous(
        field,
        dim,
        rtol=TOLERANCE,
        atol=TOLERANCE,
        adjoint=adjoint,  # type: ignore[arg-type]
        trace="hutchinson",
    )
    return Flow(continuous, Fixed(distributions.StandardNormal(dim)))


def pyrodgm_entry(dim: int, adjoint: str | None) -> Entry:
    """Return ours as a contender."""
    flow = pyrodgm_flow(dim, adjoint)
    return Entry(flow, lambda x: flow().log_prob(x), lambda: flow.bijection.num_evaluations)


def zuko_entry(dim: int) -> Entry:
    """Return zuko's own flow; run it in a process of its own, the import switches validation off."""
    from zuko.flows import CNF

    flow = CNF(dim, exact=False, atol=TOLERANCE, rtol=TOLERANCE, hidden_features=(64, 64))
    return Entry(flow, lambda x: flow().log_prob(x))


def zuko_same_field(dim: int) -> Entry:
    """Return zuko's transform along our field."""
    from zuko.transforms import FreeFormJacobianTransform

    field = field_of(dim)
    count = [0]

    def velocity(t: Tensor, z: Tensor) -> Tensor:
        count[0] += 1
        return field(t, z)  # type: ignore[no-any-return]

    def log_prob(x: Tensor) -> Tensor:
        count[0] = 0
        settings = {"atol": TOLERANCE, "rtol": TOLERANCE, "exact": False}
        transform = FreeFormJacobianTransform(velocity, 1.0, 0.0, phi=tuple(field.parameters()), **settings)
        u, ladj = transform.call_and_ladj(x)
        return -0.5 * u.square().sum(-1) - 0.5 * dim * math.log(2 * math.pi) + ladj

    return Entry(field, log_prob, lambda: count[0])


ENTRIES: dict[str, Callable[[int], Entry]] = {
    OURS: lambda dim: pyrodgm_entry(dim, "checkpoint"),
    BY_TORCHDIFFEQ: lambda dim: pyrodgm_entry(dim, "torchdiffeq"),
    "zuko": zuko_entry,
    "zuko, same field": zuko_same_field,
}


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time the training step with the libraries of one group; with ours, also what the solver adds, and memory."""
    results = {f"training|{dim}": _measure_training(group, dim, rounds=rounds) for dim in DIMS}
    if OURS in group:
        for dim in DIMS:
            for work in ("log_prob", "sample"):
                results[f"{work}|{dim}"] = _measure_overhead(work, dim, rounds=rounds)
            results[f"memory|{dim}"] = _measure_memory(dim)
    return results


def _measure_training(group: tuple[str, ...], dim: int, *, rounds: int) -> list[Timing]:
    entries = {FLOOR: floor_entry(dim)} | {name: ENTRIES[name](dim) for name in group}
    x = torch.randn(BATCH, dim)
    contenders = []
    for name, entry in entries.items():
        num_params = sum(parameter.numel() for parameter in entry.module.parameters())
        contenders.append(Contender(name, training_step(entry, x), num_params=num_params))
    timings = interleave(contenders, rounds=3 * rounds)
    for timing, entry in zip(timings, entries.values(), strict=True):
        with torch.no_grad():
            entry.log_prob(x.clone())
        timing.values[EVALUATIONS] = float(entry.evaluations())
    return timings


def training_step(entry: Entry, x: Tensor) -> Callable[[], None]:
    """Return what takes one step; at a rate of zero, so that the field, and with it the work, stays the same."""
    optimiser = torch.optim.Adam(entry.module.parameters(), lr=0.0, fused=True)

    def step() -> None:
        optimiser.zero_grad()
        (-entry.log_prob(x.detach()).mean()).backward()
        optimiser.step()

    return step


def _measure_overhead(work: str, dim: int, *, rounds: int) -> list[Timing]:
    """Time a call beside the evaluations that its solver takes, and nothing else."""
    flow = pyrodgm_flow(dim, "checkpoint")
    x = torch.randn(BATCH, dim)

    noise = torch.get_rng_state()

    @torch.no_grad()
    def run() -> Tensor:
        torch.set_rng_state(noise)  # other noise may take a step more or less
        return flow().sample((BATCH,)) if work == "sample" else flow().log_prob(x.detach())

    run()
    num = flow.bijection.num_evaluations
    num_steps = (num - 2) // 6  # one stage of each step needs no trace
    directions = flow.bijection._directions(x)
    field, t = flow.bijection.field, torch.tensor(0.5)

    @torch.no_grad()
    def evaluations_alone() -> None:
        for _ in range(num - num_steps):
            _, products = field.forward_and_jvp(t, x, directions.tangents)
            directions.trace(products)
        for _ in range(num_steps):
            field(t, x)

    contenders = [Contender(FLOOR, evaluations_alone), Contender(OURS, run)]
    timings = interleave(contenders, rounds=3 * rounds, block_seconds=0.1)
    for timing in timings:
        timing.values[EVALUATIONS] = float(num)
    return timings


def _measure_memory(dim: int) -> list[Timing]:
    """Count the peak of a training step at few and at many evaluations; ``milliseconds`` hold MiB here."""
    timings = []
    x = torch.randn(BATCH, dim)
    for adjoint, name in ADJOINTS.items():
        peaks, counts = [], []
        for goal in (FEW, MANY):
            flow = flow_of_evaluations(dim, adjoint, x, goal)
            entry = Entry(flow, lambda values, flow=flow: flow().log_prob(values))  # type: ignore[misc]
            peaks.append(peak_bytes(training_step(entry, x), flow) / 2**20)
            counts.append(float(flow.bijection.num_evaluations))
        values = {f"{EVALUATIONS}, few": counts[0], f"{EVALUATIONS}, many": counts[1], "few": peaks[0]}
        timings.append(Timing(name, [peaks[1]], [peaks[1] / peaks[0]], values=values))
    return timings


def flow_of_evaluations(dim: int, adjoint: str | None, x: Tensor, goal: int) -> Any:
    """Return our flow along a field so steep that it takes about so many evaluations.

    Raises:
        RuntimeError: If no field does.
    """
    scale = 0.25
    while scale < 50:
        flow = pyrodgm_flow(dim, adjoint, scale)
        with torch.no_grad():
            flow().log_prob(x)
        if flow.bijection.num_evaluations >= goal - 3:
            return flow
        scale *= 1.1
    raise RuntimeError(f"Expected a field that takes {goal} evaluations; found none. Look at the solver.")


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table of training, one of what the solver adds, one of memory."""
    return [
        _training(timings),
        _overhead(timings),
        _memory(timings),
    ]


def _training(timings: dict[str, list[Timing]]) -> Table:
    rows, checks = [], []
    for dim in DIMS:
        floor, *others = timings[f"training|{dim}"]
        by_name = {timing.name: timing for timing in others}
        ours = by_name[OURS]
        counts = f"{floor.values[EVALUATIONS]:.0f}, {ours.values[EVALUATIONS]:.0f}"
        rows.append(Row((str(dim), counts), floor, by_name))
        faster = 1 / ours.ratio
        checks.append(
            (f"D={dim}: {faster:.2f}× faster than the floor (target ≥ {LEAST_SPEEDUP:g})", faster >= LEAST_SPEEDUP)
        )
    return Grid(
        "Continuous flows: training step",
        f"The floor is FFJORD by hand around torchdiffeq's `odeint_adjoint`. Batch {BATCH}, dopri5 at a tolerance of "
        f"{TOLERANCE:g}, a concatsquash field of widths 64 and 64 with the same weights for all but zuko's first "
        "column, which is its own `CNF`; one Hutchinson probe, fused Adam. Ours uses the checkpointed adjoint. Ratios "
        "to the floor.",
        [],
        {},
        checks,
        heads=("D", "evaluations forward, the floor's and ours"),
        columns=(OURS, BY_TORCHDIFFEQ, *RIVALS),
        rivals=RIVALS,
        rows=rows,
    )


def _overhead(timings: dict[str, list[Timing]]) -> Table:
    rows, checks = [], []
    for dim in DIMS:
        for work in ("log_prob", "sample"):
            floor, ours = timings[f"{work}|{dim}"]
            rows.append(Row((str(dim), work, f"{ours.values[EVALUATIONS]:.0f}"), floor, {OURS: ours}))
            checks.append(
                (
                    f"D={dim}, {work}: {ours.ratio:.3f} of the evaluations alone (target ≤ {MOST_OVERHEAD:g})",
                    ours.ratio <= MOST_OVERHEAD,
                )
            )
    return Grid(
        "Continuous flows: what the solver adds",
        "The floor is the evaluations of field and trace that the call takes, and nothing else. Same field, batch and "
        "tolerance, without gradients.",
        [],
        {},
        checks,
        heads=("D", "work", "evaluations"),
        columns=(OURS,),
        rows=rows,
    )


def _memory(timings: dict[str, list[Timing]]) -> Table:
    rows, checks = [], []
    for dim in DIMS:
        for timing in timings[f"memory|{dim}"]:
            counts = ", ".join(f"{timing.values[f'{EVALUATIONS}, {which}']:.0f}" for which in ("few", "many"))
            few = Timing(FLOOR, [timing.values["few"]], [1.0])
            rows.append(Row((str(dim), timing.name, counts), few, {"growth": timing}))
            if timing.name == OURS:
                text = f"D={dim}: peak × {timing.ratio:.3f} over {counts} evaluations (target ≤ {MOST_GROWTH:g})"
                checks.append((text, timing.ratio <= MOST_GROWTH))
    return Grid(
        "Continuous flows: peak memory of a training step",
        "Bytes that torch's allocator hands out during one step less those it takes back, at the highest point; batch "
        f"{BATCH}, parameters and the optimiser's state not counted. The floor is the peak at about {FEW} evaluations, "
        f"beside it that at about {MANY} over it, along a steeper field of the same size.",
        [],
        {},
        checks,
        heads=("D", "gradients", "evaluations"),
        columns=("growth",),
        ours="growth",
        rows=rows,
        unit="MiB",
    )
