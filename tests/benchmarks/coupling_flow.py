"""RealNVP at D=784, where arithmetic decides, and at D=6, where overhead does: training step, log_prob, sampling."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tests.benchmarks.coupling_floor import HandWrittenRealNVP
from tests.benchmarks.coupling_peers import PEERS, Peer
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave

GROUPS = (("pyrodgm", "Pyro", "nflows", "normflows"), ("zuko",))
RIVALS = ("Pyro", "nflows", "normflows", "zuko")
ROUNDS = 30
NUM_LAYERS = 6


@dataclass(frozen=True)
class Size:
    """One size of the problem, and what ours must reach, as ratios to the floor."""

    input_dim: int
    hidden_dims: tuple[int, int]
    batch: int
    targets: dict[str, float]


SIZES = (
    Size(784, (512, 512), 128, {"training step": 1.06, "log_prob": 1.15, "sample": 1.06}),
    Size(6, (128, 128), 256, {"training step": 1.06}),
)
WORKS = ("training step", "log_prob", "sample")


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time the floor and the libraries of one group; keys are ``"<D> <work>"``."""
    timings = {}
    for size in SIZES:
        floor = HandWrittenRealNVP(size.input_dim, num_layers=NUM_LAYERS, hidden_dims=size.hidden_dims)
        flows = {FLOOR: Peer(floor, floor.log_prob, floor.sample)}
        flows |= {name: PEERS[name](size.input_dim, NUM_LAYERS, size.hidden_dims) for name in group}
        x = torch.randn(size.batch, size.input_dim)
        for work in WORKS:
            contenders = [
                Contender(name, _work(work, flow, x), num_params=sum(p.numel() for p in flow.module.parameters()))
                for name, flow in flows.items()
            ]
            timings[f"{size.input_dim} {work}"] = interleave(
                contenders, rounds=rounds, block_seconds=0.02 if quick else 0.1
            )
    return timings


def _work(work: str, flow: Peer, x: Tensor) -> Callable[[], object]:
    if work == "training step":
        optimiser = torch.optim.Adam(flow.module.parameters(), lr=1e-4, fused=True)
        return partial(_training_step, flow, optimiser, x)
    if work == "log_prob":
        return torch.no_grad()(lambda: flow.log_prob(x.detach()))  # a new tensor, which no library remembers
    return torch.no_grad()(partial(flow.sample, len(x)))


def _training_step(flow: Peer, optimiser: torch.optim.Optimizer, x: Tensor) -> None:
    optimiser.zero_grad()
    loss = -flow.log_prob(x.detach()).mean()
    loss.backward()
    optimiser.step()
    flow.after_step()


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table a size and a work."""
    result = []
    for size in SIZES:
        for work in WORKS:
            limit = size.targets.get(work)
            targets = {"pyrodgm": Target(limit)} if limit else {}
            if work == "training step":
                targets = {"pyrodgm": Target(limit, "ahead of every peer", ahead_of=RIVALS)}
            result.append(
                Table(
                    f"Coupling flow, D={size.input_dim}: {work}",
                    f"{NUM_LAYERS} affine layers, hidden {size.hidden_dims}, batch {size.batch}"
                    + (", fused Adam for all." if work == "training step" else ", without gradients."),
                    timings[f"{size.input_dim} {work}"],
                    targets,
                )
            )
    return result
