"""
Anomalies: does this picture belong to the others?
==================================================

An autoregressive model says exactly how probable a picture is. Whether a picture belongs to those that the model was
trained on is another question, and probability alone does not answer it. Three scores are compared, on a MADE of the
digits 0 to 4:

- the log-likelihood, ranked among that of pictures held out: the *typicality*, a p-value;
- the same from *both sides*, since a picture can also be suspiciously probable;
- the *ratio* to a background model, trained on the same pictures with noise in their pixels: what makes any picture
  probable, such as being plain, cancels.

The strangers are the digits 5 to 9, the digits 0 to 4 upside down, in black and white, and with half the ink. With
``--root``, the folder of data sets, MNIST is known and Omniglot's characters are the strangers.
"""  # noqa: D205, D212

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrodgm import autoregressive as ar
from pyrodgm import data, heads, metrics, plots

Kinds = dict[str, Tensor]  # "train", "valid", the known ones held out for the test, and strangers


def digits() -> Kinds:
    """Return 8 x 8 pixels of 17 levels."""
    splits = data.digits(num_levels=17)
    parts = {"train": splits.train, "valid": splits.valid, "digits 0-4": splits.test}
    kinds = {name: part.x[part.labels < 5] for name, part in parts.items()}
    known = kinds["digits 0-4"]
    return kinds | {
        "digits 5-9": splits.test.x[splits.test.labels >= 5],
        "upside down": known.reshape(-1, 8, 8).flip(1).flatten(1),
        "black and white": 16.0 * (known > 8),
        "half the ink": (known / 2).floor(),
    }


def characters(root: Path) -> Kinds:
    """Return 28 x 28 pixels in black and white."""
    known, strangers = data.binarized_mnist(root), data.omniglot(root)
    return {"train": known.train.x, "valid": known.valid.x, "MNIST": known.test.x, "Omniglot": strangers.test.x}


# %%
# The background model learns what pixels are like in general: a share of them is replaced at random. Weight decay keeps
# both models from learning the few pictures by heart; validation pictures are held out, for p-values must not rank a
# test picture among pictures that the model has seen.
def train(x: Tensor, num_levels: int, num_steps: int, mutation: float = 0.0) -> ar.Autoregressive:
    """Train a MADE of so many levels, on pictures with that share of pixels replaced."""
    model = ar.made(x.shape[1], hidden_dims=(256,), head=heads.Categorical(num_levels))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1.0, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for _ in range(num_steps):
        batch = x[torch.randint(len(x), (128,))]
        batch = torch.where(torch.rand_like(batch) < mutation, torch.randint_like(batch, num_levels), batch)
        optimizer.zero_grad()
        (-model().log_prob(batch).mean()).backward()
        optimizer.step()
        schedule.step()
    return model


def main(argv: Sequence[str] | None = None) -> None:
    """Train, score all kinds of pictures three ways, and draw."""
    parser = argparse.ArgumentParser(description="Anomalies by typicality and by likelihood ratio")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--root", type=Path, help="folder of data sets: MNIST against Omniglot")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/60_anomalies"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    kinds = characters(args.root) if args.root else digits()
    x, valid = kinds.pop("train"), kinds.pop("valid")
    num_levels, side = int(x.max()) + 1, round(x.shape[1] ** 0.5)
    model, background = (train(x, num_levels, args.steps, mutation) for mutation in (0.0, 0.3))

    known, *_ = kinds
    scores: dict[str, dict[str, Tensor]] = {"p-value": {}, "likelihood": {}, "both sides": {}, "ratio": {}}
    with torch.no_grad():
        held_out = model().log_prob(valid)
        for kind, pictures in kinds.items():
            log_prob = model().log_prob(pictures)
            scores["p-value"][kind] = metrics.typicality(held_out, log_prob)
            scores["likelihood"][kind] = log_prob
            scores["both sides"][kind] = metrics.typicality(held_out, log_prob, two_sided=True)
            scores["ratio"][kind] = metrics.likelihood_ratio(log_prob, background().log_prob(pictures))

    print(f"area under the curve, known: {known}\n{'':16} log p(x)  p < 5 % likelihood both sides      ratio")
    for kind in kinds:
        rare = (scores["p-value"][kind] < 0.05).float().mean()
        areas = [metrics.auroc(scores[s][known], scores[s][kind]) for s in ("likelihood", "both sides", "ratio")]
        print(f"{kind:16} {scores['likelihood'][kind].mean():8.1f} {rare:8.0%}", *(f"{area:10.2f}" for area in areas))

    few = {kind: pictures[:16] for kind, pictures in kinds.items()}
    plots.samples_grid(
        few, (1, side, side), args.out / "1_pictures.png", num_columns=16, value_range=(0, num_levels - 1)
    )
    plots.histograms(
        scores["p-value"], args.out / "2_typicality.png", x_label="p-value", num_bins=20, value_range=(0, 1)
    )
    plots.histograms(scores["ratio"], args.out / "3_ratio.png", x_label="log-likelihood ratio to the background, nats")


# %%
# The p-values of the known digits are spread evenly, as they should be. Digits in black and white, which no scanner
# made, are *more* probable than the digits themselves: the likelihood does not notice them. The ratio does, because to
# the background model they are more probable still. With half the ink it is the other way round: they are improbable,
# but even more so to the background model, and the ratio takes them for the best digits of all. No score is right for
# all strangers; what one knows of those to expect has to decide.
if __name__ == "__main__":
    main()
