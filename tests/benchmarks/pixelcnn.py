"""PixelCNN and Gated PixelCNN: draws against a pass for each pixel, and training steps."""

from functools import partial

import torch
from torch import Tensor

from tests.benchmarks.autoregressive_vectors import adam, count, train_step
from tests.benchmarks.grid import Grid, Row
from tests.benchmarks.pixel_rnn import full_pass, hand_written_loop, hand_written_loss, images, our_logits, our_loss
from tests.benchmarks.plain_pixel_cnn import plain_gated_pixel_cnn, plain_pixel_cnn
from tests.benchmarks.report import Table
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave, speedup

GROUPS = (("pyrodgm",),)
ROUNDS = 7
LAYERS, CHANNELS, BATCH = 7, 64, 16
COLOUR_SHAPE, LEVELS = (3, 32, 32), 256
WARMUP_STEPS = 20  # of training before anything is drawn
STEP, PLAIN = "pyrodgm", "square masked kernels"
INCREMENTAL, FIXED_POINT, LOOP = "Incremental", "FixedPoint", "a pass for each pixel"
PLAIN_LOOP = "the same by square masked kernels"
EQUAL = "draws that differ from the hand-written loop's"
PLAIN_NETS = {"pixelcnn": plain_pixel_cnn, "gated_pixelcnn": plain_gated_pixel_cnn}
DRAWS = {("pixelcnn", 1): 100.0, ("pixelcnn", 16): 400.0, ("gated_pixelcnn", 1): 50.0, ("gated_pixelcnn", 16): 0.0}
MAX_STEP, MAX_COLOUR_SECONDS = 1.05, 60.0


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time training steps, and draws from the weights that they have left."""
    from pyrodgm import autoregressive as ar

    results = {}
    models = {
        name: getattr(ar, name)((1, 28, 28), num_layers=LAYERS, num_channels=CHANNELS // (4 if quick else 1))
        for name in PLAIN_NETS
    }
    for name, model in models.items():
        x = images(BATCH)
        step = partial(train_step, partial(our_loss, model), adam(model))
        by_hand = partial(train_step, partial(hand_written_loss, our_logits, model.net), adam(model))
        by_plain = partial(train_step, partial(hand_written_loss, PLAIN_NETS[name], model.net), adam(model))
        for _ in range(2 if quick else WARMUP_STEPS):
            step(images(BATCH))
        contenders = [Contender(FLOOR, partial(by_hand, x), num_params=count(model))]
        contenders += [Contender(STEP, partial(step, x)), Contender(PLAIN, partial(by_plain, x))]
        results[f"step|{name}"] = interleave(contenders, rounds=rounds, block_seconds=0.05)
    for (name, num), target in DRAWS.items():
        model = models[name]
        contenders = [Contender(FLOOR, partial(full_pass, model.net, images(num)))]
        for label, strategy in (
            ("pyrodgm", None),
            (INCREMENTAL, ar.Incremental()),
            (FIXED_POINT, ar.FixedPoint()),
        ):
            contenders.append(Contender(label, partial(model.sample, (num,), strategy=strategy, progress=False)))
        drawn: list[Tensor] = []
        if target and not quick:  # minutes
            contenders.append(Contender(LOOP, partial(hand_written_loop, model.net, num, drawn), every=rounds))
            plain = partial(PLAIN_NETS[name], model.net)
            contenders.append(Contender(PLAIN_LOOP, partial(hand_written_loop, plain, num, []), every=rounds))
        timings = interleave(contenders, rounds=rounds, block_seconds=0.02)
        for x in drawn:
            torch.manual_seed(1)
            differ = (model.sample((num,), progress=False) != x).flatten(1).any(1)
            timings[1].values[EQUAL] = float(differ.sum())
        results[f"draw|{name}, 28 × 28, binary|{num}"] = timings
    for name in PLAIN_NETS:
        model = getattr(ar, name)(COLOUR_SHAPE, num_levels=LEVELS, num_layers=3 if quick else LAYERS)
        contenders = [Contender(FLOOR, partial(full_pass, model.net, torch.zeros(1, *COLOUR_SHAPE)))]
        draw = partial(model.sample, (1,), progress=False)
        contenders.append(Contender("pyrodgm", draw))
        results[f"draw|{name}, 3 × 32 × 32, {LEVELS} levels|1"] = interleave(contenders, rounds=3, block_seconds=0.02)
    return results


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table of steps and one of draws."""
    steps, draws, checks, drawn = [], [], [], []
    for key, (floor, *others) in timings.items():
        work, where, *num = key.split("|")
        by_name = {timing.name: timing for timing in others}
        ours = by_name["pyrodgm"]
        if work == "step":
            steps.append(Row((where,), floor, by_name))
            text = f"{where}: {ours.ratio:.2f} of the hand-written loss's step (target ≤ {MAX_STEP})"
            checks.append((text, ours.ratio <= MAX_STEP))
            continue
        draws.append(Row((where, *num), floor, by_name))
        target = DRAWS.get((where.split(",")[0], int(num[0])))
        if LOOP in by_name and target:
            where, times = f"{where}, {num[0]} at once", speedup(by_name[PLAIN_LOOP], ours)
            text = (
                f"{where}: {times:,.0f}× faster than a pass of square masked kernels for each pixel (target ≥ "
                f"{target:g}), {speedup(by_name[LOOP], ours):,.0f}× faster than our pass for each"
            )
            drawn.append((text, times >= target))
            drawn.append((f"{where}: {ours.values[EQUAL]:.0f} {EQUAL} (target 0)", ours.values[EQUAL] == 0))
        if f"{LEVELS} levels" in where:
            seconds = ours.median / 1e3
            drawn.append((f"{where}: {seconds:.1f} s (target ≤ {MAX_COLOUR_SECONDS:g})", seconds <= MAX_COLOUR_SECONDS))
    sizes = f"{LAYERS} layers, {CHANNELS} channels, kernels of 7 and 3, float32."
    return [
        Grid(
            "PixelCNN and Gated PixelCNN: training step",
            f"Binary images of 28 × 28, {sizes} Batch {BATCH}, fused Adam. The floor is a step with the same network "
            "and `binary_cross_entropy_with_logits`; ours is `-model().log_prob(x).mean()`, validation included. "
            f'"{PLAIN}" is the floor with each layer as one writes it down, over the same weights.',
            [],
            {},
            checks,
            heads=("model",),
            columns=(STEP, PLAIN),
            rivals=(PLAIN,),
            rows=steps,
        ),
        Grid(
            "PixelCNN and Gated PixelCNN: draws",
            f"{sizes} The binary models after {WARMUP_STEPS} steps of training on smooth pictures. The floor is a pass "
            f'of the network without gradients, and "{LOOP}" one such pass for each pixel. "{PLAIN_LOOP}" is the naive '
            "sampler: each pass with the layers as one writes them down, over the same weights.",
            [],
            {},
            drawn,
            heads=("model", "at once"),
            columns=("pyrodgm", INCREMENTAL, FIXED_POINT, LOOP, PLAIN_LOOP),
            rivals=(LOOP, PLAIN_LOOP),
            rows=draws,
        ),
    ]
