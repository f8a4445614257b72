"""Solutions of triangular systems by a fixed point that divides by the diagonal, and in order where that fails."""

from collections.abc import Callable

import torch
from torch import Tensor

from pyrodgm.transforms.root import solve_increasing

System = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]  # x, context to f(x) and the diagonal of its Jacobian

LEAST_DAMPING = 2.0**-16


class DiagonalFixedPoint:
    r"""Iterates :math:`x \leftarrow x + \alpha\, \mathrm{diag}(J_f(x))^{-1} (y - f(x))` from :math:`x = y`.

    At the solution, the iteration's own Jacobian :math:`I - \alpha\, \mathrm{diag}(J_f)^{-1} J_f` is triangular with
    :math:`1 - \alpha` on its diagonal. Its spectral radius is below one, and the iteration converges from nearby, if
    and only if :math:`0 < \alpha < 2`; with :math:`\alpha = 1`, each variable takes Newton's steps once those before it
    stand still. From afar a step may overshoot. So each variable has an :math:`\alpha` of its own, halved where the
    residual changes sign without halving, and raised again, up to the given one: never outside of the range.

    All variables move together, so that it takes tens of evaluations where one variable after the other takes ten
    times as many as there are variables. Rows that do not converge are solved in order: each variable by Newton's steps
    inside a bracket and bisection, which cannot fail where it increases.

    Args:
        alpha: The factor :math:`\alpha`.
        max_steps: Steps after which the other rows are solved in order.
        tolerance: Largest step :math:`|y - f(x)| / \mathrm{diag}(J_f)` at which a variable stands, relative to
            :math:`\max(1, |x|)`; if ``None``, the rounding of the dtype to the power 3/4 (2e-12 in float64, 6e-6 in
            float32).

    Attributes:
        num_steps: Steps that the last solution took.
        num_in_order: Rows of it that were solved in order.

    Raises:
        ValueError: If ``alpha`` is not in (0, 2), or another argument is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> solver = transforms.DiagonalFixedPoint()
        >>> y = torch.randn(5, 3)
        >>> x = solver.solve(lambda x, _: (x + x**3, 1 + 3 * x**2), y, None, torch.arange(3), what="a cubic")
        >>> x.shape, solver.num_in_order
        (torch.Size([5, 3]), 0)

    References:
        Song, Meng, Ermon (2019), MintNet: Building Invertible Neural Networks with Masked Convolutions (the fixed-point
        iteration and its convergence), https://arxiv.org/abs/1907.07945
    """

    def __init__(self, *, alpha: float = 1.0, max_steps: int = 500, tolerance: float | None = None) -> None:
        if not 0 < alpha < 2:
            raise ValueError(
                f"Expected alpha in (0, 2), where the iteration converges; got {alpha}. 1 takes Newton's steps."
            )
        if max_steps < 1:
            raise ValueError(f"Expected max_steps of at least 1; got {max_steps}. Give the solver steps.")
        if tolerance is not None and not tolerance > 0:
            raise ValueError(f"Expected tolerance > 0; got {tolerance}. Give the largest step to accept.")
        self.alpha, self.max_steps, self.tolerance = alpha, max_steps, tolerance
        self.num_steps = self.num_in_order = 0

    @torch.no_grad()
    def solve(self, system: System, y: Tensor, context: Tensor | None, order: Tensor, *, what: str) -> Tensor:
        """Return ``x`` with ``f(x) = y``, without a graph.

        Args:
            system: ``x, context -> f(x), diagonal``; rows are independent of each other, and the diagonal is positive.
            y: ``(num, D)``.
            context: ``(num, context_dim)`` or ``None``.
            order: ``(D,)``, in which the Jacobian is lower triangular.
            what: Whose inverse it is, for the error.

        Raises:
            ValueError: If a value to be reached is not finite.
        """
        x, is_still = self._iterate(system, y, context)
        rows = (~is_still.all(-1)).nonzero().squeeze(-1)
        self.num_in_order = len(rows)
        if len(rows):
            first = int((~is_still[rows]).any(0)[order].int().argmax())  # all before it stand
            own = None if context is None else context[rows]
            x[rows] = solve_in_order(system, y[rows], own, x[rows], order[first:].tolist(), what=what)
        return x

    def _iterate(self, system: System, y: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return where the iteration ends, and which variables stand still there, ``(num, D)``."""
        accepted = self.tolerance or torch.finfo(y.dtype).eps ** 0.75
        x, before, damping = y.clone(), torch.zeros_like(y), torch.ones_like(y)
        is_still = torch.ones_like(y, dtype=torch.bool)
        for step in range(1, self.max_steps + 1):
            self.num_steps = step
            value, slope = system(x, context)
            residual = y - value
            newton = residual / slope
            is_still = newton.abs() <= accepted * x.abs().clamp_min(1)
            if is_still.all():
                break
            overshot = (residual * before < 0) & (residual.abs() > 0.5 * before.abs())
            damping = torch.where(overshot, damping / 2, damping * 1.5).clamp(LEAST_DAMPING, 1.0)
            # What stands does not stir: rounding of one variable would keep all later ones on the move.
            x = torch.where(is_still, x, x + self.alpha * damping * newton)
            before = residual
            if not x.isfinite().all():
                break
        return x, is_still & x.isfinite()


def solve_in_order(
    system: System, y: Tensor, context: Tensor | None, x: Tensor, order: list[int], *, what: str
) -> Tensor:
    """Solve for one variable after the other, in the given order, whatever the later ones are.

    Args:
        system: ``x, context -> f(x), diagonal``.
        y: The values to reach, ``(num, D)``.
        context: ``(num, context_dim)`` or ``None``.
        x: Where to start; variables that are not in ``order`` stay as they are.
        order: The variables to solve for.
        what: Whose inverse it is, for the error.

    Raises:
        ValueError: If a value to be reached is not finite, or the system does not increase.
    """
    x = torch.where(x.isfinite(), x, torch.where(y.isfinite(), y, 0.0))  # what is no number would hide in sums
    for index in order:
        x[:, index] = solve_variable(system, y, context, x, index, what=what)
    return x


def solve_variable(system: System, y: Tensor, context: Tensor | None, x: Tensor, index: int, *, what: str) -> Tensor:
    """Return variable ``index`` of the solution, those before it being solved, ``(num,)``."""

    def increasing(value: Tensor) -> tuple[Tensor, Tensor]:
        trial = x.clone()
        trial[:, index] = value
        reached, slope = system(trial, context)
        return reached[:, index], slope[:, index]

    near = x[:, index]
    return solve_increasing(increasing, y[:, index], near - 1, near + 1, what=what)
