"""
Sound in one pass
=================

A WaveNet draws sample by sample, which is slow. Parallel WaveNet trains a second model, the student, to draw what the
first one, the teacher, finds likely: a flow that turns noise into sound in one pass of a few networks. It minimises its
divergence from the teacher over draws of its own, whose density comes with them; recordings it hears as spectra alone.

The sounds are strokes of a made-up bell. With ``--root``, the folder of data sets, they are a spoken digit.
"""  # noqa: D205, D212, D415

import argparse
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrodgm import autoregressive as ar
from pyrodgm import data, flows, heads, infer, plots

RATE, NUM_LEVELS = 8000, 256  # samples a second; levels of the mu-law scale


def bells(num: int, length: int) -> Tensor:
    """Return strokes of a bell, ``(num, length)``, on the mu-law scale."""
    seconds, pitch = torch.arange(length) / RATE, 330 * (1 + 0.01 * torch.randn(num, 1))
    overtones = torch.tensor([1.0, 2.0, 2.7])[:, None, None]
    phases = 2 * math.pi * (overtones * pitch * seconds + torch.rand(3, num, 1))
    sound = (phases.sin() * (-12 * overtones * seconds).exp() / 4).sum(0) + 0.002 * torch.randn(num, length)
    return data.mu_law(sound.clamp(-1, 1), NUM_LEVELS).to(sound.dtype)


# %%
# The teacher gives each level a probability by a mixture of logistics, as in the paper, and is trained as any density.
def train(teacher: ar.Autoregressive, x: Tensor, num_steps: int) -> list[float]:
    """Train on a few sounds at a time and return the bits per sample of every step."""
    optimizer = torch.optim.Adam(teacher.parameters(), lr=4e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    losses = []
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss = bits(-teacher().log_prob(x[torch.randint(len(x), (4,))]).mean(), x.shape[1])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def bits(nats: Tensor | float, length: int) -> Tensor | float:
    """Return bits per sample of nats per sound."""
    return nats / (length * math.log(2))


# %%
# A student draws real numbers, between the levels too. Levels fill [-1, 1]; what lies within half a step of one is it.
def to_levels(x: Tensor) -> Tensor:
    """Round to levels."""
    return ((x + 1) * (NUM_LEVELS - 1) / 2).round().clamp(0, NUM_LEVELS - 1)


def power_loss(x: Tensor, reference: Tensor) -> Tensor:
    """Compare how loud draws and recordings are at each frequency, on average, off the mu-law scale."""
    x, reference = (v.sign() * (NUM_LEVELS ** v.abs().clamp(max=1) - 1) / (NUM_LEVELS - 1) for v in (x, reference))
    return infer.spectral_power_loss(x, reference, paired=False)


def timed(draw: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """Return what was drawn, and how many seconds a second of it took."""
    start = time.perf_counter()
    drawn = draw()
    return drawn, (time.perf_counter() - start) * RATE / drawn.numel()


def main(argv: Sequence[str] | None = None) -> None:
    """Train a teacher, distill it, draw from both by the clock, as pictures and to listen to."""
    parser = argparse.ArgumentParser(description="A WaveNet, and a student that draws in one pass")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=500, help="of the teacher, and as many of the student")
    parser.add_argument("--length", type=int, default=2048, help="samples of a sound")
    parser.add_argument("--root", type=Path, help="folder of the data sets: a spoken digit instead of a bell")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/78_parallel_wavenet"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)
    splits = data.fsdd(args.root, length=args.length, digit=0) if args.root else None
    x, new = (splits.train.x, splits.test.x) if splits else (bells(500, args.length), bells(50, args.length))

    head = heads.DiscretizedLogisticMixture(5, NUM_LEVELS)
    teacher = ar.wavenet(args.length, num_layers=9, num_channels=32, skip_channels=64, head=head)
    curves = {"teacher": train(teacher, x, args.steps)}
    with torch.no_grad():
        print(f"teacher: {bits(-teacher().log_prob(new).mean(), args.length):.2f} bits per sample; 8 without a model")

    student = flows.parallel_wavenet(args.length, num_flows=2, num_layers=8, num_channels=16, initial_scale=0.1)
    real = x * (2 / (NUM_LEVELS - 1)) - 1
    weight = 0.1 * args.length / power_loss(torch.zeros(1, args.length), real).item()  # silence costs 0.1 nats a sample
    settings = {"batch_size": 4, "num_draws": 4, "lr": 2e-3, "spectral_loss": power_loss, "spectral_weight": weight}
    losses = infer.distill(student, ar.relaxed(teacher), num_steps=args.steps, reference=real, **settings)
    curves["student"] = [bits(loss, args.length) for loss in losses]

    slow, teacher_seconds = timed(lambda: teacher.sample((3,)))
    student().sample((3,))  # the first pass sets memory aside
    fast, student_seconds = timed(lambda: student().sample((3,)))
    print(f"a second of sound: {teacher_seconds:.3f} s by the teacher, {student_seconds:.5f} s by the student")
    print(f"the student is {teacher_seconds / student_seconds:.0f} times as fast")
    parts = {"real": new[:3], "teacher": slow, "student": to_levels(fast)}
    sounds = {f"{name} {i}": data.inverse_mu_law(part[i], NUM_LEVELS) for name, part in parts.items() for i in range(3)}
    for name, sound in sounds.items():
        data.write_wav(args.out / f"{name.replace(' ', '_')}.wav", sound, RATE)
    plots.training_curves(curves, args.out / "1_curves.png", y_label="bits per sample")
    plots.spectrograms(sounds, RATE, args.out / "2_spectrograms.png", num_columns=3)


if __name__ == "__main__":
    main()
