"""What a posterior is worth on test rows: densities, error of the mean, calibration, and what it says of other data."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pyrodgm import infer, metrics

NOISE = 1.0  # of the other data, in standard deviations of each feature
REDRAWN = 0.1  # share of the discrete values of the other data that are drawn anew
DRAWS = 400  # of each target given its features, for intervals and means
SHARED_DRAWS = 4000  # of all data, where there are no features
MOST_LEVELS = 32  # discrete variables of more values have no classes worth judging
ROWS = 1000  # at a time


@dataclass(frozen=True)
class Score:
    """What `score_posterior` finds.

    Attributes:
        log_density: Log predictive density of each datum, the posterior averaged over, `(num,)` in nats.
        dirac: That of the posterior's one point, `(num,)`.
        other: That of the same data with noise, the posterior averaged over, `(num,)`.
        rmse: Root mean squared error of the predictive mean where there are real targets given a context, else None.
        calibration: What `metrics` says of the predictive probabilities; None for discrete variables of many values.
    """

    log_density: Tensor
    dirac: Tensor
    other: Tensor
    rmse: float | None
    calibration: metrics.CalibrationError | metrics.PITCalibration | None


@torch.no_grad()
def score_posterior(
    posterior: Any, x: Tensor, context: Tensor | None = None, *, num_levels: int | None = None, num_draws: int = 100
) -> Score:
    """Judge a posterior on data that it has not seen.

    The other data are the same targets given features with noise of one standard deviation each; where there are no
    features, the data themselves with such noise, or with a tenth of their values drawn anew if they are discrete.

    Calibration of real data is that of intervals, see `metrics.pit_calibration`, each feature by its marginal. That of
    discrete data is that of the probabilities of one variable's values given all others, at one position of each
    datum, drawn at random: what a density says of classes, whatever its kind.

    Args:
        posterior: What `infer.map_estimate`, `infer.mean_field` and the others return.
        x: Test data, `(num, *event_shape)`.
        context: Their contexts, `(num, *context_shape)`, or None.
        num_levels: Number of values of each variable; None if they are real.
        num_draws: Draws of the posterior that are averaged over.

    Returns:
        The scores, in nats of `x` as it stands.

    Example:
        >>> from pyrodgm import autoregressive
        >>> x = torch.randint(2, (20, 5)).float()
        >>> posterior = infer.mean_field(infer.bayesian(autoregressive.made(5), 1.0), x[:10], num_steps=2)
        >>> score = score_posterior(posterior, x[10:], num_levels=2, num_draws=3)
        >>> score.log_density.shape, len(score.calibration.counts)
        (torch.Size([10]), 15)
    """

    def by_rows(values: Callable[[Any, Tensor], Tensor], x: Tensor, context: Tensor | None, dim: int = 0) -> Tensor:
        parts = []
        with torch.random.fork_rng(devices=[]):
            start = torch.get_rng_state()
            for first in range(0, len(x), ROWS):
                torch.set_rng_state(start)  # the same draws of the posterior for all rows
                rows = slice(first, first + ROWS)
                c = None if context is None else context[rows]
                parts.append(values(infer.predictive(posterior, c, num_draws=num_draws), x[rows]))
        return torch.cat(parts, dim)

    def log_density(x: Tensor, context: Tensor | None) -> Tensor:
        return by_rows(lambda predictive, x: predictive.log_prob(x), x, context)

    found = log_density(x, context)
    dirac = by_rows(lambda predictive, x: predictive.dirac.log_prob(x), x, context)
    rmse: float | None = None
    calibration: metrics.CalibrationError | metrics.PITCalibration | None = None
    if num_levels is None:
        draws = by_rows(draw, x, context, dim=1)
        calibration = metrics.pit_calibration(metrics.pit_of_draws(draws, x).flatten())
        rmse = None if context is None else (draws.mean(0) - x).square().mean().sqrt().item()
    elif num_levels <= MOST_LEVELS:
        probabilities, labels = classes(log_density, x, context, num_levels)
        calibration = metrics.calibration_error(probabilities, labels)
    return Score(found, dirac, log_density(*with_noise(x, context, num_levels)), rmse, calibration)


def draw(predictive: Any, x: Tensor) -> Tensor:
    """Return draws for each row, `(num_draws, num, *event)`; without a context all rows have the same."""
    if predictive.batch_shape:
        return predictive.sample((DRAWS,))
    return predictive.sample((SHARED_DRAWS,)).unsqueeze(1).expand(-1, *x.shape)


def classes(
    log_density: Callable[[Tensor, Tensor | None], Tensor], x: Tensor, context: Tensor | None, num_levels: int
) -> tuple[Tensor, Tensor]:
    """Return p(value | all other variables) at one position a row, and the values that stand there.

    A ratio of joint densities is all that this takes, so that an average over models is judged as one model.
    """
    flat = x.flatten(1)
    rows, positions = torch.arange(len(x)), torch.randint(flat.shape[1], (len(x),))
    scores = []
    for level in range(num_levels):
        other = flat.clone()
        other[rows, positions] = level
        scores.append(log_density(other.reshape(x.shape), context))
    probabilities = torch.stack(scores, -1).softmax(-1)
    return probabilities[:, 1] if num_levels == 2 else probabilities, flat[rows, positions].long()


def with_noise(x: Tensor, context: Tensor | None, num_levels: int | None) -> tuple[Tensor, Tensor | None]:
    """Return data that are none of the known kind."""
    if context is not None:
        return x, context + NOISE * deviation(context) * torch.randn_like(context)
    if num_levels is None:
        return x + NOISE * deviation(x) * torch.randn_like(x), None
    anew = torch.randint(num_levels, x.shape).to(x)
    return torch.where(torch.rand(x.shape) < REDRAWN, anew, x), None


def deviation(values: Tensor) -> Tensor:
    """Return the standard deviation of each feature, 1 for a single row."""
    return values.std(0) if len(values) > 1 else torch.ones_like(values[0])


def mean_and_error(values: Tensor) -> tuple[float, float | None]:
    """Return the mean and its standard error, None for a single value."""
    error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else None
    return float(values.mean()), error
