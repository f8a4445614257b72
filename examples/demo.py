"""
The main job: three models of real digits
=========================================

Trains three recipes by the command ``pyrodgm fit``: ``digits_vae`` (prior N(0, I)), ``digits_vae_flow_prior`` (prior
RealNVP) and ``digits_maf`` (a MAF on the dequantized pixels). Judges them on the test digits by the function behind
``pyrodgm evaluate``, prints a table, and draws pictures. A run that is finished is not trained again, and one that was
stopped goes on.
"""  # noqa: D205, D212, D415

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyro
import torch
from rich.console import Console
from rich.table import Table

from pyrodgm import cli, data, models, plots, train
from pyrodgm.plots.curves import read_metrics

RECIPES = {
    "digits_vae": "VAE, prior N(0, I)",
    "digits_vae_flow_prior": "VAE, prior RealNVP",
    "digits_maf": "MAF, dequantized",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge and draw the three models."""
    parser = argparse.ArgumentParser(description="Train two VAEs and a MAF on digits and compare them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=None, help="stop each training after so many steps")
    parser.add_argument("--particles", type=int, default=1000, help="importance samples per test digit")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"))
    args = parser.parse_args(argv)

    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    limit = [] if args.steps is None else ["--trainer.max_steps", str(args.steps)]
    for recipe in RECIPES:
        arguments = ["fit", recipe, "--out", str(args.out / recipe), "--seed", str(args.seed), *limit]
        console.print(f"[bold]$ {shlex.join(['pyrodgm', *arguments])}[/bold]", soft_wrap=True)
        if code := cli.main(arguments):
            raise SystemExit(code)
    for recipe, title in RECIPES.items():
        with console.status(f"judging the {title} with {args.particles} particles a digit"):
            train.evaluate(args.out / recipe, num_particles=args.particles, seed=args.seed)
    console.print(table(train.compare([args.out / recipe for recipe in RECIPES])))
    draw(args.out, args.seed)
    console.print(f"pictures: {', '.join(sorted(str(path) for path in args.out.glob('*.png')))}", soft_wrap=True)


def table(results: list[dict[str, Any]]) -> Table:
    """Lay out the evaluations: means over the test digits with their standard errors, all of integers 0..16."""
    particles, num = results[0]["num_particles"], results[0]["num_data"]
    caption = f"importance weighted, {particles:,} particles a digit; ± is one standard error over {num} digits"
    columns = ["", "nats per digit", "bits per dimension", "paired difference, nats"]
    laid_out = Table(*columns, title="Test negative log-likelihood", caption=caption)
    for title, result in zip(RECIPES.values(), results, strict=True):
        names = ("nll_nats", "bits_per_dim")
        cells = [
            f"{result[name]:.{2 + i}f} ± {result[f'{name}_standard_error']:.{2 + i}f}" for i, name in enumerate(names)
        ]
        first = result is results[0]
        pair = "" if first else f"{result['difference_nats']:+.2f} ± {result['difference_standard_error']:.2f}"
        laid_out.add_row(title, *cells, pair)
    return laid_out


def draw(out: Path, seed: int) -> None:
    """Draw samples, reconstructions, latent spaces and curves of the finished runs."""
    splits = data.digits(num_levels=17)
    x, labels = splits.test.x, splits.test.labels
    white = (0.0, 16.0)
    samples, curves = {"test data": x[:32]}, {}
    for recipe, title in RECIPES.items():
        model = train.load(out / recipe)
        pyro.set_rng_seed(seed)
        samples[title] = model.sample(32)
        _, series = read_metrics(out / recipe / "metrics.csv")
        curves[title] = series.get("valid_nll", series["train_nll"])
        if isinstance(model, models.VAE):
            name = recipe.removeprefix("digits_")
            hats = model.reconstruct(x[:24])
            plots.reconstructions(x[:24], hats, splits.shape, out / f"reconstructions_{name}.png", value_range=white)
            plots.latent_space(model.encode(x), labels, out / f"latent_{name}.png", title=f"{title}: test digits")
    plots.samples_grid(samples, splits.shape, out / "samples.png", num_columns=16, value_range=white)
    plots.training_curves(curves, out / "curves.png", y_label="validation loss, nats per digit")


if __name__ == "__main__":
    torch.set_num_threads(1)  # networks this small gain nothing from more, and wait where cores are shared
    main()
