"""
Sound, sample by sample
=======================

A WaveNet predicts each sample of a sound from hundreds before it. Sound arrives as integers on a mu-law scale, 256 of
them, fine where it is quiet, and the model gives each a probability: bits per sample are exact, as the density of all
autoregressive models is. Which sound it is to be is the context: a column for each kind, of which one is 1.

Drawing is the hard part: every sample needs those before it. Layers that keep their past make each sample cost the
same, a fraction of a millisecond, however long the sound.

The sounds are three made-up bells. With ``--root``, the folder of data sets, they are spoken digits.
"""  # noqa: D205, D212, D415

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrodgm import autoregressive as ar
from pyrodgm import data, plots

RATE = 8000  # samples a second


# %%
# A bell is a few overtones that fade, each faster than the one below; every stroke is a little different. Most of the
# time the sound is quiet, where the mu-law scale is fine.
def bells(num: int, length: int) -> tuple[Tensor, Tensor]:
    """Return strokes of three bells, ``(num, length)``, on the mu-law scale, and which bell each is, ``(num, 3)``."""
    kind = torch.randint(3, (num,))
    pitch = torch.tensor([220.0, 330.0, 550.0])[kind] * (1 + 0.01 * torch.randn(num))  # Hz
    time = torch.arange(length) / RATE
    sound = torch.zeros(num, length)
    for overtone in (1.0, 2.0, 2.7):
        phase = 2 * math.pi * (overtone * pitch[:, None] * time + torch.rand(num, 1))
        sound += phase.sin() * (-time * 12 * overtone).exp() / 4
    sound = sound * (0.5 + 0.5 * torch.rand(num, 1)) + 0.002 * torch.randn(num, length)
    return data.mu_law(sound.clamp(-1, 1)).to(sound.dtype), torch.eye(3)[kind]


# %%
# Training is that of any density: maximise the log-probability. Divided by the number of samples and by log 2, its
# negative is the number of bits that a sample needs; eight would be no knowledge at all.
def bits(model: ar.Autoregressive, x: Tensor, context: Tensor) -> Tensor:
    """Return bits per sample."""
    return -model(context).log_prob(x).mean() / (x.shape[1] * math.log(2))


def train(model: ar.Autoregressive, x: Tensor, context: Tensor, num_steps: int) -> list[float]:
    """Train on a few sounds at a time and return the bits per sample of every step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    losses = []
    for _ in range(num_steps):
        rows = torch.randint(len(x), (4,))
        optimizer.zero_grad()
        loss = bits(model, x[rows], context[rows])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


# %%
# No weight depends on the length of a sound: the model that draws is twice as long as the one that was trained.
def main(argv: Sequence[str] | None = None) -> None:
    """Train, report bits per sample, and draw one sound of each kind, as a picture and to listen to."""
    parser = argparse.ArgumentParser(description="A WaveNet on bells, or on spoken digits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--length", type=int, default=1500, help="samples of a sound in training")
    parser.add_argument("--root", type=Path, help="folder of the data sets: spoken digits instead of bells")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/55_speech"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    if args.root is None:
        (x, context), (new_x, new_context) = bells(500, args.length), bells(50, args.length)
    else:
        splits = data.fsdd(args.root, length=args.length)
        x, context, new_x, new_context = splits.train.x, splits.train.context, splits.test.x, splits.test.context
    settings = {"context_dim": context.shape[1], "num_layers": 9, "num_channels": 32, "skip_channels": 64}
    model = ar.wavenet(args.length, **settings)
    losses = train(model, x, context, args.steps)
    with torch.no_grad():
        print(f"test: {bits(model, new_x, new_context):.2f} bits per sample; 8 without a model")

    longer = ar.wavenet(2 * args.length, **settings)
    longer.load_state_dict(model.state_dict())
    kinds = torch.eye(context.shape[1])
    drawn = data.inverse_mu_law(longer.sample((), kinds))
    first = [int(new_context[:, i].argmax()) for i in range(len(kinds))]  # of its kind
    real = data.inverse_mu_law(new_x[first])
    sounds = {f"{name} {i}": x for name, part in (("real", real), ("drawn", drawn)) for i, x in enumerate(part)}
    for name, sound in sounds.items():
        data.write_wav(args.out / f"{name.replace(' ', '_')}.wav", sound, RATE)
    plots.training_curves({"training": losses}, args.out / "1_curve.png", y_label="bits per sample")
    plots.spectrograms(sounds, RATE, args.out / "2_spectrograms.png", num_columns=len(kinds))


if __name__ == "__main__":
    main()
