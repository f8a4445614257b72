"""Roots of increasing functions, found without a graph, with the implicit function's gradients."""

from collections.abc import Callable

import torch
from torch import Tensor

ValueAndDerivative = Callable[[Tensor], tuple[Tensor, Tensor]]

MAX_EXPANSIONS = 100
MAX_STEPS = 300


def solve_increasing(
    function: ValueAndDerivative, y: Tensor, low: Tensor, high: Tensor, *, what: str = "an increasing function"
) -> Tensor:
    r"""Solve :math:`f(x) = y` elementwise for an increasing :math:`f`, to the rounding of the dtype.

    Newton's steps, kept inside a bracket of the root: a step that leaves it, or that is not half as long as the one
    before, is replaced by a bisection. The search keeps no graph; one more Newton step outside it,
    :math:`x - (f(x; \theta) - y) / f'(x)` with :math:`f'` constant, carries the implicit function's gradients
    :math:`dx = (dy - \partial_\theta f\, d\theta) / f'` (of first order) to ``y`` and to whatever ``function`` uses.

    Args:
        function: ``x -> (f(x), f'(x))``, elementwise, of the shape that the arguments broadcast to.
        y: The values to reach.
        low: A lower end of the bracket; lowered, by doubling the distance, where :math:`f` is above ``y`` there.
        high: An upper end, raised likewise.
        what: What is inverted, for the error.

    Returns:
        The root, of the broadcast shape.

    Raises:
        ValueError: If a ``y`` is not finite, no bracket is found, or the search does not converge.

    Example:
        >>> import torch
        >>> y = torch.randn(5)
        >>> solve_increasing(lambda x: (x + x**3, 1 + 3 * x**2), y, torch.zeros(()), torch.ones(())).shape
        torch.Size([5])

    References:
        Press, Teukolsky, Vetterling, Flannery (2007), Numerical Recipes, section 9.4 (``rtsafe``), http://numerical.recipes
    """
    with torch.no_grad():
        x = _search(function, *torch.broadcast_tensors(y.detach(), low.detach(), high.detach()), what=what)
    if not torch.is_grad_enabled():
        return x
    value, slope = function(x)
    return x - (value - y) / slope.detach().clamp_min(torch.finfo(x.dtype).tiny)


def _search(function: ValueAndDerivative, y: Tensor, low: Tensor, high: Tensor, *, what: str) -> Tensor:
    if not torch.isfinite(y).all():
        raise ValueError(
            f"Expected finite values for the inverse of {what}; got {_first(y, ~torch.isfinite(y))}. "
            "Remove values that are no numbers, or lie beyond what the map can return."
        )
    eps = torch.finfo(y.dtype).eps
    low, high, below, above = _bracket(function, y, low, high, what=what)
    secant = low + (high - low) * ((y - below) / (above - below))
    x = torch.where((secant >= low) & (secant <= high), secant, (low + high) / 2)  # also where it is NaN
    last_step = high - low
    slack = 8 * eps * y.abs().clamp_min(1)
    for _ in range(MAX_STEPS):
        value, slope = function(x)
        residual = value - y
        low, high = torch.where(residual <= 0, x, low), torch.where(residual >= 0, x, high)
        newton = -residual / slope
        is_rounded = residual.abs() <= slack
        # A step too small to move x, of a residual that is not rounding's, comes of a wrong derivative.
        is_slow = ~(newton.abs() <= last_step / 2) | ((newton.abs() <= eps * x.abs()) & ~is_rounded)
        outside = ~((x + newton >= low) & (x + newton <= high))
        step = torch.where(is_slow | outside, (low + high) / 2 - x, newton)
        # Where steps no longer shrink and the residual is that of rounding, x is as good as f can tell.
        is_still = (step.abs() <= eps * x.abs()) & ~residual.isnan()
        is_done = (residual == 0) | is_still | (is_slow & is_rounded)
        step = torch.where(is_done & (is_slow | outside), 0.0, step)
        x, last_step = x + step, step.abs()
        if is_done.all():
            return x
    raise ValueError(
        f"Expected the inverse of {what} to converge; got a residual of {_first(residual, ~is_done)} after "
        f"{MAX_STEPS} steps; check that parameters and values are finite and of moderate size, or use float64."
    )


def _bracket(
    function: ValueAndDerivative, y: Tensor, low: Tensor, high: Tensor, *, what: str
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Widen the bracket until it holds the root; return it and the function at its ends."""
    margin = (high - low).abs() + 0.1 * (1 + low.abs() + high.abs())
    below, above = function(low)[0], function(high)[0]
    for _ in range(MAX_EXPANSIONS):
        too_high, too_low = ~(below <= y), ~(above >= y)
        if not (too_high.any() or too_low.any()):
            return low, high, below, above
        low, high = torch.where(too_high, low - margin, low), torch.where(too_low, high + margin, high)
        margin = 2 * margin
        below, above = function(low)[0], function(high)[0]
    raise ValueError(
        f"Expected the inverse of {what} to converge; got {_first(y, too_high | too_low)}, outside its values on "
        f"[{_first(low, too_high | too_low)}, {_first(high, too_high | too_low)}]; check that parameters and values "
        "are finite and of moderate size."
    )


def _first(tensor: Tensor, where: Tensor) -> str:
    return f"{tensor[where].flatten()[0].item():.6g}"
