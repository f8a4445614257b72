"""How a differential equation is solved, and differentiated."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from pyrodgm.transforms.continuous.tableau import TABLEAUS

Adjoint = Literal["torchdiffeq", "checkpoint"]

ADAPTIVE = ("dopri5", "dopri8", "bosh3", "fehlberg2", "adaptive_heun")
FIXED = ("euler", "midpoint", "heun2", "heun3", "rk4", "explicit_adams", "implicit_adams", "fixed_adams")
SCIPY = "scipy_solver"
SOLVERS = (*ADAPTIVE, *FIXED, SCIPY)
DEFAULT_STEPS = 20  # of a fixed-step solver over the whole interval


@dataclass(frozen=True)
class SolverSettings:
    """Solver, tolerances and the way of differentiation.

    Args:
        solver: The name that torchdiffeq gives it.
        rtol: Relative tolerance of an adaptive solver, a step.
        atol: Absolute tolerance of an adaptive solver, a step.
        adjoint: ``"torchdiffeq"``, ``"checkpoint"`` or ``None``.
        step_size: Step of a fixed-step solver.

    Raises:
        ValueError: If a solver or an adjoint is unknown, they do not go together, or a number is not positive.
    """

    solver: str = "dopri5"
    rtol: float = 1e-5
    atol: float = 1e-5
    adjoint: Adjoint | None = "torchdiffeq"
    step_size: float | None = None

    def __post_init__(self) -> None:
        if self.solver not in SOLVERS:
            raise ValueError(f"Expected solver to be one of {', '.join(SOLVERS)}; got {self.solver!r}. Choose one.")
        if self.adjoint is not None and self.adjoint not in get_args(Adjoint):
            known = ", ".join(map(repr, get_args(Adjoint)))
            raise ValueError(f"Expected adjoint to be one of {known} or None; got {self.adjoint!r}. Choose one.")
        if self.adjoint == "checkpoint" and self.solver not in TABLEAUS:
            raise ValueError(
                f"Expected solver to be one of {', '.join(TABLEAUS)} with adjoint='checkpoint'; got {self.solver!r}. "
                "Choose one of these, or adjoint='torchdiffeq'."
            )
        if self.adjoint is None and self.solver == SCIPY:
            raise ValueError(
                "Expected adjoint='torchdiffeq' with solver 'scipy_solver'; got None. Scipy keeps no graph to go back "
                "through."
            )
        for name, tolerance in (("rtol", self.rtol), ("atol", self.atol)):
            if not 0 < tolerance < math.inf:
                raise ValueError(f"Expected {name} > 0; got {tolerance}. Give 1e-5, say: no solver is exact.")
        if self.step_size is not None:
            if self.solver not in FIXED:
                raise ValueError(
                    f"Expected no step_size with solver {self.solver!r}, which chooses its steps; got "
                    f"{self.step_size}. Give tolerances, or a fixed-step solver: {', '.join(FIXED)}."
                )
            if not 0 < self.step_size < math.inf:
                raise ValueError(f"Expected step_size > 0; got {self.step_size}. Give the length of a step in time.")

    def of_solver(self, solver: str) -> "SolverSettings":
        """Return the same with another solver; a step size goes with fixed steps only.

        Raises:
            ValueError: If the solver is unknown, or does not go with the adjoint.
        """
        return replace(self, solver=solver, step_size=self.step_size if solver in FIXED else None)

    def num_steps(self, length: float) -> int:
        """Return how many equal steps a fixed-step solver takes over so much time.

        Args:
            length: The time; without a ``step_size``, all of it is what the default number of steps is for.
        """
        if self.step_size is None:
            return DEFAULT_STEPS
        return max(1, math.ceil(length / self.step_size - 1e-6))
