"""Recurrent models of images: draws against a pass for each pixel, and training steps."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.benchmarks.autoregressive_vectors import adam, blobs, count, train_step
from tests.benchmarks.grid import Grid, Row
from tests.benchmarks.plain_pixel_rnn import plain_diagonal_bilstm, plain_row_lstm
from tests.benchmarks.report import Table
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave, speedup

GROUPS = (("pyrodgm",),)
ROUNDS = 5
SIDE, CHANNELS, LAYERS, BATCH = 28, 16, (1, 7), 16
WARMUP_STEPS = 30  # of training before anything is drawn
DRAWS = (1, 16)
STEP, PLAIN = "pyrodgm", "plain LSTMs"
INCREMENTAL, LOOP = "Incremental", "a pass for each pixel"
EQUAL = "draws that differ from the hand-written loop's"
LEAST_SPEEDUP, MAX_STEP = 50.0, 1.05
Logits = Callable[[Any, Tensor], Tensor]
PLAIN_NETS: dict[str, Logits] = {"row_lstm": plain_row_lstm, "diagonal_bilstm": plain_diagonal_bilstm}


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time training steps, and draws from the weights that they have left."""
    from pyrodgm import autoregressive as ar

    results = {}
    for builder, plain in PLAIN_NETS.items():
        for num_layers in LAYERS[: 1 if quick else None]:
            name = f"{builder}|{num_layers}"
            model = getattr(ar, builder)((1, SIDE, SIDE), num_layers=num_layers, num_channels=CHANNELS)
            x = images(BATCH)
            step = partial(train_step, partial(our_loss, model), adam(model))
            by_hand = partial(train_step, partial(hand_written_loss, our_logits, model.net), adam(model))
            by_plain = partial(train_step, partial(hand_written_loss, plain, model.net), adam(model))
            for _ in range(WARMUP_STEPS // (10 if quick else 1)):
                step(images(BATCH))
            contenders = [Contender(FLOOR, partial(by_hand, x), num_params=count(model))]
            contenders += [Contender(STEP, partial(step, x)), Contender(PLAIN, partial(by_plain, x))]
            results[f"{name}|step"] = interleave(contenders, rounds=rounds, block_seconds=0.02 if quick else 0.1)
            for num in DRAWS:
                contenders = [Contender(FLOOR, partial(full_pass, model.net, images(num)))]
                for label, strategy in (("pyrodgm", None), (INCREMENTAL, ar.Incremental())):
                    draw = partial(model.sample, (num,), strategy=strategy, progress=False)
                    contenders.append(Contender(label, draw))
                drawn: list[Tensor] = []
                if num == 1 and not quick:  # more would take minutes
                    contenders.append(Contender(LOOP, partial(hand_written_loop, model.net, num, drawn), every=rounds))
                timings = interleave(contenders, rounds=rounds, block_seconds=0.02)
                for x in drawn:
                    torch.manual_seed(1)
                    differ = (model.sample((num,), progress=False) != x).flatten(1).any(1)
                    timings[1].values[EQUAL] = float(differ.sum())
                results[f"{name}|draw|{num}"] = timings
    return results


def images(num: int) -> Tensor:
    """Return smooth random pictures of zeros and ones."""
    return blobs(num).view(num, 1, SIDE, SIDE)


def our_loss(model: Any, x: Tensor) -> Tensor:
    """Return the loss by the model's own density."""
    return -model().log_prob(x).mean()  # type: ignore[no-any-return]


def our_logits(net: Any, x: Tensor) -> Tensor:
    """Return what our network computes."""
    return net(x)  # type: ignore[no-any-return]


def hand_written_loss(logits: Logits, net: Any, x: Tensor) -> Tensor:
    """Return the cross-entropy of a network."""
    return F.binary_cross_entropy_with_logits(logits(net, x).squeeze(-1), x, reduction="sum") / len(x)


@torch.no_grad()
def full_pass(net: torch.nn.Module, x: Tensor) -> Tensor:
    """Return the logits of one pass."""
    return net(x)  # type: ignore[no-any-return]


@torch.no_grad()
def hand_written_loop(net: torch.nn.Module, num: int, drawn: list[Tensor]) -> None:
    """Draw by a pass of our network for each pixel, from a fixed seed; it takes long, so the draw is kept."""
    torch.manual_seed(1)
    noise, x = torch.rand(num, 1, SIDE, SIDE), torch.zeros(num, 1, SIDE, SIDE)
    for row in range(SIDE):
        for column in range(SIDE):
            logits = net(x)[:, :, row, column, 0]
            x[:, :, row, column] = (noise[:, :, row, column] < logits.sigmoid()).float()
    drawn.append(x)


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table of steps and one of draws."""
    steps, draws, checks, drawn = [], [], [], []
    for key, (floor, *others) in timings.items():
        name, num_layers, work, *num = key.split("|")
        by_name = {timing.name: timing for timing in others}
        ours, where = by_name["pyrodgm"], f"{name}, {num_layers} layers"
        if work == "step":
            steps.append(Row((name, num_layers), floor, by_name))
            text = f"{where}: {ours.ratio:.2f} of the hand-written loss's step (target ≤ {MAX_STEP})"
            checks.append((text, ours.ratio <= MAX_STEP))
            continue
        draws.append(Row((name, num_layers, *num), floor, by_name))
        if LOOP in by_name:
            where, times = f"{where}, {num[0]} at once", speedup(by_name[LOOP], ours)
            text = f"{where}: {times:,.0f}× faster than a pass for each pixel (target ≥ {LEAST_SPEEDUP:g})"
            drawn.append((text, times >= LEAST_SPEEDUP))
            drawn.append((f"{where}: {ours.values[EQUAL]:.0f} {EQUAL} (target 0)", ours.values[EQUAL] == 0))
    sizes = f"Binary images of {SIDE} × {SIDE}, {CHANNELS} states a layer, float32."
    return [
        Grid(
            "Recurrent models of images: training step",
            f"{sizes} Batch {BATCH}, fused Adam. The floor is a step with the same network and "
            "`binary_cross_entropy_with_logits`; ours is `-model().log_prob(x).mean()`, validation included. "
            f'"{PLAIN}" is the floor with the layers as one writes them down from the paper, over the same weights.',
            [],
            {},
            checks,
            heads=("model", "layers"),
            columns=(STEP, PLAIN),
            rivals=(PLAIN,),
            rows=steps,
        ),
        Grid(
            "Recurrent models of images: draws",
            f"{sizes} From weights after {WARMUP_STEPS} steps of training on smooth pictures; the floor is one pass of "
            f'the network without gradients, and "{LOOP}" one such pass for each of the {SIDE * SIDE} pixels.',
            [],
            {},
            drawn,
            heads=("model", "layers", "at once"),
            columns=("pyrodgm", INCREMENTAL, LOOP),
            rivals=(LOOP,),
            rows=draws,
        ),
    ]
