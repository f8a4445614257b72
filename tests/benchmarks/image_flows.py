"""Glow and Real NVP over small colour images: training step, ``log_prob`` and sampling."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tests.benchmarks.image_flow_peers import PEERS, Peer, Spec, floor
from tests.benchmarks.report import Table
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave

GROUPS = (("pyrodgm", "normflows", "FrEIA"),)
ROUNDS = 7
WORKS = ("training step", "log_prob", "sample")
SPECS = {  # and the batch
    "Glow": (Spec("Glow", (3, 32, 32), num_scales=3, hidden=64, num_steps=4), 16),
    "Real NVP": (Spec("Real NVP", (3, 32, 32), num_scales=3, hidden=32, num_blocks=2), 8),
}
LIMIT = 1.05  # largest training step over that of the fastest other library
TEXTS = {
    "Glow": "Conditioners of three convolutions, 3, 1 and 3 pixels wide. FrEIA's `AllInOneBlock` mixes channels by a "
    "rotation that it does not train, which saves it those gradients.",
    "Real NVP": "Residual conditioners with weight norm. normflows' masked flow asks for scales and shifts of two "
    "networks; here both are halves of one, evaluated once, as in the others. It goes without the channel that shows "
    "the mask. FrEIA has no checkerboards.",
}


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time each family's work with the libraries of one group."""
    timings = {}
    for family, (spec, batch) in SPECS.items():
        flows = {FLOOR: floor(spec)} | {name: peer for name in group if (peer := PEERS[name](spec)) is not None}
        x = torch.randn(batch, *spec.shape)
        for flow in flows.values():
            flow.log_prob(x)  # sets what starts from data
        for work in WORKS:
            contenders = [
                Contender(name, work_of(work, flow, x), sum(p.numel() for p in flow.module.parameters()))
                for name, flow in flows.items()
            ]
            block = 0.05 if quick else 0.3
            timings[f"{family}|{work}"] = interleave(contenders, rounds=rounds, block_seconds=block)
    return timings


def work_of(work: str, flow: Peer, x: Tensor) -> Callable[[], object]:
    """Return what does the work once."""
    if work == "training step":
        trained = [parameter for parameter in flow.module.parameters() if parameter.requires_grad]
        return partial(_training_step, flow, torch.optim.Adam(trained, lr=1e-5, fused=True), x)
    if work == "log_prob":
        return torch.no_grad()(lambda: flow.log_prob(x.detach()))  # a new tensor, which no library remembers
    return torch.no_grad()(partial(flow.sample, len(x)))


def _training_step(flow: Peer, optimiser: torch.optim.Optimizer, x: Tensor) -> None:
    optimiser.zero_grad()
    (-flow.log_prob(x.detach()).mean()).backward()
    optimiser.step()


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table a family and work."""
    result = []
    for key, rows in timings.items():
        family, _, work = key.partition("|")
        spec, batch = SPECS[family]
        sizes = f"{spec.num_steps} steps a scale" if spec.num_steps else f"{spec.num_blocks} blocks a conditioner"
        shape = " x ".join(map(str, spec.shape))
        text = f"Images of {shape}, batch {batch}, {spec.num_scales} scales, {sizes}, {spec.hidden} hidden channels. "
        result.append(Table(f"{family}: {work}", text + TEXTS[family], rows, {}, checks(work, rows)))
    return result


def checks(work: str, rows: list[Timing]) -> list[tuple[str, bool]]:
    """Compare our training step with the fastest other library's."""
    if work != "training step":
        return []
    by_name = {row.name: row for row in rows}
    ours = by_name.pop("pyrodgm")
    rival = min((row for row in by_name.values() if row.name != FLOOR), key=lambda row: row.ratio)
    ratio = ours.ratio / rival.ratio
    text = f"{ratio:.2f}× the fastest other library's step, {rival.name}'s (target ≤ {LIMIT})"
    return [(text, ratio <= LIMIT)]
