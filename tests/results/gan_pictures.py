"""GANs of pictures, from their recipes: ``python -m tests.results.gan_pictures --out docs/results/gan_pictures.md``.

Runs lie beside the cells, one folder a recipe, and go on where they were stopped.
"""

import shutil
from pathlib import Path
from typing import Any

from pyrodgm import train
from pyrodgm.train.config import find_recipe, read_config, with_data_root
from pyrodgm.train.evaluate import build_data
from pyrodgm.train.files import read_json
from tests.results import cells

PROGRAM = "tests.results.gan_pictures"
SETS = {"mnist": "mnist_classifier", "cifar": "cifar_features"}  # set: recipe of its features
KINDS = ("dcgan", "sngan", "wgan_gp")
NUM_SAMPLES = 10_000
FIGURES = {
    "Frechet distance": "frechet_distance",
    "KID": "kid",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
}


def fit(recipe: str, options: Any) -> Path:
    """Train a recipe into its folder, or go on, or do nothing where it is finished."""
    folder = Path(options.cells).with_suffix("") / recipe
    config = with_data_root(read_config(find_recipe(recipe)), str(options.root))
    sections = {key: config[key] for key in ("training", "trainer", "seed")}
    train.fit(train.build(config["model"]), build_data(config["data"]), folder, config=config, **sections)
    return folder


def compute(cell: cells.Cell, options: Any) -> dict[str, Any]:
    """Train one recipe, and the features of its set, and compare samples with test data."""
    judge = fit(SETS[cell[0]], options)
    folder = fit(f"{cell[0]}_{cell[2]}", options)
    found = train.evaluate(folder, features=judge, num_samples=NUM_SAMPLES, root=str(options.root), seed=options.seed)
    fitted = read_json(folder / "fit.json")
    return {key: found[key] for key in found if key not in ("machine", "run")} | {"fit_steps": fitted["steps"]}


def settings(cell: cells.Cell) -> str:
    """Return what a result depends on besides the cell and the seed."""
    recipes = [find_recipe(name).read_text() for name in (SETS[cell[0]], f"{cell[0]}_{cell[2]}")]
    return f"{NUM_SAMPLES} {recipes}"


def show(cell: cells.Cell, options: Any) -> str:
    """Copy a run's picture beside the page, and return the line that shows it."""
    name = f"{cell[0]}_{cell[2]}"
    source = Path(options.cells).with_suffix("") / name / "samples.png"
    target = options.out.with_suffix("") / f"{name}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return f"**{name}**\n\n![{name}]({target.parent.name}/{target.name})"


def section(name: str, done: dict[cells.Cell, dict[str, Any]]) -> str:
    """Return one set's table and where its figures come from."""
    found = {cell[2]: result for cell, result in done.items() if cell[0] == name}
    rows = []
    for kind, result in found.items():
        figures = [entry(result, key) for key in FIGURES.values()]
        effort = [f"{result['training_minutes']:.0f}", f"{result['fit_steps']:,}"]
        rows.append([f"`recipes/{name}_{kind}.yaml`", *figures, *effort])
    one = next(iter(found.values()))
    return f"""## {one["data"]}

{cells.table(["", *FIGURES, "minutes", "batches"], rows)}

{one["num_samples"]:,} samples against {one["num_data"]:,} test data; features: {one["features"]},
{one["num_features"]} of them, of `recipes/{SETS[name]}.yaml`, divided by their root mean square in the test data,
{one["feature_scale"]:.3g}; precision to coverage from {one["num_for_precision"]:,} of each, with 5 neighbours.
Preprocessing: {one["preprocessing"]}."""


def entry(result: dict[str, Any], key: str) -> str:
    """Return three digits, or a dash where there were too few data."""
    value, error = result.get(key), result.get(f"{key}_standard_error")
    return "-" if value is None else f"{value:.3g}" + ("" if error is None else f" ± {error:.2g}")


def page(done: dict[cells.Cell, dict[str, Any]], options: Any) -> str:
    """Write the whole page, and copy the pictures if it goes to a file."""
    sections = "\n\n".join(section(name, done) for name in SETS if any(cell[0] == name for cell in done))
    pictures = "" if options.out is None else "\n\n".join(show(cell, options) for cell in done)
    return f"""# GANs of pictures

Written by `python -m {PROGRAM}`; do not edit by hand.

Distances between features of samples and of test data. The features are **ours**, of small networks trained here: the
figures compare these rows with each other, and **not** with published ones in features of the Inception network. Lower
distances are better, and higher shares. One seed each; the budget is minutes on one core, far below that of papers.

CIFAR-4000 has no labels: its features are of a network that tells by how many quarters a picture is turned (Gidaris,
Singh, Komodakis, 2018, https://arxiv.org/abs/1803.07728). It has 400 test pictures.

{sections}

## Pictures

The generator's average, the latents of seed 0.

{pictures}

## Run

{cells.facts(PROGRAM, options, done)}
"""


def main() -> None:
    """Compute what is missing, and write the page and its pictures."""
    options = cells.read_options(PROGRAM, __doc__ or "", tuple(SETS), 1)
    wanted = [(name, 0, kind) for name in options.only or SETS for kind in KINDS]
    done = cells.run(wanted, lambda cell: compute(cell, options), options, settings)
    cells.write(page(done, options), options.out)


if __name__ == "__main__":
    main()
