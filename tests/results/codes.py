"""Table of vector-quantized models: ``python -m tests.results.codes --out docs/results/codes.md``.

For each run of a VQ-VAE that ``make results`` has left, a prior of its codes is learned, the second stage; the whole
model is exported beside the run, where ``pyrodgm evaluate`` and ``pyrodgm compare`` find it like any other.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import pyro
import torch

from pyrodgm import models, plots, train
from pyrodgm.train.batches import rows_of
from pyrodgm.train.config import read_config
from pyrodgm.train.evaluate import load_data
from pyrodgm.train.export import export
from pyrodgm.train.files import write_json, write_text
from pyrodgm.train.machine import describe_machine
from pyrodgm.train.run_folder import config_text
from tests.results.recipe_tables import read

RUNS = {"mnist_vqvae": "binarized MNIST", "cifar_vqvae": "CIFAR, the first 4,000 pictures"}


def prior_config(model: models.VQVAE) -> dict[str, Any]:
    """Return the recipe of a PixelCNN over the codes."""
    shape = [1, *model.grid_shape]
    arguments = {"shape": shape, "num_levels": model.num_codes, "num_layers": 5, "num_channels": 32}
    return {"class_path": "pyrodgm.autoregressive.gated_pixelcnn", "init_args": arguments}


def second_stage(run: Path, out: Path, *, minutes: float, batch_size: int, seed: int) -> None:
    """Learn a prior of a run's codes for about so many minutes, and export the whole beside it."""
    config = read_config(run / "config.yaml")
    model, splits = train.load(run), load_data(config)
    pyro.set_rng_seed(seed)
    x, _ = rows_of(splits.train, model.event_shape)
    prior = train.build(prior_config(model))
    start = time.monotonic()
    num_trial = 20
    model.fit_prior(prior, x, num_steps=num_trial, batch_size=batch_size)
    num_steps = max(num_trial, int(num_trial * 60 * minutes / (time.monotonic() - start)))
    prior = train.build(prior_config(model))
    losses = model.fit_prior(prior, x, num_steps=num_steps, batch_size=batch_size, lr=2e-3)
    config["model"]["init_args"]["prior"] = prior_config(model)
    config["description"] = f"{run.name} with a learned prior of the codes"
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "config.yaml", config_text(config))
    export(config["model"], model, out)
    write_json(
        out / "fit.json",
        {
            "minutes": round((time.monotonic() - start) / 60, 3),
            "steps": num_steps,
            "epochs": num_steps * batch_size // len(x),
            "stopped_by": "max_steps",
            "valid_nll": None,
            "train_nll_of_codes": sum(losses[-100:]) / len(losses[-100:]),
            "num_parameters": sum(p.numel() for p in model.parameters()),
            "seed": seed,
            "machine": describe_machine(),
        },
    )


@torch.no_grad()
def usage(run: Path) -> tuple[float, float]:
    """Return the share of codes that the test set uses, and their perplexity."""
    model, splits = train.load(run), load_data(read_config(run / "config.yaml"))
    x, _ = rows_of(splits.test, model.event_shape)
    indices = model.encode(x).flatten()
    counts = torch.bincount(indices, minlength=model.num_codes).double()
    shares = counts / counts.sum()
    return float((counts > 0).double().mean()), float(torch.special.entr(shares).sum().exp())


def pictures(run: Path, out: Path, seed: int) -> None:
    """Draw 8 test pictures, what their codes decode to, and 16 draws of the whole model."""
    model, splits = train.load(run), load_data(read_config(run / "config.yaml"))
    x, _ = rows_of(splits.test, model.event_shape)
    pyro.set_rng_seed(seed)
    rows = x[torch.linspace(0, len(x) - 1, 8).long()]
    grids = {"test": rows, "decoded from their codes": model.reconstruct(rows), "drawn": model.sample(16)}
    plots.samples_grid(grids, splits.shape, out, num_columns=8)


def main(argv: list[str] | None = None) -> None:
    """Train the second stages that are missing, evaluate, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/results"), help="where the runs lie")
    parser.add_argument("--out", type=Path, required=True, help="the page")
    parser.add_argument("--minutes", type=float, default=8.0, help="about so long for each second stage")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    lines, figures = [], []
    for name, data in RUNS.items():
        run, whole = options.runs / name, options.runs / f"{name}_prior"
        if not (run / "fit.json").is_file():
            continue
        if not (whole / "fit.json").is_file():
            second_stage(run, whole, minutes=options.minutes, batch_size=options.batch_size, seed=options.seed)
        for folder in (run, whole):
            if not (folder / "evaluation.json").is_file():
                train.evaluate(folder, num_particles=1)  # the posterior is a point: one particle is exact
        used, perplexity = usage(run)
        first, second = read(run), read(whole)
        picture = options.out.parent / "draws" / f"{name}.png"
        pictures(whole, picture, options.seed)
        figures.append(f"![{data}](draws/{picture.name})")
        bits = [
            f"{found['evaluation']['bits_per_dim']:.4f} ± {found['evaluation']['bits_per_dim_standard_error']:.4f}"
            for found in (first, second)
            if found
        ]
        minutes = " + ".join(f"{found['minutes']:.1f}" for found in (first, second) if found)
        lines.append(f"| {data} | `{name}` | {bits[0]} | {bits[1]} | {used:.1%} | {perplexity:.0f} | {minutes} |")
    machine = ", ".join(f"{key} {value}" for key, value in describe_machine().items())
    table = "\n".join(lines)
    shown = "\n\n".join(figures)
    options.out.write_text(TEXT.format(table=table, machine=machine, figures=shown, seed=options.seed))


TEXT = """# Vector-quantized models

Written by `python -m tests.results.codes`, which learns a Gated PixelCNN over the codes of each run of `make results`;
do not edit by hand. Bits per dimension of the test set, a bound: log p(x|z_q) + log p(codes), first with the uniform
prior of the first stage, then with the learned one. "Used" is the share of the codes that the test set uses. Seed
{seed}. Machine: {machine}.

| data | recipe | uniform prior | learned prior | used | perplexity | minutes, first and second stage |
| --- | --- | --- | --- | --- | --- | --- |
{table}

Below: eight test pictures, what their codes decode to, and sixteen draws of the model with the learned prior.

{figures}
"""

if __name__ == "__main__":
    main()
