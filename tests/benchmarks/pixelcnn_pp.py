"""PixelCNN++: draws against a pass for each pixel, and training steps."""

from functools import partial

import torch
from torch import Tensor

from tests.benchmarks.autoregressive_vectors import adam, count, train_step
from tests.benchmarks.grid import Grid, Row
from tests.benchmarks.pixel_rnn import full_pass, hand_written_loop, hand_written_loss, images, our_logits, our_loss
from tests.benchmarks.plain_pixel_cnn_pp import plain_pixel_cnn_pp
from tests.benchmarks.report import Table
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave, speedup

GROUPS = (("pyrodgm",),)
ROUNDS = 5
BLOCKS, SCALES, CHANNELS, BATCH = 2, 3, 64, 8
WARMUP_STEPS = 10  # of training before anything is drawn
STEP, PLAIN = "pyrodgm", "as in the paper"
INCREMENTAL, FIXED_POINT, LOOP = "Incremental", "FixedPoint", "a pass for each pixel"
EQUAL = "draws that differ from the hand-written loop's"
BINARY, COLOUR = "28 × 28, binary", "3 × 32 × 32, 256 levels"
LEAST_SPEEDUP, MAX_STEP, MAX_COLOUR_SECONDS = 50.0, 1.05, 60.0


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time training steps, and draws from the weights that they have left."""
    from pyrodgm import autoregressive as ar

    settings = {"num_channels": CHANNELS // (4 if quick else 1), "num_blocks": BLOCKS, "num_scales": SCALES}
    model = ar.pixelcnn_pp((1, 28, 28), num_levels=2, **settings)
    x = images(BATCH)
    step = partial(train_step, partial(our_loss, model), adam(model))
    by_hand = partial(train_step, partial(hand_written_loss, our_logits, model.net), adam(model))
    by_plain = partial(train_step, partial(hand_written_loss, plain_pixel_cnn_pp, model.net), adam(model))
    for _ in range(WARMUP_STEPS):
        step(images(BATCH))
    contenders = [Contender(FLOOR, partial(by_hand, x), num_params=count(model))]
    contenders += [Contender(STEP, partial(step, x)), Contender(PLAIN, partial(by_plain, x))]
    results = {f"{BINARY}|step|{BATCH}": interleave(contenders, rounds=rounds, block_seconds=0.05)}

    strategies = {"pyrodgm": None, INCREMENTAL: ar.Incremental(), FIXED_POINT: ar.FixedPoint()}
    for num in (1, 16):
        contenders = [Contender(FLOOR, partial(full_pass, model.net, images(num)))]
        for label, strategy in strategies.items():
            contenders.append(Contender(label, partial(model.sample, (num,), strategy=strategy, progress=False)))
        drawn: list[Tensor] = []
        if num == 1 and not quick:  # minutes
            contenders.append(Contender(LOOP, partial(hand_written_loop, model.net, num, drawn), every=rounds))
        timings = interleave(contenders, rounds=rounds, block_seconds=0.02)
        for picture in drawn:
            torch.manual_seed(1)
            timings[1].values[EQUAL] = float((model.sample((num,), progress=False) != picture).any())
        results[f"{BINARY}|draw|{num}"] = timings

    colour = ar.pixelcnn_pp((3, 32, 32), **settings)
    contenders = [Contender(FLOOR, partial(full_pass, colour.net, torch.zeros(1, 3, 32, 32)))]
    contenders.append(Contender("pyrodgm", partial(colour.sample, (1,), progress=False)))
    results[f"{COLOUR}|draw|1"] = interleave(contenders, rounds=min(rounds, 3), block_seconds=0.02)
    return results


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table of steps and one of draws."""
    steps, draws, checks, drawn = [], [], [], []
    for key, (floor, *others) in timings.items():
        images, work, num = key.split("|")
        by_name = {timing.name: timing for timing in others}
        ours = by_name["pyrodgm"]
        if work == "step":
            steps.append(Row((images,), floor, by_name))
            text = f"{ours.ratio:.2f} of the hand-written loss's step (target ≤ {MAX_STEP})"
            checks.append((text, ours.ratio <= MAX_STEP))
            continue
        draws.append(Row((images, num), floor, by_name))
        if LOOP in by_name:
            times = speedup(by_name[LOOP], ours)
            text = f"{images}: {times:,.0f}× faster than a pass for each pixel (target ≥ {LEAST_SPEEDUP:g})"
            drawn.append((text, times >= LEAST_SPEEDUP))
            drawn.append((f"{images}: {ours.values[EQUAL]:.0f} {EQUAL} (target 0)", ours.values[EQUAL] == 0))
        if images == COLOUR:
            seconds = ours.median / 1e3
            drawn.append(
                (f"{images}: {seconds:.1f} s (target ≤ {MAX_COLOUR_SECONDS:g})", seconds <= MAX_COLOUR_SECONDS)
            )
    sizes = f"{SCALES} scales, {BLOCKS} blocks a scale on the way down, {CHANNELS} channels, float32."
    return [
        Grid(
            "PixelCNN++: training step",
            f"Binary images of 28 × 28, {sizes} Batch {BATCH}, fused Adam. The floor is a step with the same network "
            "and `binary_cross_entropy_with_logits`; ours is `-model().log_prob(x).mean()`, validation included. "
            f'"{PLAIN}" is the floor with each layer as one writes it down, over the same weights.',
            [],
            {},
            checks,
            heads=("images",),
            columns=(STEP, PLAIN),
            rivals=(PLAIN,),
            rows=steps,
        ),
        Grid(
            "PixelCNN++: draws",
            f"{sizes} The binary model after {WARMUP_STEPS} steps of training on smooth pictures. The floor is one "
            f'pass of the network without gradients, and "{LOOP}" one such pass for each pixel.',
            [],
            {},
            drawn,
            heads=("images", "at once"),
            columns=("pyrodgm", INCREMENTAL, FIXED_POINT, LOOP),
            rivals=(LOOP,),
            rows=draws,
        ),
    ]
