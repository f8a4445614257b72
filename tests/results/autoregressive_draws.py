"""Draws of the autoregressive recipes: ``python -m tests.results.autoregressive_draws --out docs/results/draws``.

It loads the runs that ``make results`` has left and writes one picture a data set of images, a row for each model, one
text, and one sound for each spoken digit, with its spectrogram below that of a test clip.
"""

import argparse
from pathlib import Path
from typing import cast

import torch

from pyrodgm import autoregressive as ar
from pyrodgm import data, models, plots
from pyrodgm.data.characters import Characters
from pyrodgm.data.fsdd import RATE
from pyrodgm.train import load
from pyrodgm.train.config import read_config
from pyrodgm.train.evaluate import load_data
from pyrodgm.train.files import write_whole
from tests.results.autoregressive import SECTIONS
from tests.results.recipe_tables import Section, read

NUM_PICTURES = 16
PICTURES = {"mnist": (1, 28, 28), "cifar": (3, 32, 32)}  # name of the file and prefix of the recipes


def main(argv: list[str] | None = None) -> None:
    """Parse arguments, draw, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.results.autoregressive_draws", description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/results"), help="where the runs lie")
    parser.add_argument("--root", help="folder of the data sets, for the characters; as in `pyrodgm evaluate`")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    for section in SECTIONS:
        done = {row.model: options.runs / row.recipe for row in section.rows if read(options.runs / row.recipe)}
        if done:
            write_draws(section, done, options)


def write_draws(section: Section, runs: dict[str, Path], options: argparse.Namespace) -> None:
    """Draw from each run of one data set, and write what suits it."""
    prefix = section.rows[0].recipe.split("_")[0]
    context = torch.eye(10) if prefix == "fsdd" else None
    num = () if prefix == "fsdd" else (NUM_PICTURES if prefix in PICTURES else 1,)
    draws = {}
    for name, run in runs.items():
        torch.manual_seed(options.seed)
        model = cast(ar.Autoregressive, cast(models.Density, load(run)).conditional)
        draws[name] = model.sample(num, context)
    if prefix in PICTURES:
        path = options.out / f"{prefix}.png"
        plots.samples_grid(draws, PICTURES[prefix], path, num_columns=NUM_PICTURES)
    elif prefix == "shakespeare":
        config = read_config(next(iter(runs.values())) / "config.yaml")
        characters = cast(Characters, load_data(config, root=options.root).characters)
        text = "\n\n".join(f"{name}:\n\n{characters.decode(x[0])}" for name, x in draws.items())
        write_whole(options.out / "shakespeare.txt", lambda file: file.write(text.encode()))
    else:
        (run,), (drawn,) = runs.values(), draws.values()
        test = load_data(read_config(run / "config.yaml"), root=options.root).test
        real = test.x[[int((test.labels == digit).nonzero()[0]) for digit in range(10)]]
        sounds = {}
        for name, levels in (("real", real), ("drawn", drawn)):
            sounds |= {f"{name} {digit}": sound for digit, sound in enumerate(data.inverse_mu_law(levels))}
        for digit in range(10):
            data.write_wav(options.out / f"fsdd_{digit}.wav", sounds[f"drawn {digit}"], RATE)
        plots.spectrograms(sounds, RATE, num_columns=10).savefig(options.out / "fsdd.png", dpi=60)


if __name__ == "__main__":
    main()
