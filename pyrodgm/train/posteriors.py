"""The posteriors that a recipe can be compared under, by the names of the command."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import Tensor

from pyrodgm import infer
from pyrodgm.train.build import nearest

FULL_LAPLACE = 2000  # parameters up to which Laplace's approximation takes the whole matrix


@dataclass(frozen=True)
class PosteriorSettings:
    """How posteriors are fitted and judged.

    Args:
        prior: Standard deviation of the normal prior of every parameter.
        limit: Only the first so many training rows; None takes all.
        test_limit: Only the first so many test rows; None takes all.
        num_draws: Draws of the posterior that predictions average over; NUTS takes as many samples.
        num_steps: Optimisation steps of whatever is optimised; None leaves it to each posterior.
        num_members: Networks of the ensemble.
        max_tree_depth: Of NUTS, whose steps from one sample to the next number at most 2 to this power.

    Raises:
        ValueError: If a number is not positive.
    """

    prior: float = 1.0
    limit: int | None = None
    test_limit: int | None = None
    num_draws: int = 100
    num_steps: int | None = None
    num_members: int = 5
    max_tree_depth: int = 8

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not value > 0:
                raise ValueError(f"Expected --{name} above 0; got {value}.")


Fit = Callable[[Any, Tensor, Tensor | None, PosteriorSettings, dict[str, Any]], Any]


def fit_laplace(bayes: Any, x: Tensor, context: Tensor | None, _: PosteriorSettings, optimizer: dict[str, Any]) -> Any:
    """Fit Laplace's approximation, of all parameters together where they are few.

    The curvature is the Fisher information: the Hessian of a network is hardly ever positive where Adam stops.
    """
    num = sum(parameter.numel() for parameter in bayes.parameters())
    structure: Literal["full", "diagonal"] = "full" if num <= FULL_LAPLACE else "diagonal"
    return infer.laplace(bayes, x, context, structure=structure, curvature="fisher", **optimizer)


def fit_nuts(bayes: Any, x: Tensor, context: Tensor | None, settings: PosteriorSettings, _: dict[str, Any]) -> Any:
    """Sample by NUTS, with as long a warm-up; its progress bar goes to a terminal only."""
    return infer.nuts(
        bayes,
        x,
        context,
        num_samples=settings.num_draws,
        num_warmup=settings.num_draws,
        max_tree_depth=settings.max_tree_depth,
        progress=sys.stderr.isatty(),
    )


POSTERIORS: dict[str, Fit] = {
    "map": lambda bayes, x, context, settings, optimizer: infer.map_estimate(bayes, x, context, **optimizer),
    "laplace": fit_laplace,
    "mean-field": lambda bayes, x, context, settings, optimizer: infer.mean_field(bayes, x, context, **optimizer),
    "low-rank": lambda bayes, x, context, settings, optimizer: infer.low_rank(bayes, x, context, **optimizer),
    "flow": lambda bayes, x, context, settings, optimizer: infer.flow_posterior(bayes, x, context, **optimizer),
    "nuts": fit_nuts,
    "ensemble": lambda bayes, x, context, settings, optimizer: infer.ensemble(
        bayes, x, context, num_members=settings.num_members, **optimizer
    ),
}


def check_names(names: Sequence[str]) -> None:
    """Raise unless every name is that of a posterior.

    Raises:
        ValueError: Listing those that are known.
    """
    for name in names:
        if name not in POSTERIORS:
            raise ValueError(
                f"Expected posteriors among {', '.join(POSTERIORS)}; got {name!r}{nearest(name, POSTERIORS)}."
            )
    if not names or len(set(names)) < len(names):
        raise ValueError(f"Expected one or more posteriors, each once; got {', '.join(names) or 'none'}.")


def optimizer_of(config: Mapping[str, Any], settings: PosteriorSettings, num_rows: int) -> dict[str, Any]:
    """Return how to optimise: what the recipe and the settings say, nothing where they are silent."""
    training = config.get("training") or {}
    found = {"num_steps": settings.num_steps, "lr": training.get("lr"), "batch_size": training.get("batch_size")}
    if found["batch_size"] is not None:
        found["batch_size"] = min(found["batch_size"], num_rows)
    return {key: value for key, value in found.items() if value is not None}
