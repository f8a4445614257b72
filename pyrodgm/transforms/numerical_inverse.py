"""Inverses found by iteration, for bijections without one in closed form, with exact gradients."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.transforms.bijection import Bijection

Function = Callable[[Tensor], Tensor]


class Solver(ABC):
    """How ``f(x) = y`` is solved, rows of a batch at once, without gradients."""

    @abstractmethod
    def solve(self, function: Function, y: Tensor, *, what: str) -> Tensor:
        """Return ``x`` with ``function(x) = y``.

        Args:
            function: ``(*batch, D) -> (*batch, D)``.
            y: ``(*batch, D)``.
            what: Whose inverse it is, for the error.

        Raises:
            ValueError: If it does not converge.
        """


class FixedPoint(Solver):
    r"""Iterates :math:`x \leftarrow x + \lambda\,(y - f(x))` from :math:`x = y`.

    It converges where :math:`x - \lambda f(x)` is a contraction: for residual maps :math:`x + g(x)`, if :math:`g` has a
    Lipschitz constant below one. A damping :math:`\lambda < 1` widens this to steeper increasing maps, more slowly.

    Args:
        max_steps: Steps after which it gives up.
        tolerance: Largest residual :math:`|y - f(x)|` accepted, relative to :math:`\max(1, |y|)`; if ``None``, the
            rounding of the dtype to the power 3/4 (2e-12 in float64, 6e-6 in float32).
        damping: The factor :math:`\lambda`.

    Raises:
        ValueError: If an argument is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y = torch.randn(5, 3)
        >>> transforms.FixedPoint(max_steps=100).solve(lambda x: x + x.sin() / 2, y, what="a wave").shape
        torch.Size([5, 3])

    References:
        Behrmann et al. (2019), Invertible Residual Networks, algorithm 1, https://arxiv.org/abs/1811.00995
    """

    def __init__(self, *, max_steps: int = 500, tolerance: float | None = None, damping: float = 1.0) -> None:
        if max_steps < 1:
            raise ValueError(f"Expected max_steps of at least 1; got {max_steps}. Give the solver steps.")
        if tolerance is not None and not tolerance > 0:
            raise ValueError(f"Expected tolerance > 0; got {tolerance}. Give the largest residual to accept.")
        if not damping > 0:
            raise ValueError(f"Expected damping > 0; got {damping}. Give 1.0, or less for steep maps.")
        self.max_steps, self.tolerance, self.damping = max_steps, tolerance, damping

    def solve(self, function: Function, y: Tensor, *, what: str) -> Tensor:
        """Iterate until every residual is small."""
        accepted = self.tolerance or torch.finfo(y.dtype).eps ** 0.75
        scale = y.abs().clamp_min(1)
        x = y
        for step in range(self.max_steps + 1):
            residual = y - function(x)
            worst = largest(residual / scale)
            if worst <= accepted:
                return x
            if not math.isfinite(worst) or step == self.max_steps:
                break
            x = x + self.damping * residual
        raise ValueError(
            f"Expected the inverse of {what} to converge; got a residual of {worst:.3g} after {step} steps. Raise "
            "max_steps or tolerance, lower damping, or use Bisection if features can be solved for one after the other."
        )


class Bisection(Solver):
    r"""Solves for one feature after the other, each by bisection, the whole batch at once.

    For triangular maps: feature ``order[i]`` of :math:`f(x)` increases in feature ``order[i]`` of :math:`x` and depends
    on the features before it in ``order`` only. It calls the map about ``D`` times 60 times.

    Args:
        order: The order of features; ``0 .. D-1`` if ``None``.
        max_steps: Halvings of a feature's bracket; by default enough for any dtype.

    Raises:
        ValueError: If ``order`` is no permutation, or ``max_steps`` is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y = torch.randn(5, 3)
        >>> transforms.Bisection().solve(lambda x: x + x**3, y, what="a cubic").shape
        torch.Size([5, 3])
    """

    def __init__(self, order: Sequence[int] | None = None, *, max_steps: int = 100) -> None:
        if order is not None and sorted(order) != list(range(len(order))):
            raise ValueError(
                f"Expected order to hold each of 0 .. {len(order) - 1} once; got {list(order)}. Name each."
            )
        if max_steps < 1:
            raise ValueError(f"Expected max_steps of at least 1; got {max_steps}. Give the solver steps.")
        self.order, self.max_steps = order, max_steps

    def solve(self, function: Function, y: Tensor, *, what: str) -> Tensor:
        """Bisect feature by feature, then see whether the whole solves the equation."""
        dim = y.shape[-1]
        order = range(dim) if self.order is None else self.order
        if len(order) != dim:
            raise ValueError(f"Expected an order of {dim} features; got one of {len(order)}. Name each feature once.")
        x = y.clone()
        for i in order:
            x[..., i] = self._solve_feature(function, x, y, i)
        scale = torch.maximum(x.abs(), y.abs()).amax(-1, keepdim=True).clamp_min(1)  # of what rounding leaves
        worst = largest((y - function(x)) / scale)
        if not worst <= torch.finfo(y.dtype).eps ** 0.5:
            raise ValueError(
                f"Expected the inverse of {what} to converge; got a residual of {worst:.3g} after {self.max_steps} "
                "steps a feature. See that each feature increases in itself and depends on those before it in order "
                "only; or use FixedPoint."
            )
        return x

    def _solve_feature(self, function: Function, x: Tensor, y: Tensor, i: int) -> Tensor:
        """Return feature ``i`` of the solution, features before it being solved: ``(*batch)``."""
        goal = y[..., i]

        def is_below(value: Tensor) -> Tensor:
            trial = x.clone()
            trial[..., i] = value
            return function(trial)[..., i] < goal

        low, high, width = goal - 1, goal + 1, 1.0
        for _ in range(self.max_steps):
            too_high, too_low = ~is_below(low), is_below(high)
            if not (too_high.any() or too_low.any()):
                break
            low, high = torch.where(too_high, low - width, low), torch.where(too_low, high + width, high)
            width *= 2
        for _ in range(self.max_steps):
            middle = (low + high) / 2
            if ((middle <= low) | (middle >= high)).all():  # neighbours in floating point
                break
            below = is_below(middle)
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2


def largest(residual: Tensor) -> float:
    """Return the largest absolute value, 0 of an empty batch."""
    return residual.abs().amax().item() if residual.numel() else 0.0


class NumericalInverse(Bijection):
    """A bijection whose inverse is found by a solver; its own ``inverse_and_ladj`` is never called.

    Args:
        bijection: Gives the direction from the base to the data.
        solver: Finds the other.
    """

    def __init__(self, bijection: Bijection, solver: Solver) -> None:
        super().__init__(event_dim=bijection.event_dim, context_dim=bijection.context_dim)
        self.bijection = bijection
        self.solver = solver

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> constraints.Constraint:
        """What the map takes."""
        return self.bijection.domain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> constraints.Constraint:
        """What the map returns."""
        return self.bijection.codomain

    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Pass the data on."""
        self.bijection.initialize(y, context)

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the map."""
        return self.bijection.forward_and_ladj(x, context)

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Solve for ``x``, and take the log-determinant from the map there.

        Raises:
            ValueError: If the solver does not converge.
        """
        batch, event = y.shape[: y.dim() - self.event_dim], y.shape[y.dim() - self.event_dim :]
        if context is not None:
            batch = torch.broadcast_shapes(batch, context.shape[:-1])
            y = y.expand(*batch, *event)
        rows = y.reshape(*batch, event.numel())

        def function(x: Tensor) -> Tensor:
            return self.bijection.forward_and_ladj(x.reshape(y.shape), context)[0].reshape(rows.shape)

        with torch.no_grad():
            x = self.solver.solve(function, rows.detach(), what=type(self.bijection).__name__)
        if torch.is_grad_enabled():
            x = with_gradients(x, rows, function)
        x = x.reshape(y.shape)
        return x, -self.bijection.forward_and_ladj(x, context)[1]


def with_gradients(x: Tensor, y: Tensor, function: Function) -> Tensor:
    r"""Attach the implicit function's first derivatives, :math:`dx = J^{-1} (dy - \partial_\theta f\, d\theta)`.

    It takes one Newton step :math:`x + J^{-1} (y - f(x; \theta))` with a constant Jacobian, made row by row of
    :math:`D` vector-Jacobian products.

    Args:
        x: A solution of ``function(x) = y``, ``(*batch, D)``, without a graph.
        y: What it solves for, ``(*batch, D)``.
        function: The map, one row independent of the others.

    Returns:
        A tensor equal to ``x`` up to the solver's tolerance.
    """
    residual = y - function(x)
    if not residual.requires_grad:
        return x
    leaf = x.detach().requires_grad_()
    values = function(leaf).unbind(-1)
    jacobian = torch.stack([torch.autograd.grad(v.sum(), leaf, retain_graph=True)[0] for v in values], -2)
    return x + torch.linalg.solve(jacobian, residual.unsqueeze(-1)).squeeze(-1)


def numerical_inverse(bijection: Bijection, *, solver: Solver | None = None) -> Bijection:
    r"""Give a bijection without a closed-form inverse a numerical one, differentiable in values, parameters, context.

    The inverse's gradients are those of the implicit function theorem, with the full Jacobian of a row (:math:`D`
    vector-Jacobian products and one solve): exact, of first order, and free of the solver's steps.

    Args:
        bijection: Its ``forward_and_ladj`` is used, its ``inverse_and_ladj`` never.
        solver: ``FixedPoint()`` if ``None``; ``Bisection()`` for triangular maps.

    Returns:
        The bijection with both directions, sharing its parameters.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> x, ladj = transforms.numerical_inverse(transforms.Planar(3)).inverse_and_ladj(torch.randn(5, 3))
        >>> x.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))
    """
    return NumericalInverse(bijection, FixedPoint() if solver is None else solver)
