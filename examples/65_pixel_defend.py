"""
PixelDefend: purify what an attack has changed
==============================================

A small classifier reads the scanned digits well, until someone who knows its gradients moves every pixel by one, two
or three of the 16 levels in the direction that raises the loss: the *fast gradient sign method*. To the eye the digits
stay what they are. To a generative model they are utterly improbable, and that can be used twice: to notice the
attack, by the p-value of the log-likelihood, and to take it back, by moving each pixel to the most probable value
nearby.

``ar.pixel_defend`` does so pixel by pixel, in one run of the model's sampler. The classifier stays as it is.
"""  # noqa: D205, D212, D415

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import pyro
import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm import autoregressive as ar
from pyrodgm import data, heads, metrics, nn, plots

NUM_LEVELS = 17


def train(network: torch.nn.Module, loss_of: Callable[[Tensor], Tensor], num_rows: int, num_steps: int) -> None:
    """Minimise the mean of a loss over random rows."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1.0, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss_of(torch.randint(num_rows, (128,))).mean().backward()
        optimizer.step()
        schedule.step()


# %%
# The attack takes one step of a whole number of levels, so that its result is a picture again. The scale of the pixels
# belongs to the classifier: everything else counts in levels.
class Classifier(torch.nn.Module):
    """Logits of the ten digits."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.MLP(64, 10, hidden_dims=(100,))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(num, 10)`` of pictures ``(num, 64)`` in levels."""
        return self.net(2 * x / (NUM_LEVELS - 1) - 1)

    def accuracy(self, x: Tensor, labels: Tensor) -> float:
        """Return the share that is read rightly."""
        return (self(x).argmax(-1) == labels).double().mean().item()


def attack(classifier: Classifier, x: Tensor, labels: Tensor, epsilon: int) -> Tensor:
    """Return :math:`x + epsilon sign(grad loss)` inside the range of pixels (Goodfellow, Shlens, Szegedy, 2015)."""
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(classifier(x), labels), x)
    return (x.detach() + epsilon * slope.sign()).clamp(0, NUM_LEVELS - 1)


def main(argv: Sequence[str] | None = None) -> None:
    """Train a classifier and a model, attack, purify, and draw."""
    parser = argparse.ArgumentParser(description="Purification of attacked digits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("runs/examples/65_pixel_defend"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    splits = data.digits(num_levels=NUM_LEVELS)
    x, labels = splits.train.x, splits.train.labels
    classifier = Classifier()
    train(classifier, lambda rows: F.cross_entropy(classifier(x[rows]), labels[rows]), len(x), args.steps)
    model = ar.made(64, hidden_dims=(256,), head=heads.Categorical(NUM_LEVELS))
    train(model, lambda rows: -model().log_prob(x[rows]), len(x), args.steps)

    x, labels = splits.test.x, splits.test.labels
    clean = classifier.accuracy(x, labels)
    with torch.no_grad():
        held_out = model().log_prob(splits.valid.x)

    def p_values(pictures: Tensor) -> Tensor:
        with torch.no_grad():
            return metrics.typicality(held_out, model().log_prob(pictures))

    # The defender is given a ball as wide as the attacker's. What it does to pictures that nobody attacked counts too.
    print(f"read rightly without an attack: {clean:.1%}; p < 5 % in {(p_values(x) < 0.05).double().mean():.0%}")
    print("epsilon  attacked  purified  clean, purified  p < 5 %: attacked  purified")
    for epsilon in (1, 2, 3, 4):
        attacked = attack(classifier, x, labels, epsilon)
        purified, kept = (ar.pixel_defend(model, pictures, epsilon) for pictures in (attacked, x))
        shares = [classifier.accuracy(pictures, labels) for pictures in (attacked, purified, kept)]
        rare = [(p_values(pictures) < 0.05).double().mean().item() for pictures in (attacked, purified)]
        print("{:7}  {:8.1%}  {:8.1%}  {:15.1%}  {:17.0%}  {:8.0%}".format(epsilon, *shares, *rare))
        if epsilon == 2:
            kinds = {"clean": x, "attacked": attacked, "purified": purified, "clean, purified": kept}
            few = {name: pictures[:16] for name, pictures in kinds.items()}
            plots.samples_grid(few, splits.shape, args.out / "1_pictures.png", num_columns=16, value_range=(0, 16))
            ranks = {name: p_values(pictures) for name, pictures in kinds.items()}
            plots.histograms(ranks, args.out / "2_p_values.png", x_label="p-value", num_bins=20, value_range=(0, 1))


# %%
# An attack by a single level already makes every picture improbable: scanned paper is black, and an attack is not.
# Purification takes a good part of the misreadings back and leaves untouched pictures readable. It also gives itself
# away, as the picture of p-values shows: what it returns is more probable than nearly everything that was ever scanned.
# It is no proof of safety either. This attacker knows nothing of it; one who does finds ways past it (Athalye, Carlini,
# Wagner, 2018, Obfuscated Gradients Give a False Sense of Security).
if __name__ == "__main__":
    main()
