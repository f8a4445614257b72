"""Sound: drawing from a WaveNet whose layers keep their past against a pass a sample, and the training step."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave

GROUPS = (("pyrodgm",),)
ROUNDS = 10
LENGTH, NUM_LEVELS, NUM_LAYERS = 1000, 256, 10
SIZES = {  # name: cycles, width, width of skip connections
    "10 layers of 32": (1, 32, 64),
    "10 layers of 64, the default": (1, 64, 128),
    "20 layers of 64": (2, 64, 128),
}
TRAIN_LENGTH, TRAIN_BATCH = 2048, 2
BLOCK = 100  # steps timed at each end of a sound
PASS, LOOP, DRAW = f"{FLOOR}: one pass", f"{FLOOR}: a pass for each sample", "pyrodgm: a draw"
DRAW_16 = "pyrodgm: a draw of 16"
EARLY, LATE = f"samples 1 to {BLOCK}", f"samples {LENGTH - BLOCK + 1} to {LENGTH}"
BY_HAND, OURS, OBJECTIVE = f"{FLOOR}: cross-entropy", "pyrodgm: log_prob", "pyrodgm: Density, ReparameterizedELBO"
DIFFERENT = "samples drawn otherwise than by the loop"


class HandWrittenWaveNet(nn.Module):
    """The same architecture in plain torch, by one-dimensional convolutions; takes the weights of ours."""

    def __init__(self, num_cycles: int, width: int, skip_width: int) -> None:
        super().__init__()
        self.dilations = [2**layer for layer in range(NUM_LAYERS)] * num_cycles
        self.waves = nn.Conv1d(1, width, 1)
        self.gates = nn.ModuleList(nn.Conv1d(width, 2 * width, 2, dilation=d) for d in self.dilations)
        self.residuals = nn.ModuleList(nn.Conv1d(width, width, 1, bias=False) for _ in self.dilations[1:])
        self.skips = nn.ModuleList(nn.Conv1d(width, skip_width, 1) for _ in self.dilations)
        self.hidden, self.output = nn.Conv1d(skip_width, skip_width, 1), nn.Conv1d(skip_width, NUM_LEVELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, ``(batch, NUM_LEVELS, length)``, of ``x``, ``(batch, length)``."""
        scaled = x.float().unsqueeze(1) * (2 / (NUM_LEVELS - 1)) - 1
        h = F.pad(self.waves(scaled).sin(), (1, -1))
        skips = 0.0
        for index, dilation in enumerate(self.dilations):
            filtered, gate = self.gates[index](F.pad(h, (dilation, 0))).chunk(2, 1)
            z = filtered.tanh() * gate.sigmoid()
            skips = skips + self.skips[index](z)
            if index < len(self.residuals):
                h = h + self.residuals[index](z)
        logits: Tensor = self.output(F.relu(self.hidden(F.relu(skips))))  # type: ignore[arg-type]
        return logits

    @torch.no_grad()
    def take(self, net: nn.Module) -> "HandWrittenWaveNet":
        """Copy the weights of our network."""
        theirs = dict(net.named_parameters())
        names = {"waves": self.waves, "hidden": self.hidden, "output": self.output}
        for index in range(len(self.dilations)):
            names[f"layers.{index}.gates"] = self.gates[index]  # type: ignore[assignment]
            names[f"layers.{index}.skip"] = self.skips[index]  # type: ignore[assignment]
            if index < len(self.residuals):
                names[f"layers.{index}.residual"] = self.residuals[index]  # type: ignore[assignment]
        for name, layer in names.items():
            taps = theirs[f"{name}.weight"].chunk(layer.kernel_size[0], 1)  # of the past, then of the present
            layer.weight.copy_(torch.stack(taps, -1))
            if layer.bias is not None:
                layer.bias.copy_(theirs[f"{name}.bias"])
        return self

    @torch.no_grad()
    def loop(self, uniforms: Tensor, num: int = LENGTH) -> Tensor:
        """Draw ``num`` samples, each by a pass over all; by inversion, so that draws can be compared."""
        x = torch.zeros(len(uniforms), LENGTH)
        for t in range(num):
            cumulative = self(x)[:, :, t].softmax(-1).cumsum(-1)
            x[:, t] = (uniforms[:, t, None] >= cumulative[:, :-1]).sum(-1)
        return x


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time draws, steps early and late, and training steps."""
    draws = {name: measure_draws(size, rounds, quick=quick) for name, size in SIZES.items()}
    return {**draws, "steps": measure_steps(rounds), "training": measure_training(rounds, quick=quick)}


def measure_draws(size: tuple[int, int, int], rounds: int, *, quick: bool) -> list[Timing]:
    """Time draws; the loop once, since it takes half a minute."""
    from pyrodgm import autoregressive as ar

    num_cycles, width, skip_width = size
    model = ar.wavenet(
        LENGTH, num_layers=NUM_LAYERS, num_cycles=num_cycles, num_channels=width, skip_channels=skip_width
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)  # so that samples depend on earlier ones
    by_hand = HandWrittenWaveNet(*size).take(model.net)
    contenders = [
        Contender(PASS, torch.no_grad()(partial(by_hand, torch.zeros(1, LENGTH))), num_params=count(by_hand)),
        Contender(DRAW, partial(model.sample, (1,), progress=False), num_params=count(model)),
        Contender(DRAW_16, partial(model.sample, (16,), progress=False), num_params=count(model)),
        Contender(LOOP, partial(by_hand.loop, torch.rand(1, LENGTH)), num_params=count(by_hand), every=rounds),
    ]
    timings = interleave(contenders, rounds=rounds, block_seconds=0.02 if quick else 0.1)
    num = 64  # enough to tell a mistake, and short
    torch.manual_seed(1)
    ours = model.sample((2,), progress=False)
    torch.manual_seed(1)
    theirs = by_hand.loop(torch.rand(2, LENGTH), num)
    timings[1].values[DIFFERENT] = float((ours != theirs)[:, :num].sum())
    return timings


def measure_steps(rounds: int) -> list[Timing]:
    """Time steps at the two ends of a sound."""
    from pyrodgm import nn as pyrodgm_nn

    stepper = pyrodgm_nn.WaveNet(LENGTH, NUM_LEVELS).stepper((1,))
    value = torch.zeros(1)

    def steps(begin: int) -> None:
        stepper.position = begin
        for _ in range(BLOCK):
            stepper(value)

    contenders = [Contender(EARLY, partial(steps, 0)), Contender(LATE, partial(steps, LENGTH - BLOCK))]
    return interleave(contenders, rounds=rounds)


def measure_training(rounds: int, *, quick: bool) -> list[Timing]:
    """Time training steps of the same network under a loss by hand and ours."""
    from pyrodgm import autoregressive as ar
    from pyrodgm import infer, models

    contenders = []
    for way in (BY_HAND, OURS, OBJECTIVE):
        model = ar.wavenet(TRAIN_LENGTH)
        density = models.Density(model)
        losses: dict[str, Callable[[Tensor], Tensor]] = {
            BY_HAND: lambda x, net=model.net: F.cross_entropy(  # type: ignore[misc]
                net(x).flatten(0, 1), x.flatten(), reduction="sum"
            ),
            OURS: lambda x, model=model: -model().log_prob(x).sum(),  # type: ignore[misc]
            OBJECTIVE: infer.ReparameterizedELBO()(density.model, density.guide),
        }
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        contenders.append(Contender(way, partial(step, losses[way], optimizer, batches()), count(model)))
    return interleave(contenders, rounds=rounds, block_seconds=0.05 if quick else 0.3)


def batches() -> Iterator[Tensor]:
    """Yield random levels."""
    while True:
        yield torch.randint(NUM_LEVELS, (TRAIN_BATCH, TRAIN_LENGTH))


def step(loss: Callable[[Tensor], Tensor], optimizer: torch.optim.Optimizer, source: Iterator[Tensor]) -> None:
    """Take one step."""
    optimizer.zero_grad()
    loss(next(source)).div(TRAIN_BATCH * TRAIN_LENGTH).backward()
    optimizer.step()


def count(module: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(math.prod(parameter.shape) for parameter in module.parameters())


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table of draws a size, one of steps, one of training steps."""
    draws = []
    for name in SIZES:
        different = timings[name][1].values[DIFFERENT]
        draws.append(
            Table(
                f"Drawing from a WaveNet, {name}",
                f"{LENGTH:,} samples of {NUM_LEVELS} levels, float32. For each sample the loop passes over the whole "
                "sound; it is timed once.",
                timings[name],
                {DRAW: Target(least_speedup_over=(LOOP, 50.0))},
                [(f"{DIFFERENT}, of two times 64: {different:.0f} (target 0)", different == 0)],
            )
        )
    return [
        *draws,
        Table(
            "Steps of a WaveNet",
            "Batch 1, the default size. No step does more than another.",
            timings["steps"],
            {LATE: Target(limit=1.1)},
        ),
        Table(
            "Training step of `wavenet`",
            f"The same network, of the default size, under three losses; {TRAIN_BATCH} sounds of {TRAIN_LENGTH:,} "
            "samples, fused Adam.",
            timings["training"],
            {OURS: Target(limit=1.05), OBJECTIVE: Target(limit=1.05)},
        ),
    ]
