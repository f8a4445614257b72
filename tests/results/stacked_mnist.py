"""Modes of stacked MNIST that GANs find: ``python -m tests.results.stacked_mnist --out docs/results/stacked_mnist.md``.

The classifier is that of `recipes/mnist_classifier.yaml`; it is trained beside the cells unless it is there.
"""

import time
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pyrodgm import Fixed, Neural, data, distributions, heads, likelihood_free, metrics, nn, train
from pyrodgm.data import Splits
from pyrodgm.likelihood_free import GAN, Game
from pyrodgm.train.config import find_recipe, read_config, with_data_root
from pyrodgm.train.evaluate import build_data
from pyrodgm.train.evaluate_gan import FeatureNet, feature_net
from pyrodgm.train.run_folder import finished
from tests.results import cells

PROGRAM = "tests.results.stacked_mnist"
SET = "stacked_mnist"
BUDGET = 150.0  # seconds of processor time for the training of one cell
BATCH, LATENT_DIM, NUM_CHANNELS = 64, 64, 32
RATES = {"lr_generator": 2e-4, "lr_discriminator": 2e-4, "betas": (0.5, 0.999)}
NUM_DRAWS = 10_000
NORM = "none"  # in the discriminator: one that is unrolled, or sees packs, is to be the plain one otherwise


def non_saturating() -> Game:
    """Return the game that all rows play."""
    return likelihood_free.NonSaturating()


ROWS: dict[str, tuple[Game, int]] = {  # name: (game, data that the discriminator sees at once)
    "plain": (non_saturating(), 1),
    "PacGAN 2": (likelihood_free.Packed(non_saturating(), 2), 2),
    "unrolled 1": (likelihood_free.Unrolled(non_saturating(), 1), 1),
    "unrolled 5": (likelihood_free.Unrolled(non_saturating(), 5), 1),
}


@cache
def pictures(root: Path) -> Splits:
    """Read the set once."""
    return data.rescaled(data.stacked_mnist(root))


@cache
def classifier(root: Path, folder: Path) -> FeatureNet:
    """Load the classifier of one channel, or train it."""
    config = with_data_root(read_config(find_recipe("mnist_classifier")), str(root))
    if not finished(folder):
        sections = {key: config[key] for key in ("training", "trainer", "seed")}
        train.fit(train.build(config["model"]), build_data(config["data"]), folder, config=config, **sections)
    return feature_net(folder, config)


def build(pack: int) -> GAN:
    """Make DCGAN's networks for pictures of three channels, or packs of them."""
    shape = (3, 28, 28)
    generator = Neural(nn.DCGANGenerator(LATENT_DIM, shape, num_channels=NUM_CHANNELS), heads.Delta(shape))
    discriminator = nn.DCGANDiscriminator((3 * pack, 28, 28), num_channels=NUM_CHANNELS, norm=NORM)
    return GAN(Fixed(distributions.StandardNormal(LATENT_DIM)), generator, discriminator, value_range=(-1.0, 1.0))


def compute(cell: cells.Cell, options: Any) -> dict[str, Any]:
    """Train one GAN for as long as the budget lasts, and count modes by the classifier."""
    splits, judge = pictures(options.root), classifier(options.root, options.cells.parent / "mnist_classifier")
    game, pack = ROWS[cell[2]]
    torch.manual_seed(1000 * options.seed + cell[1])
    gan = build(pack)
    x = splits.train.x.reshape(-1, 3, 28, 28)
    gan.check_data(x)
    adversary = likelihood_free.Adversary(gan, game, **RATES)
    start, steps = time.process_time(), 0
    while time.process_time() - start < BUDGET:
        adversary.step(x[torch.randint(len(x), (BATCH,))])
        steps += 1
    gan.eval()
    fake = torch.cat([gan.sample(500) for _ in range(NUM_DRAWS // 500)])
    return {"steps": steps} | count(fake, judge)


def count(x: Tensor, judge: FeatureNet) -> dict[str, Any]:
    """Return modes and divergence by the classifier."""
    with torch.no_grad():
        found = metrics.mode_count_by_classifier(x, judge, num_channels=3)
    return {"modes": found.modes_found, "kl": found.kl}


def settings(cell: cells.Cell) -> str:
    """Return what a result depends on besides the cell and the seed."""
    return f"{BUDGET} {BATCH} {LATENT_DIM} {NUM_CHANNELS} {RATES} {NUM_DRAWS} {NORM}"


def page(done: dict[cells.Cell, dict[str, Any]], options: Any) -> str:
    """Write the whole page."""
    rows = []
    for model in ROWS:
        steps = cells.column(done, SET, model, "steps")
        if steps:
            values = [cells.entry(cells.column(done, SET, model, key)) for key in ("modes", "kl")]
            rows.append([model, *values, f"{sum(steps) / len(steps):,.0f}"])
    splits = pictures(options.root)
    real = count(
        splits.test.x.reshape(-1, 3, 28, 28), classifier(options.root, options.cells.parent / "mnist_classifier")
    )
    return f"""# Modes of stacked MNIST

Written by `python -m {PROGRAM}`; do not edit by hand.

Three digits of MNIST as the channels of one picture: 1,000 modes. Each of {NUM_DRAWS:,} samples is counted where a
classifier of single digits (`recipes/mnist_classifier.yaml`) sees it, whatever its quality; KL is from the samples'
shares of the modes to equal shares, nats. Mean over seeds ± its standard error.

{cells.table(["", "modes of 1,000", "KL, nats", "steps"], rows)}

{len(splits.test):,} test data, counted likewise: {real["modes"]} modes, KL {real["kl"]:.3f} (fewer data than samples:
some modes are missing by chance).

**One budget**: {BUDGET / 60:.1f} minutes of one core for each figure, in which the unrolled rows take far fewer steps;
with as many steps as the others they were not tried. The same networks: DCGAN of {NUM_CHANNELS} and {2 * NUM_CHANNELS}
channels, {LATENT_DIM} latents, batch norm in the generator and none in the discriminator; batches of {BATCH}, packs
among them, Adam with {", ".join(f"{key} {value}" for key, value in RATES.items())}, the
non-saturating game. Other trainings ran beside, one a core; a run that is cut by time is not repeatable to the bit.
Published counts are of other networks and budgets, and cannot be compared.

## Run

{cells.facts(PROGRAM, options, done)}
"""


def main() -> None:
    """Compute what is missing, and write the page."""
    options = cells.read_options(PROGRAM, __doc__ or "", (SET,), 5)
    wanted = [(SET, seed, model) for seed in range(options.folds) for model in ROWS]
    done = cells.run(wanted, lambda cell: compute(cell, options), options, settings)
    cells.write(page(done, options), options.out)


if __name__ == "__main__":
    main()
