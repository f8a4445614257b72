"""
Principal components as a model
===============================

Probabilistic PCA says what principal components are the maximum likelihood of: :math:`z \\sim N(0, I)`,
:math:`x \\sim N(W z + \\mu, \\sigma^2 I)`. A density, unlike a projection, can be compared on test data,
drawn from, and fitted to pictures with holes. Three ways to the same maximum: the closed form by eigenvectors,
expectation maximization (EM), and stochastic gradients of the ELBO. Only the last two take pictures with missing pixels
as they are.

Factor analysis beside it gives each pixel a noise of its own.
"""  # noqa: D205, D212, D301, D415

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrodgm import data, infer, models, plots

NUM_COMPONENTS = 10


# %%
# The guide is the exact posterior, so that the ELBO is the log-likelihood, whatever is drawn: gradients have no noise
# but that of batches.
def fit_by_gradients(model: models.PPCA, x: Tensor, num_steps: int) -> models.PPCA:
    """Minimise the negative ELBO by Adam."""
    model.initialize(x)
    loss_of = infer.ReparameterizedELBO()(model.model, model.guide)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for _ in range(num_steps):
        optimizer.zero_grad()
        (loss_of(x[torch.randint(len(x), (256,))]) / 256).backward()
        optimizer.step()
        schedule.step()
    return model.rotate()


def main(argv: Sequence[str] | None = None) -> None:
    """Fit in each way, with all pixels and without some, and fill in what is missing."""
    parser = argparse.ArgumentParser(description="Probabilistic PCA of digits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--missing", type=float, default=0.4)
    parser.add_argument("--out", type=Path, default=Path("runs/examples/45_principal_components"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    splits = data.digits(num_levels=17)
    x, test = ((part.x + torch.rand_like(part.x)) / 17 for part in (splits.train, splits.test))  # no longer discrete

    closed = models.PPCA(64, NUM_COMPONENTS).fit(x)
    by_em, factors = models.PPCA(64, NUM_COMPONENTS), models.FactorAnalysis(64, NUM_COMPONENTS)
    found = infer.em(by_em, x, num_steps=args.steps)
    by_gradients = fit_by_gradients(models.PPCA(64, NUM_COMPONENTS), x, args.steps)
    infer.em(factors, x, num_steps=args.steps)
    by_em.rotate()

    print(f"{'nats a picture':38} train    test")
    fits = {"PPCA, closed form": closed, f"PPCA, EM, {found.num_steps} steps": by_em, "PPCA, gradients": by_gradients}
    for name, model in {**fits, "factor analysis, EM": factors}.items():
        print(f"{name:36} {model.log_prob(x).mean():8.3f} {model.log_prob(test).mean():8.3f}")
    cosines = (closed.principal_axes() * by_em.principal_axes()).sum(0).abs()
    print(f"least cosine between the principal axes of the closed form and of EM: {cosines.min():.5f}")

    # %%
    # Now pixels are missing from every picture, at random. EM sums over them. The closed form needs pictures without
    # holes: here each hole gets the pixel's mean, which makes pictures look more alike than they are.
    holes, test_holes = (torch.where(torch.rand_like(part) < args.missing, torch.nan, part) for part in (x, test))
    mean = holes.nanmean(0)
    on_means = models.PPCA(64, NUM_COMPONENTS).fit(torch.where(holes.isnan(), mean, holes))
    summed_out = models.PPCA(64, NUM_COMPONENTS)
    with_holes = infer.em(summed_out, holes, num_steps=args.steps, missing="em")
    factors = models.FactorAnalysis(64, NUM_COMPONENTS)
    infer.em(factors, holes, num_steps=args.steps, missing="em")

    gone = test_holes.isnan()
    pictures = {"test pictures": test, "given": torch.where(gone, 0.5, test), "mean": torch.where(gone, mean, test)}
    ways = {
        "PPCA of pictures filled with means": on_means,
        "PPCA, EM with holes": summed_out,
        "factor analysis, EM with holes": factors,
        "PPCA of all pixels, closed form": closed,
    }
    error = (mean - test)[gone].square().mean().sqrt()
    print(f"\n{args.missing:.0%} of pixels missing{'':24} nats of test   error of a missing pixel")
    print(f"{'mean of the pixel':62} {error:8.4f}")
    for name, model in ways.items():
        filled = model.impute(test_holes)
        error = (filled - test)[gone].square().mean().sqrt()
        print(f"{name:36} {model.log_prob(test).mean():19.3f} {error:14.4f}")
        pictures[name] = filled
    print(f"with holes EM took {with_holes.num_steps} steps")

    first = {name: some[:20] for name, some in pictures.items()}
    plots.samples_grid(first, splits.shape, args.out / "1_missing_pixels.png", num_columns=20, value_range=(0, 1))
    axes_of = {"closed form": closed.principal_axes().t(), "EM": by_em.principal_axes().t()}
    axes_of["EM with holes"] = summed_out.principal_axes().t()
    plots.samples_grid(axes_of, splits.shape, args.out / "2_axes.png", num_columns=NUM_COMPONENTS)
    curves = {"EM": found, "EM with holes": with_holes}
    bounds = {name: [bound / len(x) for bound in result.after_e] for name, result in curves.items()}
    plots.training_curves(bounds, args.out / "3_bounds.png", y_label="bound, nats a picture")


# %%
# All three find one maximum. Factor analysis is far ahead of it: pixels at the margins hardly vary, and it gives them
# hardly any noise. Fitted with holes, EM gives complete test pictures two nats more than pictures filled with means do.
# To fill in single pixels the two are as good as each other, the means even a little better, and both hardly worse than
# a model of all pixels.
if __name__ == "__main__":
    main()
