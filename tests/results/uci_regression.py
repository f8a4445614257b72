"""Targets given features: ``python -m tests.results.uci_regression --out docs/results/uci_regression.md``."""

import math
from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from pyrodgm import Conditional, Flow, data, flows, nn, transforms
from tests.results import cells
from tests.results.early_stopping import Settings, fit

PROGRAM = "tests.results.uci_regression"
SETS = ("bostonHousing", "concrete", "energy", "power-plant", "wine-quality-red", "yacht")
HIDDEN = (50, 50)
COMPONENTS = 5
MIN_SCALE = 1e-2  # of a component, in standard deviations of the target
SETTINGS = Settings()

# Test log-likelihood and standard error. PBP: Hernandez-Lobato, Adams (2015), as in Table 1 of Gal, Ghahramani (2016),
# re-read. Dropout: the same table; its +- there are standard deviations, the standard errors are those that the authors
# give with their code (readme of commit a6259f1). The last column is their re-run of 2018 (readme of commit 6eb4497).
PUBLISHED = {
    "bostonHousing": ("-2.57 ± 0.09", "-2.46 ± 0.06", "-2.40 ± 0.04"),
    "concrete": ("-3.16 ± 0.02", "-3.04 ± 0.02", "-2.93 ± 0.02"),
    "energy": ("-2.04 ± 0.02", "-1.99 ± 0.02", "-1.21 ± 0.01"),
    "power-plant": ("-2.84 ± 0.01", "-2.80 ± 0.01", "-2.80 ± 0.01"),
    "wine-quality-red": ("-0.97 ± 0.01", "-0.93 ± 0.01", "-0.93 ± 0.01"),
    "yacht": ("-1.63 ± 0.02", "-1.55 ± 0.03", "-1.25 ± 0.01"),
}


class MixtureDensityNetwork(Conditional):
    """Normals whose weights, locations and scales a tanh network makes of the features (Bishop, 1994)."""

    def __init__(self, context_dim: int) -> None:
        super().__init__()
        self.context_shape = (context_dim,)
        self.event_shape = torch.Size([1])
        self.net = nn.MLP(context_dim, 3 * COMPONENTS, hidden_dims=HIDDEN, activation=torch.nn.Tanh)

    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Run the net once."""
        logits, loc, raw = self.net(context).chunk(3, -1)
        normals = dist.Normal(loc.unsqueeze(-1), F.softplus(raw).unsqueeze(-1) + MIN_SCALE).to_event(1)
        return dist.MixtureSameFamily(dist.Categorical(logits=logits), normals)


def spline_flow(context_dim: int) -> Flow:
    """A spline, then location and scale, each from the features."""
    affine = transforms.Affine(max_log_scale=-math.log(MIN_SCALE))
    net = nn.MLP(0, affine.num_params, hidden_dims=HIDDEN, context_dim=context_dim, zero_init=True)
    spline = flows.spline_coupling(1, context_dim, num_layers=1, hidden_dims=HIDDEN)
    return flows.extend(spline, [transforms.Elementwise(affine, 1, net)])


MODELS: dict[str, Callable[[int], Conditional]] = {
    "conditional spline flow": spline_flow,
    "mixture density network": MixtureDensityNetwork,
}


def compute(cell: cells.Cell, options: Any) -> dict[str, Any]:
    """Fit one model to one split; log-likelihoods are in the units of the target, nats per datum."""
    name, split, model = cell
    splits = data.uci_regression(name, options.root, split=split)
    torch.manual_seed(options.seed)
    assert splits.train.context is not None
    assert splits.scale is not None
    result = fit(MODELS[model](splits.train.context.shape[1]), splits, SETTINGS, options.seed)
    unit = float(splits.scale.log().sum())
    return result | {key: result[key] - unit for key in ("valid", "test")}


def settings(cell: cells.Cell) -> str:
    """Return what a result depends on besides the cell and the seed."""
    return f"{MODELS[cell[2]].__doc__} {HIDDEN} {COMPONENTS} {MIN_SCALE} {SETTINGS}"


def page(done: dict[cells.Cell, dict[str, Any]], options: Any) -> str:
    """Write the whole page."""
    rows = []
    for name in SETS:
        results = [cells.column(done, name, model) for model in MODELS]
        if not any(results):
            continue
        splits = data.uci_regression(name, options.root)
        assert splits.train.context is not None
        size = f"{sum(len(part) for part in (splits.train, splits.valid, splits.test)):,}"
        rows.append([name, size, str(splits.train.context.shape[1]), *map(cells.entry, results), *PUBLISHED[name]])
    head = ["set", "rows", "features", *MODELS, "PBP", "dropout", "dropout, 2018"]
    return f"""# UCI regression

Written by `python -m {PROGRAM}`; do not edit by hand.

Test log-likelihood of the target given the features, nats per datum in the units of the target; mean over the first
{options.folds} of the 20 standard splits ± its standard error over splits. The splits share rows, so that the errors
are a little too small (the published ones are of the same kind).

{cells.table(head, rows)}

- **Conditional spline flow**: `flows.spline_coupling(1, context_dim=C, num_layers=1, hidden_dims={HIDDEN})`,
  extended by a location and a bounded scale that a network makes of the features. **Mixture density network**:
  {COMPONENTS} normals, hidden layers {HIDDEN}, tanh. Smallest scale of a normal, and of what the spline is scaled by:
  {MIN_SCALE:g} standard deviations of the target.
- One setting for all sets: `{SETTINGS}`. It and the activations
  were chosen without test rows, on the validation rows of splits 0 and 1 of three sets, with early stopping on a part
  of the training rows. A tenth of the training rows is kept for validation, and not used for training afterwards; the
  weights that validate best are kept.
- **PBP**: Hernández-Lobato, Adams (2015), https://arxiv.org/abs/1502.05336; **dropout**: Gal, Ghahramani (2016),
  https://arxiv.org/abs/1506.02142, both from Table 1 of the latter; the standard errors of dropout, and
  **dropout, 2018** (more epochs, grid search within each split), from
  https://github.com/yaringal/DropoutUncertaintyExps. The published models have one hidden layer of 50 units, one normal
  of constant width for the noise, and average over weights; ours are single networks whose noise takes any shape and
  depends on the features. The comparison is one of densities, not of predictions of the mean.
- The quality of wine is an integer from 3 to 8. A density that may take any shape piles up at the integers, and its
  likelihood there is bounded by the smallest scale or slope alone: that row says that the target is discrete, and its
  level cannot be compared with the published ones. Targets of the other sets are rounded too (the 506 housing prices
  have 229 different values), with the same effect in a lesser degree.

## Run

{cells.facts(PROGRAM, options, done)}
"""


def main() -> None:
    """Compute what is missing, and write the page."""
    options = cells.read_options(PROGRAM, __doc__ or "", SETS, 20)
    names = options.only or SETS
    wanted = [(name, split, model) for name in names for split in range(options.folds) for model in MODELS]
    done = cells.run(wanted, lambda cell: compute(cell, options), options, settings)
    cells.write(page(done, options), options.out)


if __name__ == "__main__":
    main()
