"""Sound in one pass: a student's draw against its teacher's, sample by sample."""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave

GROUPS = (("pyrodgm",),)
ROUNDS = 10
LENGTH, NUM_LEVELS, NUM_COMPONENTS = 8000, 65536, 10  # a second of sound on a telephone, 16 bits
TEACHER = {"num_layers": 10, "num_cycles": 2, "num_channels": 64, "skip_channels": 128}
SMALL, MIDDLE, DEFAULT = (
    "2 flows of 8 layers of 16",
    "4 flows of 10 layers of 16",
    "4 flows of 10 layers of 64, the default",
)
SIZES = {SMALL: (2, 8, 16), MIDDLE: (4, 10, 16), DEFAULT: (4, 10, 64)}  # name: flows, layers, width
PASS, DRAW, DRAW_16 = f"{FLOOR}: the student's pass", "pyrodgm: the student's draw", "pyrodgm: the student's draw of 16"
STEPS = "pyrodgm: the teacher's draw"
DIFFERENCE = "largest difference from the pass by hand"


class HandWrittenFlow(nn.Module):
    """The same flows in plain torch, by one-dimensional convolutions; take the weights of ours."""

    def __init__(self, num_flows: int, num_layers: int, width: int) -> None:
        super().__init__()
        self.nets = nn.ModuleList(HandWrittenNet(num_layers, width) for _ in range(num_flows))

    def forward(self, noise: Tensor) -> Tensor:
        """Return sounds of noise, ``(batch, length)``."""
        x = noise
        for net in self.nets:
            shift, raw = net(x).unbind(1)
            x = (x - shift) * (-3 * (raw / 3).tanh()).exp()
        return x

    @torch.no_grad()
    def draw(self, num: int) -> Tensor:
        """Draw noise, and sounds of it."""
        return self(torch.rand(num, LENGTH).logit(1e-8))  # type: ignore[no-any-return]


class HandWrittenNet(nn.Module):
    """One WaveNet on real numbers with two outputs."""

    def __init__(self, num_layers: int, width: int) -> None:
        super().__init__()
        self.dilations = [2**layer for layer in range(num_layers)]
        self.waves = nn.Conv1d(1, width, 1)
        self.gates = nn.ModuleList(nn.Conv1d(width, 2 * width, 2, dilation=d) for d in self.dilations)
        self.residuals = nn.ModuleList(nn.Conv1d(width, width, 1, bias=False) for _ in self.dilations[1:])
        self.skips = nn.ModuleList(nn.Conv1d(width, 2 * width, 1) for _ in self.dilations)
        self.hidden, self.output = nn.Conv1d(2 * width, 2 * width, 1), nn.Conv1d(2 * width, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, 2, length)`` of ``x``, ``(batch, length)``."""
        h = F.pad(self.waves(x.unsqueeze(1)).sin(), (1, -1))
        skips: Tensor | float = 0.0
        for index, dilation in enumerate(self.dilations):
            filtered, gate = self.gates[index](F.pad(h, (dilation, 0))).chunk(2, 1)
            z = filtered.tanh() * gate.sigmoid()
            skips = skips + self.skips[index](z)
            if index < len(self.residuals):
                h = h + self.residuals[index](z)
        out: Tensor = self.output(F.relu(self.hidden(F.relu(skips))))  # type: ignore[arg-type]
        return out

    @torch.no_grad()
    def take(self, net: nn.Module) -> None:
        """Copy the weights of our network."""
        theirs = dict(net.named_parameters())
        names: dict[str, nn.Module] = {"waves": self.waves, "hidden": self.hidden, "output": self.output}
        for index in range(len(self.dilations)):
            names[f"layers.{index}.gates"] = self.gates[index]
            names[f"layers.{index}.skip"] = self.skips[index]
            if index < len(self.residuals):
                names[f"layers.{index}.residual"] = self.residuals[index]
        for name, layer in names.items():
            taps = theirs[f"{name}.weight"].chunk(layer.kernel_size[0], 1)  # of the past, then of the present
            layer.weight.copy_(torch.stack(taps, -1))
            if layer.bias is not None:
                layer.bias.copy_(theirs[f"{name}.bias"])


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time draws of students of several sizes, each beside the same teacher's."""
    return {name: measure_draws(size, rounds, quick=quick) for name, size in SIZES.items()}


def measure_draws(size: tuple[int, int, int], rounds: int, *, quick: bool) -> list[Timing]:
    """Time draws; the teacher's once, since it takes seconds."""
    from pyrodgm import autoregressive as ar
    from pyrodgm import flows, heads

    head = heads.DiscretizedLogisticMixture(NUM_COMPONENTS, NUM_LEVELS)
    teacher = ar.wavenet(LENGTH, num_levels=NUM_LEVELS, head=head, **TEACHER)
    num_flows, num_layers, width = size
    student = flows.parallel_wavenet(LENGTH, num_flows=num_flows, num_layers=num_layers, num_channels=width)
    with torch.no_grad():
        for parameter in (*teacher.parameters(), *student.parameters()):
            parameter.add_(torch.randn_like(parameter), alpha=0.05)  # so that samples depend on earlier ones
    by_hand = HandWrittenFlow(*size)
    for net, layer in zip(by_hand.nets, student.layers, strict=True):
        net.take(layer.net)
    contenders = [
        Contender(PASS, partial(by_hand.draw, 1), num_params=count(by_hand)),
        Contender(DRAW, lambda: student().sample((1,)), num_params=count(student)),
        Contender(DRAW_16, lambda: student().sample((16,)), num_params=count(student), every=rounds),
        Contender(STEPS, partial(teacher.sample, (1,), progress=False), num_params=count(teacher), every=rounds),
    ]
    timings = interleave(contenders, rounds=rounds, block_seconds=0.05 if quick else 0.3)
    noise = student.base().sample((2,))
    with torch.no_grad():
        timings[1].values[DIFFERENCE] = float((student.steps(noise).x - by_hand(noise)).abs().max())
    return timings


def count(module: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(math.prod(parameter.shape) for parameter in module.parameters())


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table a size; the target is the small student's."""
    made = []
    for name in SIZES:
        rows = {timing.name: timing for timing in timings[name]}
        difference = rows[DRAW].values[DIFFERENCE]
        faster = rows[STEPS].median / rows[DRAW].median
        batch = rows[STEPS].median / (rows[DRAW_16].median / 16)
        made.append(
            Table(
                f"Drawing sound in one pass: {name}",
                f"{LENGTH:,} samples, float32. The teacher is a WaveNet of 20 layers of 64 with mixtures of "
                f"{NUM_COMPONENTS} logistics over 16 bits, drawn by its stepper; that and the draw of 16 "
                f"are timed once. The student takes a {faster:.0f}th of the time for a sample, a {batch:.0f}th "
                "where it draws 16 at once. One pass costs what its arithmetic costs, a step of the teacher mostly "
                "the overhead of small operations: the fewer and narrower the student's layers, the larger the factor.",
                timings[name],
                {DRAW: Target(least_speedup_over=(STEPS, 100.0))} if name == SMALL else {},
                [(f"{DIFFERENCE}: {difference:.1e} (target 1e-3)", difference < 1e-3)],
            )
        )
    return made
