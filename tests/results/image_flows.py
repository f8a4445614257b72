"""Page of the image flows' recipes: ``python -m tests.results.image_flows --out docs/results/image_flows.md``.

It reads the runs that ``make results`` has left, writes a row for each that is finished, and draws from them.
"""

from pathlib import Path

import pyro

from pyrodgm import plots
from pyrodgm.train import load
from tests.results.recipe_tables import Row, Section, read, write_page

NUM_PICTURES = 16
OUT = Path("docs/results/draws")
RUNS = Path("runs/results")

SECTIONS = (
    Section(
        "MNIST, dequantized",
        "test bits per dimension",
        "bits_per_dim",
        (
            Row("mnist_nice_image", "NICE"),
            Row("mnist_realnvp_image", "Real NVP", None, "1.06"),
            Row("mnist_glow", "Glow", None, "1.05"),
            Row("mnist_ffjord", "FFJORD", None, "0.99"),
            Row("mnist_mintnet", "MintNet", None, "0.98"),
        ),
        "Grey values 0 .. 255 under uniform dequantization: the bound of one draw of the noise a picture. Published "
        "figures come from far longer trainings on GPUs; the goals for a GPU (Real NVP 1.10, Glow 1.08, FFJORD 1.05, "
        "MintNet 1.05) were not tried here.",
        "Tried for FFJORD: over single pixels with `dopri5` in training as well, 15 minutes were 301 steps, ending at "
        "5.35. Now it goes over squeezed pixels, in fixed steps and at twenty times the step size; reports come from "
        "`dopri5` at a tolerance of 1e-4.\n\n"
        "![16 draws of each, in the order of the table](draws/mnist_flows.png)",
    ),
    Section(
        "CIFAR, the first 4,000 pictures",
        "test bits per dimension",
        "bits_per_dim",
        (
            Row("cifar_nice_image", "NICE"),
            Row("cifar_realnvp_image", "Real NVP"),
            Row("cifar_glow", "Glow"),
            Row("cifar_ffjord", "FFJORD"),
            Row("cifar_mintnet", "MintNet"),
        ),
        "3,200 / 400 / 400 of the first 4,000 training pictures of CIFAR-10: not the benchmark, and no figure here can "
        "be compared with the published 4.48 (NICE), 3.49 (Real NVP), 3.40 (FFJORD), 3.35 (Glow) or 3.32 (MintNet).",
        "![16 draws of each, in the order of the table](draws/cifar_flows.png)",
    ),
    Section(
        "BSDS300 patches",
        "test NLL, nats",
        "nll_nats",
        (Row("bsds300_ffjord", "FFJORD", None, "-157.40"),),
        "Re-extracted patches of 63 values; beside the other flows on [their page](bsds300.md).",
    ),
)

TEXT = """# Flows over images

Written by `python -m tests.results.image_flows` from the runs of `make results`; do not edit by hand.

Every row is one training of its recipe within the minutes that the recipe gives it, and the weights with the best
validation bound; ± is one standard error over test data. Tests ran
beside the trainings at low priority, and took some of their time, not equally of all.
{measured_on}

{tables}"""


def draw_pictures(runs: Path, out: Path) -> None:
    """Write one picture a data set of images, a row for each model."""
    for prefix, shape in (("mnist", (1, 28, 28)), ("cifar", (3, 32, 32))):
        draws = {}
        for row in next(section for section in SECTIONS if section.rows[0].recipe.startswith(prefix)).rows:
            if read(runs / row.recipe):
                pyro.set_rng_seed(0)
                draws[row.model] = load(runs / row.recipe).sample(NUM_PICTURES)
        if draws:
            plots.samples_grid(draws, shape, out / f"{prefix}_flows.png", num_columns=NUM_PICTURES)


def main(argv: list[str] | None = None) -> None:
    """Draw, and write the page."""
    draw_pictures(RUNS, OUT)
    write_page(__doc__ or "", TEXT, SECTIONS, argv)


if __name__ == "__main__":
    main()
