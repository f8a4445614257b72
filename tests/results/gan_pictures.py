"""GANs of pictures, from their recipes: ``python -m tests.results.gan_pictures --out docs/results/gan_pictures.md``.

Runs lie beside the cells, one folder a recipe and seed, and go on where they were stopped.
"""

import shutil
from pathlib import Path
from typing import Any

import pyro

from pyrodgm import train
from pyrodgm.train.batches import rows_of
from pyrodgm.train.config import find_recipe, read_config, with_data_root
from pyrodgm.train.evaluate import build_data
from pyrodgm.train.evaluate_gan import distances, feature_net
from pyrodgm.train.files import read_json
from tests.results import cells

PROGRAM = "tests.results.gan_pictures"
SETS = {"mnist": "mnist_classifier", "cifar": "cifar_features"}  # set: recipe of its features
KINDS = ("dcgan", "sngan", "wgan_gp")
NUM_SAMPLES = 10_000
MINUTES = 2.5  # of each training, for all alike; the recipes themselves have more
FIGURES = {
    "Frechet distance": "frechet_distance",
    "KID": "kid",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
}


def fit_judge(recipe: str, options: Any) -> Path:
    """Train the network of the features as its recipe says, or do nothing where that is finished."""
    return fit(with_data_root(read_config(find_recipe(recipe)), str(options.root)), folder_of(recipe, options))


def fit_gan(recipe: str, seed: int, options: Any) -> Path:
    """Train a recipe with the seed and for the minutes of this table."""
    config = with_data_root(read_config(find_recipe(recipe)), str(options.root))
    training = config["training"] | {"max_minutes": MINUTES}
    return fit(config | {"seed": seed, "training": training}, folder_of(f"{recipe}_{seed}", options))


def folder_of(name: str, options: Any) -> Path:
    """Return the run folder of a name."""
    return Path(options.cells).with_suffix("") / name


def fit(config: dict[str, Any], folder: Path) -> Path:
    """Train into a folder, or go on, or do nothing where it is finished."""
    sections = {key: config[key] for key in ("training", "trainer", "seed")}
    pyro.set_rng_seed(config["seed"])
    train.fit(train.build(config["model"]), build_data(config["data"]), folder, config=config, **sections)
    return folder


def compute(cell: cells.Cell, options: Any) -> dict[str, Any]:
    """Train one recipe, and the features of its set, and compare samples with test data."""
    judge = fit_judge(SETS[cell[0]], options)
    folder = fit_gan(f"{cell[0]}_{cell[2]}", cell[1], options)
    found = train.evaluate(folder, features=judge, num_samples=NUM_SAMPLES, root=str(options.root), seed=options.seed)
    fitted = read_json(folder / "fit.json")
    return {key: found[key] for key in found if key not in ("machine", "run")} | {"fit_steps": fitted["steps"]}


def of_training_data(name: str, options: Any) -> list[str]:
    """Return the row of training data in the place of samples: what a generator can reach."""
    config = with_data_root(read_config(find_recipe(f"{name}_dcgan")), str(options.root))
    splits, judge = build_data(config["data"]), fit_judge(SETS[name], options)
    train_x, test_x = (rows_of(part, splits.shape).x for part in (splits.train, splits.test))
    found = distances(train_x, test_x, train_x[:NUM_SAMPLES], feature_net(judge, config), judge)
    values = [found[key] for key in FIGURES.values()]
    return [f"{len(train_x[:NUM_SAMPLES]):,} training data", *("-" if v is None else f"{v:.3g}" for v in values), ""]


def settings(cell: cells.Cell) -> str:
    """Return what a result depends on besides the cell and the seed."""
    recipes = [find_recipe(name).read_text() for name in (SETS[cell[0]], f"{cell[0]}_{cell[2]}")]
    return f"{NUM_SAMPLES} {MINUTES} {recipes}"


def show(cell: cells.Cell, options: Any) -> str:
    """Copy a run's picture beside the page, and return the line that shows it."""
    name = f"{cell[0]}_{cell[2]}"
    source = folder_of(f"{name}_{cell[1]}", options) / "samples.png"
    target = options.out.with_suffix("") / f"{name}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return f"**{name}**\n\n![{name}]({target.parent.name}/{target.name})"


def section(name: str, done: dict[cells.Cell, dict[str, Any]], options: Any) -> str:
    """Return one set's table and where its figures come from."""
    rows = []
    for kind in KINDS:
        if efforts := cells.column(done, name, kind, "fit_steps"):
            figures = [
                entry([r[key] for c, r in done.items() if (c[0], c[2]) == (name, kind)]) for key in FIGURES.values()
            ]
            rows.append([f"`recipes/{name}_{kind}.yaml`", *figures, f"{sum(efforts) / len(efforts):,.0f}"])
    rows.append(of_training_data(name, options))
    one = next(result for cell, result in done.items() if cell[0] == name)
    return f"""## {one["data"]}

{cells.table(["", *FIGURES, "batches"], rows)}

{one["num_samples"]:,} samples against {one["num_data"]:,} test data; features:
{one["features"]}, {one["num_features"]} of them, of `recipes/{SETS[name]}.yaml`,
divided by their root mean square in the test data, {one["feature_scale"]:.3g}. Precision to coverage are from
{one["num_for_precision"]:,} of each, with 5 neighbours. Preprocessing: {one["preprocessing"]}."""


def entry(values: list[float | None]) -> str:
    """Return the mean and its standard error with three digits, or a dash where there were too few data."""
    found = [value for value in values if value is not None]
    return "{:.3g} ± {:.2g}".format(*cells.mean_and_error(found)) if found else "-"


def page(done: dict[cells.Cell, dict[str, Any]], options: Any) -> str:
    """Write the whole page, and copy the pictures if it goes to a file."""
    sections = "\n\n".join(section(name, done, options) for name in SETS if any(cell[0] == name for cell in done))
    pictures = "" if options.out is None else "\n\n".join(show(cell, options) for cell in done if cell[1] == 0)
    return f"""# GANs of pictures

Written by `python -m {PROGRAM}`; do not edit by hand.

Distances between features of samples and of test data. The features are **ours**, of small networks trained here: the
figures compare these rows with each other, and **not** with published ones in features of the Inception network. Lower
distances are better, and higher shares. Mean over seeds ± its standard error. **One budget**, {MINUTES:.1f} minutes of
one core for each training, by the clock and with another on the other core: a sixth to an eighth of what the recipes
ask for, and far below that of papers.

CIFAR-4000 has no labels: its features are of a network that tells by how many quarters a picture is turned (Gidaris,
Singh, Komodakis, 2018, https://arxiv.org/abs/1803.07728). It has 400 test pictures. Such features see layout and
little of texture: their distances tell the rows apart, but samples that no eye takes for photographs count as precise.

{sections}

## Pictures

The generator's average, of seed 0.

{pictures}

## Run

{cells.facts(PROGRAM, options, done)}
"""


def main() -> None:
    """Compute what is missing, and write the page and its pictures."""
    options = cells.read_options(PROGRAM, __doc__ or "", tuple(SETS), 5)
    wanted = [(name, seed, kind) for seed in range(options.folds) for name in options.only or SETS for kind in KINDS]
    done = cells.run(wanted, lambda cell: compute(cell, options), options, settings)
    cells.write(page(done, options), options.out)


if __name__ == "__main__":
    main()
