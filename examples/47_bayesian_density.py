"""
A Bayesian density of few data
==============================

A hundred pictures do not say what the weights of a network are. Maximum a posteriori takes the weights of highest
density and forgets all others: the *Dirac approximation* of the posterior. The *full posterior* averages the densities
p(x | weights) over all weights that the pictures allow.

The density is a MADE of 8 x 8 digits in black and white, under a wide prior and under a narrower one. Its posterior is
approximated by independent normals (mean field), by an ensemble of five MAP estimates, and, with ``--nuts``, sampled by
Hamiltonian Monte Carlo. Three questions to each: how probable are new digits? Is ink where it says so? And how much
better is the average than the one point that stands for it?
"""  # noqa: D205, D212, D415

import argparse
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyrodgm import autoregressive as ar
from pyrodgm import data, infer, metrics, plots

DRAWS = 100
Fit = Callable[[infer.Bayesian], infer.Posterior]


# %%
# A joint density says how probable each value of a pixel is given all others: the ratio of two densities. That holds
# for an average of densities too, which no single network's output is.
def pixel_probabilities(density: dist.TorchDistribution, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return p(pixel = 1 | all other pixels) at four random places of each picture, and the pixels that stand there."""
    x = x.repeat(4, 1)
    rows, pixels = torch.arange(len(x)), torch.randint(x.shape[1], (len(x),))
    on, off = x.clone(), x.clone()
    on[rows, pixels], off[rows, pixels] = 1.0, 0.0
    return (density.log_prob(on) - density.log_prob(off)).sigmoid(), x[rows, pixels].long()


def main(argv: Sequence[str] | None = None) -> None:
    """Fit the posteriors, print the table, and draw."""
    parser = argparse.ArgumentParser(description="MAP against the posterior of a MADE of few digits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--digits", type=int, default=100)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--nuts", type=int, default=0, help="number of samples of NUTS, such as 100; 0 leaves it out")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/47_bayesian_density"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    splits = data.digits()
    x, test = splits.train.x[: args.digits], splits.test.x
    made = ar.made(64, hidden_dims=(64,), direct=True)
    steps = {"num_steps": args.steps}
    fits: dict[str, Fit] = {
        "MAP": lambda bayes: infer.map_estimate(bayes, x, **steps),
        "mean field": lambda bayes: infer.mean_field(bayes, x, **steps),
        "ensemble": lambda bayes: infer.ensemble(bayes, x, num_members=5, **steps),
    }
    if args.nuts:
        sizes = {"num_samples": args.nuts, "num_warmup": args.nuts, "max_tree_depth": 6}
        fits["NUTS"] = lambda bayes: infer.nuts(bayes, x, **sizes)

    print(
        f"{len(x)} digits, test log-likelihood in nats\n"
        "prior                full posterior  its point  calibration  seconds"
    )
    curves, samples = {}, {"digits": test[:16]}
    for scale, (name, fit) in itertools.product((1.0, 0.5), fits.items()):
        posterior = fit(infer.bayesian(made, scale))  # one line puts a prior on the weights of any component
        predictive = infer.predictive(posterior, num_draws=DRAWS)
        with torch.no_grad():
            full, dirac = predictive.log_prob(test), predictive.dirac.log_prob(test)
            found = metrics.calibration_error(*pixel_probabilities(predictive, test), num_bins=10)
        print(
            f"N(0, {scale}^2) {name:10} {full.mean():6.2f} ± {full.std() / math.sqrt(len(test)):4.2f} "
            f"{dirac.mean():10.2f} {found.value:12.3f} {posterior.seconds:8.1f}"
        )
        if scale == 1.0:
            curves[name], samples[name] = found.curve, predictive.sample((16,))

    plots.reliability(
        curves, args.out / "1_reliability.png", x_label="p(pixel is ink | all others)", y_label="share of ink"
    )
    plots.samples_grid(samples, (1, 8, 8), args.out / "2_samples.png", num_columns=16)


# %%
# Under the wide prior, the point of highest density is a poor one: it loses 4 nats to mean field, and what it calls
# sure is not. But mean field owes that to its point, the mean, more than to the average: a broad posterior keeps clear
# of narrow peaks. The ensemble is the reverse, five such peaks whose average gains 1.7 nats over one of them.
#
# Under the narrower prior MAP is as good as the ensemble, for a fraction of the work, and the average of mean field is
# half a nat worse than its mean. So a posterior insures against a prior that is too wide; where there are data to
# choose the prior by, MAP needs no insurance. ``pyrodgm compare --posterior`` makes this table of any recipe.
if __name__ == "__main__":
    main()
