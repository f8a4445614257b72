"""Runge-Kutta steps of a state and of the integrals along its path, in steps that are fixed or that choose themselves.

The controller is torchdiffeq's, so that both take the same steps up to rounding, but for the last: here it is cut to
end where the solve ends, there it goes beyond and is interpolated.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from pyrodgm.nn.vector_field import FieldAtTime
from pyrodgm.transforms.continuous.checkpoints import Checkpoints
from pyrodgm.transforms.continuous.dynamics import Dynamics
from pyrodgm.transforms.continuous.settings import SolverSettings
from pyrodgm.transforms.continuous.tableau import TABLEAUS, Tableau

SAFETY, MOST, LEAST = 0.9, 10.0, 0.2  # factors on the step that its error suggests
SHORT = 1e-6  # a first step where nothing says how long it should be


class StepUnderflowError(ArithmeticError):
    """A step is so short that it no longer changes the time."""


@dataclass(frozen=True)
class Step:
    """One step.

    Args:
        state: The state at its end.
        increments: What it adds to the integrals, ``(num_integrals, *batch)``; ``None`` if not asked for.
        slopes: Velocities of the stages.
        rates: The integrals' rates at the stages, ``None`` at those that do not count.
        end: The field at the time of its last stage, which of adaptive methods is its end.
    """

    state: Tensor
    increments: Tensor | None
    slopes: list[Tensor]
    rates: list[Tensor | None]
    end: FieldAtTime


def take_step(
    dynamics: Dynamics,
    tableau: Tableau,
    t: float,
    h: float,
    z: Tensor,
    *,
    first: tuple[Tensor, Tensor | None] | None = None,
    with_rates: bool = True,
) -> Step:
    """Take one step.

    Args:
        dynamics: What is integrated.
        tableau: The method.
        t: The time at its start.
        h: Its length, negative backward in time.
        z: The state at its start.
        first: Velocity and rates at its start, where they are known.
        with_rates: Whether the integrals' increments are asked for.
    """
    slopes: list[Tensor] = []
    rates: list[Tensor | None] = []
    fields = dynamics.at_times(z.new_tensor([t + node * h for node in tableau.nodes]))
    for stage, (field, row) in enumerate(zip(fields, tableau.stages, strict=True)):
        if stage == 0 and first is not None:
            slope, rate = first
        else:
            point = cast(Tensor, combine(z, slopes, row, h))
            slope, rate = dynamics.evaluate(field, point, with_rates=with_rates and tableau.counts(stage))
        slopes.append(slope)
        rates.append(rate)
    state = cast(Tensor, combine(z, slopes, tableau.weights, h))
    return Step(state, combine(None, rates, tableau.weights, h), slopes, rates, fields[-1])


def combine(start: Tensor | None, terms: Sequence[Tensor | None], weights: Sequence[float], h: float) -> Tensor | None:
    """Return ``start`` plus ``h`` times the weighted sum of the terms; terms of weight 0 may be ``None``."""
    total = start
    for term, weight in zip(terms, weights, strict=True):
        if weight and term is not None:
            total = term * (weight * h) if total is None else torch.add(total, term, alpha=weight * h)
    return total


def solve(
    dynamics: Dynamics,
    z: Tensor,
    start: float,
    end: float,
    settings: SolverSettings,
    checkpoints: Checkpoints | None = None,
) -> tuple[Tensor, Tensor]:
    """Solve from ``start`` to ``end``.

    Args:
        dynamics: What is integrated.
        z: The state at ``start``, ``(*batch, *event)``.
        start: The first time.
        end: The last, before or after it.
        settings: Of a solver that has a tableau here.
        checkpoints: Where accepted steps are noted.

    Returns:
        The state at ``end``, and the integrals ``(num_integrals, *batch)``.

    Raises:
        StepUnderflowError: If no step is short enough.
    """
    tableau = TABLEAUS[settings.solver]
    if tableau.is_adaptive:
        return _solve_adaptive(dynamics, tableau, z, start, end, settings, checkpoints)
    integrals = dynamics.zeros(z)
    num_steps = settings.num_steps(abs(end - start))
    times = [start + (end - start) * index / num_steps for index in range(num_steps + 1)]
    for t, after in itertools.pairwise(times):
        step = take_step(dynamics, tableau, t, after - t, z)
        if checkpoints is not None:
            checkpoints.add(t, after - t, z)
        z, integrals = step.state, integrals + cast(Tensor, step.increments)
    return z, integrals


def _solve_adaptive(
    dynamics: Dynamics,
    tableau: Tableau,
    z: Tensor,
    start: float,
    end: float,
    settings: SolverSettings,
    checkpoints: Checkpoints | None,
) -> tuple[Tensor, Tensor]:
    t, integrals = start, dynamics.zeros(z)
    first = dynamics.at(t, z)
    h = first_step(dynamics, tableau.order, t, z, first, end - start, settings)
    while t != end:
        is_last = abs(h) >= abs(end - t)
        if is_last:
            h = end - t
        if t + h == t:
            raise StepUnderflowError(f"underflow in dt {h}")
        step = take_step(dynamics, tableau, t, h, z, first=first)
        last = dynamics.evaluate(step.end, step.state)
        after = integrals + cast(Tensor, step.increments)
        error = combine(None, [*step.slopes, last[0]], tableau.errors, h)
        integral_error = combine(None, [*step.rates, last[1]], tableau.errors, h)
        ratio = largest_ratio(
            (cast(Tensor, error), z, step.state), (cast(Tensor, integral_error), integrals, after), settings
        )
        if ratio <= 1:
            if checkpoints is not None:
                checkpoints.add(t, h, z)
            t, z, integrals, first = end if is_last else t + h, step.state, after, last
        h *= factor(ratio, tableau.order)
    return z, integrals


def largest_ratio(
    first: tuple[Tensor, Tensor, Tensor], second: tuple[Tensor, Tensor, Tensor], settings: SolverSettings
) -> float:
    """Return the larger of two errors, each the root of a mean square, in units of what is tolerated.

    Args:
        first: Errors, and values before and after the step that set their scale.
        second: The same of other quantities.
        settings: Has the tolerances.
    """
    squares = []
    for error, before, after in (first, second):
        tolerated = torch.maximum(before.abs(), after.abs()).mul_(settings.rtol).add_(settings.atol)
        squares.append((error / tolerated).square_().mean())
    return math.sqrt(float(torch.maximum(squares[0], squares[1])))  # NaN, if one is


def factor(ratio: float, order: int) -> float:
    """Return the factor on the next step, of the error of the last."""
    if ratio == 0:
        return MOST
    if not math.isfinite(ratio):
        return LEAST
    return min(MOST, max(SAFETY * ratio ** (-1 / order), 1.0 if ratio < 1 else LEAST))


def first_step(
    dynamics: Dynamics,
    order: int,
    t: float,
    z: Tensor,
    first: tuple[Tensor, Tensor | None],
    length: float,
    settings: SolverSettings,
) -> float:
    """Return a first step, by the size of the state, its velocity and its acceleration.

    References:
        Hairer, Norsett, Wanner (1993), Solving Ordinary Differential Equations I, section II.4
    """
    zeros = dynamics.zeros(z)
    slope, rate = first[0], cast(Tensor, first[1])

    def size(of_state: Tensor, of_integrals: Tensor) -> float:
        return largest_ratio((of_state, z, z), (of_integrals, zeros, zeros), settings)

    d0, d1 = size(z, zeros), size(slope, rate)
    if not math.isfinite(d0 + d1):
        return math.copysign(SHORT, length)
    guess = SHORT if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1
    trial = math.copysign(guess, length)
    next_slope, next_rate = dynamics.at(t + trial, torch.add(z, slope, alpha=trial))
    d2 = size(next_slope - slope, cast(Tensor, next_rate) - rate) / guess
    if not math.isfinite(d2):
        return math.copysign(SHORT, length)
    best = max(SHORT, 1e-3 * guess) if max(d1, d2) <= 1e-15 else (0.01 / max(d1, d2)) ** (1 / order)
    return math.copysign(min(100 * guess, best, abs(length)), length)
