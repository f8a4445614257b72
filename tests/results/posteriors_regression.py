"""Posteriors of a small network: ``python -m tests.results.posteriors_regression``, a page for ``docs/results``."""

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from pyrodgm import Conditional, data, heads, infer, nn
from pyrodgm.train import score_posterior
from tests.results import cells
from tests.results.paired import Done, entry, paired, sentence

PROGRAM = "tests.results.posteriors_regression"
SETS = ("bostonHousing", "concrete", "energy", "power-plant", "wine-quality-red", "yacht")
HIDDEN = 50
MIN_SCALE = 1e-2  # of the noise, in standard deviations of the target
GAIN = 1.0  # variance of a unit's input under the prior, for inputs of variance one
NUM_DRAWS = 100
NUTS_SPLITS, NUTS_ROWS = 2, 2000  # what NUTS has time for
STEPS = {"map": 2000, "variational": 6000}
MEMBERS = 5
BATCH = 1000  # rows of a step, all where there are fewer

# Hernandez-Lobato, Adams (2015), and Gal, Ghahramani (2016): RMSE, log-likelihood.
PBP = {
    "bostonHousing": ("3.01 ± 0.18", "-2.57 ± 0.09"),
    "concrete": ("5.67 ± 0.09", "-3.16 ± 0.02"),
    "energy": ("1.80 ± 0.05", "-2.04 ± 0.02"),
    "power-plant": ("4.12 ± 0.03", "-2.84 ± 0.01"),
    "wine-quality-red": ("0.64 ± 0.01", "-0.97 ± 0.01"),
    "yacht": ("1.02 ± 0.05", "-1.63 ± 0.02"),
}
DROPOUT = {
    "bostonHousing": ("2.97 ± 0.19", "-2.46 ± 0.06"),
    "concrete": ("5.23 ± 0.12", "-3.04 ± 0.02"),
    "energy": ("1.66 ± 0.04", "-1.99 ± 0.02"),
    "power-plant": ("4.02 ± 0.04", "-2.80 ± 0.01"),
    "wine-quality-red": ("0.62 ± 0.01", "-0.93 ± 0.01"),
    "yacht": ("1.11 ± 0.09", "-1.55 ± 0.03"),
}


class Regression(Conditional):
    """A normal about a network of the features, with one width for all data."""

    def __init__(self, context_dim: int) -> None:
        super().__init__()
        self.context_shape, self.event_shape = (context_dim,), torch.Size([1])
        self.net = nn.MLP(context_dim, 1, hidden_dims=(HIDDEN,))
        self.raw_scale = torch.nn.Parameter(torch.zeros(1))
        self.head = heads.Normal(1, min_scale=MIN_SCALE)

    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Run the net once."""
        loc = self.net(context)
        return self.head(torch.cat((loc, self.raw_scale.expand_as(loc)), -1))


def prior(name: str, parameter: Tensor) -> TorchDistribution:
    """N(0, gain / width of the input) for weights, N(0, 1) for biases, N(0, 3^2) for the noise's raw width."""
    if name == "raw_scale":
        return dist.Normal(0.0, 3.0)
    return dist.Normal(0.0, math.sqrt(GAIN / parameter.shape[1]) if parameter.dim() == 2 else 1.0)


def flat(name: str, parameter: Tensor) -> float:
    """No prior at all."""
    return math.inf


Fit = Callable[[Any, Tensor, Tensor], Any]
MODELS: dict[str, tuple[Any, Fit]] = {
    "MLE": (flat, partial(infer.map_estimate, num_steps=STEPS["map"], batch_size=BATCH)),
    "MAP": (prior, partial(infer.map_estimate, num_steps=STEPS["map"], batch_size=BATCH)),
    "Laplace": (
        prior,
        partial(infer.laplace, structure="full", curvature="fisher", num_steps=STEPS["map"], batch_size=BATCH),
    ),
    "mean-field": (prior, partial(infer.mean_field, num_steps=STEPS["variational"], batch_size=BATCH)),
    "low-rank": (prior, partial(infer.low_rank, num_steps=STEPS["variational"], batch_size=BATCH)),
    "NUTS": (
        prior,
        partial(infer.nuts, num_samples=NUM_DRAWS, num_warmup=NUM_DRAWS, max_tree_depth=6, progress=False),
    ),
    "ensemble": (
        prior,
        partial(infer.ensemble, num_members=MEMBERS, num_steps=STEPS["map"], batch_size=BATCH),
    ),
}


def compute(cell: cells.Cell, options: Any) -> dict[str, Any]:
    """Fit one posterior to one split; figures in the units of the target, nats per datum."""
    name, split, model = cell
    splits = data.uci_regression(name, options.root, split=split)
    x, context = (
        torch.cat([getattr(part, role) for part in (splits.train, splits.valid)]) for role in ("x", "context")
    )
    pyro.set_rng_seed(options.seed)
    chosen, fit = MODELS[model]
    start = time.monotonic()
    posterior = fit(infer.bayesian(Regression(context.shape[1]), chosen), x, context)
    fitted = time.monotonic() - start
    found = score_posterior(posterior, splits.test.x, splits.test.context, num_draws=NUM_DRAWS)
    unit = float(splits.scale.log().sum())
    return {
        "test": float(found.log_density.mean()) - unit,
        "dirac": float(found.dirac.mean()) - unit,
        "rmse": found.rmse * float(splits.scale),
        "calibration": found.calibration.value,
        "fit_seconds": round(fitted, 2),
    }


def settings(cell: cells.Cell) -> str:
    """Return what a result depends on besides the cell and the seed."""
    chosen, fit = MODELS[cell[2]]
    arguments = ", ".join(f"{key}={value}" for key, value in fit.keywords.items())
    return f"{fit.func.__name__}({arguments}) {chosen.__doc__} {HIDDEN} {MIN_SCALE} {GAIN} {NUM_DRAWS}"


def wanted(names: list[str] | tuple[str, ...], folds: int, root: Any) -> Iterator[cells.Cell]:
    """Yield the cells, the quick ones of all sets first; NUTS last, on few splits of few rows."""
    for model in sorted(MODELS, key=lambda model: model == "NUTS"):
        for name in names:
            for split in range(folds):
                if model != "NUTS" or (split < NUTS_SPLITS and num_rows(name, root) <= NUTS_ROWS):
                    yield name, split, model


def num_rows(name: str, root: Any) -> int:
    """Return the rows of a table, those for testing included."""
    splits = data.uci_regression(name, root)
    return sum(len(part) for part in (splits.train, splits.valid, splits.test))


def sentences(done: Done, models: list[str], figure: str, against: tuple[str | None, str]) -> Iterator[str]:
    """Yield a line for each model: where it is above, below or level with another, by default itself."""
    for model in models:
        other = (against[0] or model, against[1])
        if text := sentence((name, paired(done, name, (model, figure), other)) for name in SETS):
            yield f"- {model}: {text}."


def page(done: Done, options: Any) -> str:
    """Write the whole page."""
    names = [name for name in SETS if any(cell[0] == name for cell in done)]
    tables = {}
    for title, figure, published in (("log-likelihood", "test", 1), ("RMSE", "rmse", 0)):
        rows = [
            [
                name,
                *(entry(cells.column(done, name, model, figure)) for model in MODELS),
                PBP[name][published],
                DROPOUT[name][published],
            ]
            for name in names
        ]
        tables[title] = cells.table(["set", *MODELS, "PBP", "dropout"], rows)
    full = [model for model in MODELS if model not in ("MLE", "MAP")]
    gains = [
        [name, *(entry(paired(done, name, (model, "test"), (model, "dirac"))) for model in full)] for name in names
    ]
    calibration = [
        [name, *(entry(cells.column(done, name, model, "calibration"), 3) for model in MODELS)] for name in names
    ]
    seconds = [[name, *(seconds_of(done, name, model) for model in MODELS)] for name in names]
    return f"""# Posteriors of a small network, UCI regression

Written by `python -m {PROGRAM}`; do not edit by hand.

One hidden layer of {HIDDEN} units and a normal of one width for all data, trained on all rows that are not for testing
(90 %), as in the papers; the standard splits, the first {options.folds} of 20, NUTS on the first
{min(NUTS_SPLITS, options.folds)} of the sets of at most {NUTS_ROWS:,} rows. Mean ± standard error over splits, in
the units of the target.

Test log-likelihood, nats per datum, of the predictive density: the average over {NUM_DRAWS} draws of the posterior
({MEMBERS} members of the ensemble; one point for MLE and MAP).

{tables["log-likelihood"]}

Root mean squared error of the predictive mean.

{tables["RMSE"]}

What the full posterior gains: log-likelihood of the predictive density less that of the posterior's one point (its mode
or mean, of NUTS the sample of highest density, of the ensemble the member of highest density), on the same splits.

{cells.table(["set", *full], gains)}

Calibration error of central intervals: mean distance between an interval's level and the share of targets inside, over
5 %, 10 %, ... 95 %.

{cells.table(["set", *MODELS], calibration)}

Seconds of a fit by the clock, on one of two cores that had other work besides; mean over splits.

{cells.table(["set", *MODELS], seconds)}

## Reading

Computed from the figures above; "higher" and "lower" mean by more than two standard errors of the paired difference
over the splits, which are few.

Log-likelihood against MAP on the same splits:

{chr(10).join(sentences(done, [model for model in MODELS if model != "MAP"], "test", ("MAP", "test")))}

The full posterior against its own point:

{chr(10).join(sentences(done, full, "test", (None, "dirac")))}

## How

- Prior: {prior.__doc__}
  MLE has none. The weights of a layer of width H vary by a variance of {GAIN:g}/H, so that its outputs vary alike
  whatever H is. That (of {GAIN:g}, 2, 4 and 16) and the steps were set once for all sets, by the validation rows of the
  first splits of yacht and concrete, with mean-field.
- MLE, MAP: {STEPS["map"]:,} steps of Adam, of {BATCH:,} rows at most; Laplace: the same, and the Fisher information of
  all weights together; mean-field and low-rank: {STEPS["variational"]:,} such steps; NUTS: {NUM_DRAWS} samples after as
  many of warm-up, trees of depth 6 at most; ensemble: {MEMBERS} MAP fits from different starts. All else as
  `pyrodgm.infer` has it by default.
- No early stopping, no rows held out, no grid search: the published figures chose the noise and the dropout rate, or
  the number of epochs, within each split.
- **PBP**: Hernández-Lobato, Adams (2015), https://arxiv.org/abs/1502.05336; **dropout**: Gal, Ghahramani (2016),
  https://arxiv.org/abs/1506.02142. Re-read, not recalled: both as reprinted in Table 1 of Lakshminarayanan, Pritzel,
  Blundell (2017), https://arxiv.org/abs/1612.01474. The ± of dropout there are standard deviations; the standard
  errors here are those that its authors give in the readme of https://github.com/yaringal/DropoutUncertaintyExps.

## Run

{cells.facts(PROGRAM, options, done)}
"""


def seconds_of(done: Done, name: str, model: str) -> str:
    """Return the mean seconds of a fit, or a dash."""
    values = cells.column(done, name, model, "fit_seconds")
    return f"{sum(values) / len(values):.1f}" if values else "-"


def main() -> None:
    """Compute what is missing, and write the page."""
    options = cells.read_options(PROGRAM, __doc__ or "", SETS, 5)
    todo = wanted(options.only or SETS, options.folds, options.root)
    done = cells.run(todo, lambda cell: compute(cell, options), options, settings)
    cells.write(page(done, options), options.out)


if __name__ == "__main__":
    main()
