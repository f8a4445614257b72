"""Coupling and masked flows at four sizes, with and without a context: training step, ``log_prob`` and sampling."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tests.benchmarks.grid import Grid, Row
from tests.benchmarks.report import Table
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave
from tests.benchmarks.vector_flow_floor import HandWrittenCoupling, HandWrittenMasked
from tests.benchmarks.vector_flow_peers import PEERS, Peer, Spec

GROUPS = (("pyrodgm", "Pyro", "nflows", "normflows", "FrEIA"), ("zuko",))
RIVALS = ("Pyro", "nflows", "normflows", "FrEIA", "zuko")
COMPILED, LOOP = "pyrodgm, compiled", "hand-written loop"
ROUNDS = 5
NUM_LAYERS = {"affine coupling": 6, "spline coupling": 4, "MAF": 5, "IAF": 4}
SLOW = {("MAF", "sample"), ("IAF", "log_prob")}  # others take D passes a layer
WORKS = ("training step", "log_prob", "sample")
DIMS, CONTEXT_DIMS = (6, 43, 64, 784), (0, 16)
COMPILED_CELLS = {(family, dim, work) for family in ("affine coupling", "MAF") for dim in (6, 64) for work in WORKS[:2]}
LIMITS = {  # largest ratios to the floor, of the affine coupling without a context
    (784, "training step"): 1.06,
    (784, "log_prob"): 1.15,
    (784, "sample"): 1.06,
    (6, "training step"): 1.06,
}
DIFFERENCE = "relative difference to the eager flow"
MAX_DIFFERENCE = 1e-5


@dataclass(frozen=True)
class Cell:
    """One row of the table."""

    spec: Spec
    work: str
    batch: int

    @property
    def key(self) -> str:
        """Name in the measured results."""
        return f"{self.spec.family}|{self.spec.input_dim}|{self.spec.context_dim}|{self.work}"

    @property
    def is_slow(self) -> bool:
        """Whether this is the direction in which others take D passes a layer."""
        return (self.spec.family, self.work) in SLOW

    @property
    def limit(self) -> float | None:
        """Largest ratio to the floor, where there is one."""
        if self.spec.family != "affine coupling" or self.spec.context_dim:
            return None
        return LIMITS.get((self.spec.input_dim, self.work))


def specs() -> Iterator[tuple[Spec, int]]:
    """Yield what to build and the batch."""
    for family, num_layers in NUM_LAYERS.items():
        is_coupling = "coupling" in family
        for dim in DIMS:
            wide = dim > 100
            hidden = (128, 128) if not wide else (512, 512) if is_coupling else (784, 784)
            batch = 256 if not wide else 128 if family == "affine coupling" else 64
            for context_dim in CONTEXT_DIMS:
                yield Spec(family, dim, context_dim, num_layers if is_coupling or not wide else 2, hidden), batch


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time every cell with the libraries of one group."""
    timings = {}
    for spec, batch in specs():
        floor = hand_written(spec)
        flows = {FLOOR: as_peer(floor)}
        flows |= {name: peer for name in group if (peer := PEERS[name](spec)) is not None}
        x = torch.randn(batch, spec.input_dim)
        context = torch.randn(batch, spec.context_dim) if spec.context_dim else None
        for work in WORKS:
            cell = Cell(spec, work, batch)
            timings[cell.key] = _measure_cell(cell, flows, x, context, rounds=rounds, quick=quick)
    return timings


def _measure_cell(
    cell: Cell, flows: dict[str, Peer], x: Tensor, context: Tensor | None, *, rounds: int, quick: bool
) -> list[Timing]:
    spec = cell.spec
    every = 1
    if cell.is_slow and spec.input_dim > 6:
        every = 2 if spec.input_dim < 100 else rounds
    contenders = []
    for name, flow in flows.items():
        if name in RIVALS and cell.is_slow and spec.input_dim > 100 and (quick or spec.context_dim):
            continue  # many seconds a call; with a context the hand-written loop, faster than theirs, stands for them
        num_params = sum(p.numel() for p in flow.module.parameters())
        turns = every if name in RIVALS else 1
        contenders.append(Contender(name, work_of(cell, flow, x, context), num_params=num_params, every=turns))
    difference = None
    has_compiled = not spec.context_dim and (spec.family, spec.input_dim, cell.work) in COMPILED_CELLS
    if "pyrodgm" in flows and has_compiled and not (quick and spec.input_dim > 6):
        compiled = _compiled(flows["pyrodgm"])
        difference = _difference(cell, flows["pyrodgm"], compiled, x)
        contenders.insert(2, Contender(COMPILED, work_of(cell, compiled, x, context)))
    if "pyrodgm" in flows and cell.is_slow:
        floor = flows[FLOOR].module
        contenders.append(Contender(LOOP, torch.no_grad()(partial(floor.loop, x, context)), every=every))  # type: ignore[operator]
    turns = rounds * 3 if cell.limit is not None else rounds
    block = 0.02 if quick or cell.is_slow else 0.1 if cell.limit is not None else 0.05
    rows = interleave(contenders, rounds=turns, block_seconds=block)
    if difference is not None:
        next(row for row in rows if row.name == COMPILED).values[DIFFERENCE] = difference
    return rows


def hand_written(spec: Spec) -> HandWrittenCoupling | HandWrittenMasked:
    """Build the floor."""
    kind = HandWrittenCoupling if "coupling" in spec.family else HandWrittenMasked
    univariate = "spline" if "spline" in spec.family else "affine"
    return kind(
        spec.input_dim,
        spec.context_dim,
        num_layers=spec.num_layers,
        hidden_dims=spec.hidden_dims,
        univariate=univariate,
    )


def as_peer(floor: HandWrittenCoupling | HandWrittenMasked) -> Peer:
    """Wrap the floor; in the slow direction it is one pass a layer, which is what the other direction takes."""
    if isinstance(floor, HandWrittenCoupling):
        return Peer(floor, floor.log_prob, floor.sample, lambda num, c: (floor.sample(num, c), torch.zeros(num)))

    def sample(num: int, context: Tensor | None) -> Tensor:
        return floor.to_base(floor.noise(num), context)[0]

    return Peer(floor, floor.log_prob, sample, floor.rsample_and_log_prob)


def _compiled(flow: Peer) -> Peer:
    torch._dynamo.reset()
    return Peer(flow.module, torch.compile(flow.log_prob, dynamic=False), flow.sample, flow.draw)


def _difference(cell: Cell, eager: Peer, compiled: Peer, x: Tensor) -> float:
    """Compare log-densities, or gradients for the training step."""
    values = []
    for flow in (eager, compiled):
        if cell.work == "log_prob":
            with torch.no_grad():
                values.append(flow.log_prob(x.detach(), None))
        else:
            flow.module.zero_grad()
            flow.log_prob(x.detach(), None).mean().backward()
            values.append(torch.cat([p.grad.flatten() for p in flow.module.parameters()]))  # type: ignore[union-attr]
    return float((values[1] - values[0]).abs().max() / values[0].abs().max())


def work_of(cell: Cell, flow: Peer, x: Tensor, context: Tensor | None) -> Callable[[], object]:
    """Return what does the cell's work once."""
    if cell.work == "training step":
        optimiser = torch.optim.Adam(flow.module.parameters(), lr=1e-5, fused=True)
        return partial(_training_step, cell, flow, optimiser, x, context)
    if cell.work == "log_prob":
        return torch.no_grad()(lambda: flow.log_prob(x.detach(), context))  # a new tensor, which no library remembers
    return torch.no_grad()(partial(flow.sample, len(x), context))


def _training_step(cell: Cell, flow: Peer, optimiser: torch.optim.Optimizer, x: Tensor, context: Tensor | None) -> None:
    optimiser.zero_grad()
    if cell.spec.family == "IAF":
        drawn, log_prob = flow.draw(len(x), context)
        loss = log_prob.mean() + 0.5 * (drawn - 1.0).square().sum(-1).mean()
    else:
        loss = -flow.log_prob(x.detach(), context).mean()
    loss.backward()
    optimiser.step()
    flow.after_step()


TEXTS = {
    "affine coupling": "The training step maximises the log-likelihood, with fused Adam for all. normflows's block "
    "takes no context; FrEIA's moves both halves, so it has half as many.",
    "spline coupling": "Rational-quadratic splines of 8 bins. Pyro has no conditional spline coupling, FrEIA 0.2 no "
    "spline.",
    "MAF": "A draw is the inverse, which others compute in D passes a layer: its floor is one pass a layer, as "
    f'`log_prob` takes, and "{LOOP}" is the textbook\'s D passes with weights masked beforehand. normflows takes a '
    "context only in residual masked nets, another architecture; FrEIA has no masked layers.",
    "IAF": "The training step is that of variational inference: draws, their log-densities, and the gradient of the "
    "reverse divergence to a unit normal. `log_prob` of given data is the inverse: its floor is one pass a layer. "
    "normflows takes a context only in residual masked nets; FrEIA has no masked layers.",
}


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table a family."""
    result: list[Table] = []
    for family, text in TEXTS.items():
        rows, checks = [], []
        sizes = ""
        for spec, batch in specs():
            if spec.family != family:
                continue
            if not spec.context_dim:
                sizes += f"D={spec.input_dim}: {spec.num_layers} layers, hidden {spec.hidden_dims}, batch {batch}. "
            for work in WORKS:
                cell = Cell(spec, work, batch)
                if cell.key not in timings:
                    continue
                floor, *others = timings[cell.key]
                by_name = {timing.name: timing for timing in others}
                rows.append(Row((str(spec.input_dim), str(spec.context_dim), work), floor, by_name))
                checks += _checks(cell, by_name)
        columns = ("pyrodgm", COMPILED, *RIVALS, LOOP)
        heads = ("D", "context", "work")
        result.append(
            Grid(
                f"Vector flows: {family}",
                f"{sizes}{text} Ratios to the floor.",
                [],
                {},
                checks,
                heads=heads,
                columns=columns,
                rivals=(*RIVALS, LOOP),
                rows=rows,
            )
        )
    return result


def _checks(cell: Cell, by_name: dict[str, Timing]) -> list[tuple[str, bool]]:
    checks = []
    where = f"D={cell.spec.input_dim}, {cell.work}"
    ours = by_name["pyrodgm"].ratio
    if cell.limit is not None:
        checks.append((f"{where}: {ours:.2f}× the floor (target ≤ {cell.limit})", ours <= cell.limit))
    if COMPILED in by_name:
        difference = by_name[COMPILED].values[DIFFERENCE]
        what = "log-density" if cell.work == "log_prob" else "gradient"
        text = f"{where}: compiled, largest {DIFFERENCE}'s {what} {difference:.1e} (target ≤ {MAX_DIFFERENCE:g})"
        checks.append((text, difference <= MAX_DIFFERENCE))
    if cell.is_slow and cell.spec.input_dim > 100:
        loop = min((by_name[name] for name in (*RIVALS, LOOP) if name in by_name), key=lambda timing: timing.ratio)
        text = f"{where}, context {cell.spec.context_dim}: {loop.ratio / ours:,.0f}× faster than the fastest D passes"
        checks.append((f"{text}, {loop.name}'s (target ≥ 100)", loop.ratio >= 100 * ours))
    return checks
