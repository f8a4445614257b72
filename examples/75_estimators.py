"""
How likely is a picture? Estimators of log p(x)
===============================================

A latent-variable model makes pictures easily, and says only with effort how likely a given one is: p(x) is an average
of p(x | z) over all latents. Draws of the prior do it without bias and without success, since hardly any draw explains
the picture at hand. Draws of the guide do it with few. Annealed importance sampling needs no guide at all, takes long,
and is the judge of the others.

The second half is about training: the same bound has several estimators of its gradient, which differ in noise alone.
"""  # noqa: D205, D212, D415

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrodgm import data, infer, models, plots


def train(vae: models.VAE, x: Tensor, num_steps: int) -> None:
    """Maximise the ELBO by Adam whose rate falls to zero."""
    loss_fn = infer.ReparameterizedELBO()(vae.model, vae.guide)
    optimizer = torch.optim.Adam(vae.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for _ in range(num_steps):
        batch = x[torch.randint(len(x), (128,))]
        optimizer.zero_grad()
        (loss_fn(batch) / len(batch)).backward()
        optimizer.step()
        schedule.step()


# %%
# Draws of the prior: the effective sample size says how many of them count. A median of 1 or 2 means that one lucky
# draw decides; each further nat takes e times as many.
def by_the_prior(vae: models.VAE, x: Tensor, counts: Sequence[int]) -> list[float]:
    """Estimate by naive Monte Carlo, and print how many draws count."""
    means = []
    for num in counts:
        found = infer.naive_monte_carlo(vae.model, x, num_samples=num, chunk_size=500)
        print(found)
        means.append(found.log_evidence.mean().item())
    return means


# %%
# Draws of the guide: with one draw this is the ELBO, with many it rises to log p(x).
def by_the_guide(vae: models.VAE, x: Tensor, counts: Sequence[int]) -> list[float]:
    """Estimate by importance sampling."""
    means = []
    for num in counts:
        found = infer.log_evidence(vae.model, vae.guide, x, num_particles=num, chunk_size=500)
        print(f"log p(x) {found.mean():.2f} nats by {num} draws of the guide")
        means.append(found.mean().item())
    return means


# %%
# Everything together. The gap between ELBO and evidence splits in two: a few gradient steps for each picture show what
# a better encoder would gain, and the rest is for another family of posteriors to gain.
#
# The loss of many draws, ``infer.ImportanceWeightedELBO``, is a tighter bound, whose plain gradient is mostly
# noise to the encoder. Written doubly reparameterized it is not.
def main(argv: Sequence[str] | None = None) -> None:
    """Train, estimate, compare gradients and draw."""
    parser = argparse.ArgumentParser(description="Estimators of the evidence, and of the gradient of its bounds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1000, help="of training; a fifth of them of annealing")
    parser.add_argument("--draws", type=int, default=10_000, help="most draws a digit")
    parser.add_argument("--digits", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("runs/examples/75_estimators"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    splits = data.digits()
    vae = models.vae(64, 8, hidden_dims=(128,))
    train(vae, splits.train.x, args.steps)
    x = splits.test.x[: args.digits]

    counts = [num for exponent in range(7) for num in (10**exponent, 3 * 10**exponent) if num <= args.draws]
    curves = {"draws of the prior": (counts, by_the_prior(vae, x, counts))}
    curves["draws of the guide"] = (counts, by_the_guide(vae, x, counts))
    num = args.steps // 5 + 2  # steps of annealing, and gradients to draw
    annealed = infer.annealed_log_evidence(vae.model, x, num_steps=num, num_chains=8)
    print(f"log p(x) {annealed.mean():.2f} nats by annealed importance sampling")
    curves["annealed importance sampling"] = ([counts[0], counts[-1]], [annealed.mean().item()] * 2)
    refined = infer.SemiAmortized(vae)
    print(infer.inference_gap(vae.model, vae.guide, x, refined=refined, evidence=annealed, num_particles=200))

    print("\nThe ELBO's gradient, by four estimators:")
    print(infer.gradient_variance(vae.model, vae.guide, x[:16], num_samples=num))
    many = {
        f"{draws} draws, {gradient.replace('_', ' ')}": infer.ImportanceWeightedELBO(draws, gradient=gradient)
        for draws in (5, 50)
        for gradient in ("reparameterized", "doubly_reparameterized")
    }
    print("\nThe gradient of the bound of many draws:")
    print(infer.gradient_variance(vae.model, vae.guide, x[:16], objectives=many, num_samples=num))

    figure = plots.training_curves(curves, y_label="log p(x), nats per digit")
    (axes,) = figure.axes
    axes.set_xscale("log")
    axes.set_xlabel("draws a digit")
    axes.set_ylim(annealed.mean().item() - 6, annealed.mean().item() + 0.5)  # with one draw, the prior is 20 nats below
    args.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out / "1_estimates.png")


if __name__ == "__main__":
    main()
