"""A VAE's training step: by hand, by Pyro's two ways, by our objective, and through our trainer."""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from pyro.infer import SVI, Trace_ELBO, TraceMeanField_ELBO
from pyro.optim import Adam as PyroAdam  # type: ignore[attr-defined]
from torch import Tensor, nn

from tests.benchmarks import timing as timers
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import Contender, Timing, interleave
from tests.benchmarks.vae_floor import HIDDEN_DIMS, INPUT_DIM, LATENT_DIM, HandWrittenVAE, batches
from tests.benchmarks.vae_peers import PyroGuide, PyroModel

GROUPS = (("pyrodgm", "Pyro"),)
ROUNDS = 15
NUM_ROWS, BATCH, LR = 50_000, 128, 1e-3
BLOCK = 20  # steps of the trainer between two blocks of the floor
FLOOR_NAME = "hand-written torch, default Adam"
TRAINER = "pyrodgm: trainer, ReparameterizedELBO"
TRAINER_PYRO = "pyrodgm: trainer, Pyro's Trace_ELBO"
LOOP = "pyrodgm: ReparameterizedELBO, fused Adam"
LOOP_PYRO = "pyrodgm: Pyro's Trace_ELBO, fused Adam"
LOOP_MEAN_FIELD = "pyrodgm: Pyro's TraceMeanField_ELBO, fused Adam"


class Floor:
    """The hand-written loop, a step at a time."""

    def __init__(self, x: Tensor, *, fused: bool = False) -> None:
        self.loss = HandWrittenVAE()
        self.step = partial(_step, self.loss, _adam(self.loss, fused=fused), batches(x, BATCH))


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time steps in plain loops, then those of whole runs through the trainer."""
    from pyrodgm import infer, models

    x = torch.bernoulli(torch.full((NUM_ROWS, INPUT_DIM), 0.13))
    floor, fused_floor = Floor(x), Floor(x, fused=True)
    contenders = [
        Contender(FLOOR_NAME, floor.step, num_params=_count(floor.loss)),
        Contender("hand-written torch, fused Adam", fused_floor.step, num_params=_count(fused_floor.loss)),
    ]
    model, guide = PyroModel(), PyroGuide()
    svi = SVI(model, guide, PyroAdam({"lr": LR}), Trace_ELBO())
    source = batches(x, BATCH)
    contenders.append(Contender("Pyro: SVI.step", lambda: svi.step(next(source)), _count(model) + _count(guide)))
    for fused in (False, True):
        name = f"Pyro: Trace_ELBO()(model, guide), {'fused' if fused else 'default'} Adam"
        contenders.append(_contender(name, Trace_ELBO()(PyroModel(), PyroGuide()), x, fused=fused))
    objectives: dict[str, Any] = {
        LOOP: infer.ReparameterizedELBO(),
        LOOP_PYRO: Trace_ELBO(),
        LOOP_MEAN_FIELD: TraceMeanField_ELBO(),
    }
    for name, objective in objectives.items():
        vae = models.vae(INPUT_DIM, LATENT_DIM, hidden_dims=HIDDEN_DIMS)
        contenders.append(_contender(name, objective(vae.model, vae.guide), x, fused=True))
    timings = interleave(contenders, rounds=rounds, block_seconds=0.02 if quick else 0.15, warmups=5)
    for name, objective in ((TRAINER, infer.ReparameterizedELBO()), (TRAINER_PYRO, Trace_ELBO())):
        timings.append(time_trainer(name, objective, x, floor.step, rounds=rounds))
    return {"step": timings}


class Stopwatch:
    """An objective that times the trainer around itself: what passes between its calls is the trainer's step.

    Every ``BLOCK`` steps it notes the time, runs as many steps of the floor, and notes the time again, so that both
    are timed in turns within one run of ``fit``.
    """

    def __init__(self, objective: Callable[..., nn.Module], floor_step: Callable[[], None], timing: Timing) -> None:
        self.objective, self.floor_step, self.timing = objective, floor_step, timing
        self.num_calls = 0
        self.start = 0.0

    def __call__(self, model: nn.Module, guide: nn.Module) -> "TimedLoss":
        """Return the loss as the trainer wants it."""
        return TimedLoss(self, self.objective(model, guide))

    def tick(self) -> None:
        """Count a step; at a block's end compare with the floor."""
        if self.num_calls % BLOCK == 0:
            now = timers.clock()
            ours = (now - self.start) / BLOCK
            for _ in range(BLOCK):
                self.floor_step()
            floor = (timers.clock() - now) / BLOCK
            if self.num_calls > BLOCK:  # the first block has no start, the second warms up
                self.timing.milliseconds.append(1e3 * ours)
                self.timing.ratios.append(ours / floor)
            self.start = timers.clock()
        self.num_calls += 1


class TimedLoss(nn.Module):
    """A loss that ticks a stopwatch."""

    def __init__(self, stopwatch: Stopwatch, loss: nn.Module) -> None:
        super().__init__()
        self.stopwatch, self.loss = stopwatch, loss

    def forward(self, *args: Any) -> Tensor:
        """Tick, then compute."""
        self.stopwatch.tick()
        return self.loss(*args)  # type: ignore[no-any-return]


def time_trainer(
    name: str, objective: Callable[..., nn.Module], x: Tensor, floor_step: Callable[[], None], *, rounds: int
) -> Timing:
    """Train with ``pyrodgm.train.fit``, all of its callbacks included, for ``rounds`` blocks of steps."""
    from pyrodgm import data, models, train

    vae = models.vae(INPUT_DIM, LATENT_DIM, hidden_dims=HIDDEN_DIMS)
    timing = Timing(name, num_params=_count(vae))
    train_rows, few_rows = data.Dataset(x), data.Dataset(x[:1000])
    splits = data.Splits(
        train_rows, few_rows, few_rows, name="random bits", description="for timing", licence="none", shape=(INPUT_DIM,)
    )
    stopwatch = Stopwatch(objective, floor_step, timing)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train.fit(
            vae,
            splits,
            folder,
            training={"objective": stopwatch, "lr": LR, "batch_size": BATCH},
            trainer={"max_steps": (rounds + 2) * BLOCK + 1, "accelerator": "cpu"},
        )
    return timing


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table."""
    return [
        Table(
            "VAE training step",
            f"{INPUT_DIM}-{'-'.join(map(str, HIDDEN_DIMS))}-{LATENT_DIM}, batch {BATCH}, Bernoulli pixels. The "
            f"trainer's rows time whole runs of `pyrodgm.train.fit`, in turns of {BLOCK} steps with the floor. "
            "The trainer takes fused Adam, the floor of its rows torch's default Adam.",
            timings["step"],
            {
                TRAINER: Target(1.05),
                TRAINER_PYRO: Target(1.2),
                LOOP_PYRO: Target(1.2),
                LOOP_MEAN_FIELD: Target(1.2),
            },
        )
    ]


def _contender(name: str, loss: nn.Module, x: Tensor, *, fused: bool) -> Contender:
    loss(x[:BATCH])
    return Contender(name, partial(_step, loss, _adam(loss, fused=fused), batches(x, BATCH)), num_params=_count(loss))


def _step(loss: nn.Module, optimiser: torch.optim.Optimizer, source: Iterator[Tensor]) -> None:
    optimiser.zero_grad()
    loss(next(source)).div(BATCH).backward()
    optimiser.step()


def _adam(module: nn.Module, *, fused: bool) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), lr=LR, fused=True if fused else None)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
