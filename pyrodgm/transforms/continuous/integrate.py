"""One solve, by torchdiffeq or here, and what is done when no step is short enough."""

import warnings
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pyrodgm.transforms.continuous.checkpointed_adjoint import checkpointed_adjoint
from pyrodgm.transforms.continuous.dynamics import Dynamics
from pyrodgm.transforms.continuous.runge_kutta import StepUnderflowError, solve
from pyrodgm.transforms.continuous.settings import FIXED, SolverSettings

FALLBACK_STEPS = 100  # of rk4, where an adaptive solver gives up
UNDERFLOW = "underflow in dt"  # as torchdiffeq's own error says it


def integrate(
    dynamics: Dynamics, z: Tensor, start: float, end: float, settings: SolverSettings
) -> tuple[Tensor, Tensor]:
    """Solve from ``start`` to ``end``, with gradients by the settings' adjoint where they are recorded.

    Where an adaptive solver finds no step short enough, ``rk4`` goes over the interval in 100 equal steps, and a
    warning says so.

    Args:
        dynamics: What is integrated.
        z: The state at ``start``, ``(*batch, *event)``.
        start: The first time.
        end: The last, before or after it.
        settings: Solver, tolerances and adjoint.

    Returns:
        The state at ``end``, and the integrals ``(num_integrals, *batch)``.
    """
    try:
        return _integrate(dynamics, z, start, end, settings)
    except (AssertionError, StepUnderflowError) as error:  # torchdiffeq asserts
        if UNDERFLOW not in str(error):
            raise
    warnings.warn(
        f"{UNDERFLOW} of {settings.solver}: no step was short enough for rtol={settings.rtol:g}, "
        f"atol={settings.atol:g}. Solved by rk4 in {FALLBACK_STEPS} equal steps instead, whose error nobody controls. "
        "Try a smoother field, a larger tolerance, or regularisation (kinetic_weight, jacobian_weight) in training.",
        stacklevel=2,
    )
    fixed = replace(settings, solver="rk4", step_size=abs(end - start) / FALLBACK_STEPS)
    return _integrate(dynamics, z, start, end, fixed)


def _integrate(
    dynamics: Dynamics, z: Tensor, start: float, end: float, settings: SolverSettings
) -> tuple[Tensor, Tensor]:
    inputs = dynamics.differentiated()
    with_graph = torch.is_grad_enabled() and (z.requires_grad or bool(inputs))
    if settings.adjoint != "checkpoint":
        return _by_torchdiffeq(dynamics, z, start, end, settings, with_graph=with_graph)
    if with_graph:
        return checkpointed_adjoint(dynamics, z, start, end, settings)
    with torch.no_grad():
        return solve(dynamics, z, start, end, settings)


def _by_torchdiffeq(
    dynamics: Dynamics, z: Tensor, start: float, end: float, settings: SolverSettings, *, with_graph: bool
) -> tuple[Tensor, Tensor]:
    from torchdiffeq import odeint, odeint_adjoint  # here, since it imports scipy

    def derivatives(t: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor | None]:
        return dynamics.at(t, state[0])

    arguments: dict[str, Any] = {"rtol": settings.rtol, "atol": settings.atol, "method": settings.solver}
    if settings.solver in FIXED:
        arguments["options"] = {"grid_constructor": partial(even_grid, settings.num_steps(abs(end - start)))}
    times = z.new_tensor([start, end])
    state = (z, dynamics.zeros(z))
    if with_graph and settings.adjoint == "torchdiffeq":
        solution = odeint_adjoint(derivatives, state, times, adjoint_params=dynamics.differentiated(), **arguments)
    else:
        with torch.set_grad_enabled(with_graph):
            solution = odeint(derivatives, state, times, **arguments)
    return solution[0][-1], solution[1][-1]


def even_grid(num_steps: int, function: Any, state: Tensor, times: Tensor) -> Tensor:
    """Return equally spaced times from the first of ``times`` to the last, as torchdiffeq asks a solver's grid for."""
    first, last = float(times[0]), float(times[-1])
    return torch.linspace(first, last, num_steps + 1, dtype=times.dtype, device=times.device)
