"""Peak memory of a training step, counted by torch's allocator."""

from collections.abc import Callable

import torch
from torch import nn

from tests.benchmarks.grid import Grid, Row
from tests.benchmarks.report import Table
from tests.benchmarks.timing import FLOOR, Timing
from tests.benchmarks.vector_flow_peers import PEERS, Peer, Spec
from tests.benchmarks.vector_flows import RIVALS, Cell, as_peer, hand_written, work_of

GROUPS = (("pyrodgm", "Pyro", "nflows", "normflows", "FrEIA"), ("zuko",))
ROUNDS = 1
BATCH = 1024
SPECS = (
    Spec("affine coupling", 6, 0, 6, (128, 128)),
    Spec("affine coupling", 784, 0, 6, (512, 512)),
    Spec("affine coupling", 64, 16, 6, (128, 128)),
    Spec("spline coupling", 64, 0, 4, (128, 128)),
    Spec("MAF", 64, 0, 5, (128, 128)),
    Spec("MAF", 784, 0, 2, (784, 784)),
    Spec("IAF", 64, 16, 4, (128, 128)),
)
LIMIT = 1.05


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Count each library's peak; a figure is exact, so there is one round. ``milliseconds`` hold MiB here."""
    results = {}
    for spec in SPECS[:1] if quick else SPECS:
        x = torch.randn(BATCH, spec.input_dim)
        context = torch.randn(BATCH, spec.context_dim) if spec.context_dim else None
        flows: dict[str, Peer] = {FLOOR: as_peer(hand_written(spec))}
        flows |= {name: peer for name in group if (peer := PEERS[name](spec)) is not None}
        timings = []
        for name, flow in flows.items():
            step = work_of(Cell(spec, "training step", BATCH), flow, x, context)
            mebibytes = peak_bytes(step, flow.module) / 2**20
            first = timings[0].milliseconds[0] if timings else mebibytes
            num_params = sum(p.numel() for p in flow.module.parameters())
            timings.append(Timing(name, [mebibytes], [mebibytes / first], num_params))
        results[f"{spec.family}|{spec.input_dim}|{spec.context_dim}"] = timings
    return results


def peak_bytes(step: Callable[[], object], module: nn.Module) -> int:
    """Return the most bytes that one step holds beyond parameters and optimiser: activations, gradients, temporaries.

    The step runs twice before, so that the optimiser's state and the libraries' own caches exist.
    """
    for _ in range(2):
        step()
    module.zero_grad()
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True, acc_events=True
    ) as profile:
        step()
    events = profile.profiler.kineto_results.events()  # type: ignore[union-attr]
    held = peak = 0
    for event in sorted((e for e in events if e.name() == "[memory]"), key=lambda e: e.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return int(peak)


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table."""
    rows, checks = [], []
    for key, (floor, *others) in timings.items():
        by_name = {timing.name: timing for timing in others}
        rows.append(Row(tuple(key.split("|")), floor, by_name))
        ratio = by_name["pyrodgm"].ratio
        where = ", ".join(key.split("|"))
        checks.append((f"{where}: {ratio:.3f} of the hand-written step's (target ≤ {LIMIT})", ratio <= LIMIT))
    return [
        Grid(
            "Peak memory of a training step",
            f"Bytes that torch's allocator hands out during one step less those it takes back, at the highest point; "
            f"batch {BATCH}, same flows as above, parameters and the optimiser's state not counted. Ratios to the "
            "floor.",
            [],
            {},
            checks,
            heads=("flow", "D", "context"),
            columns=("pyrodgm", *RIVALS),
            rows=rows,
            unit="MiB",
        )
    ]
