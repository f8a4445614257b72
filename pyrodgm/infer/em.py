"""Expectation maximization: the coordinate ascent of the evidence lower bound."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from pyrodgm.models.expectation_maximization import ExpectationMaximization
from pyrodgm.models.model import Model

ROUNDING = 1000.0  # times machine precision: the decrease of a bound, relative to what is summed, that is no mistake


@dataclass(frozen=True)
class EMResult:
    r"""How a fit went.

    Attributes:
        bounds: The bound after each half step, E, M, E, ..., E, in nats summed over rows; it never decreases.
        converged: Whether the last step gained less than the tolerance.
    """

    bounds: list[float]
    converged: bool

    @property
    def num_steps(self) -> int:
        """Number of M steps."""
        return len(self.bounds) // 2

    @property
    def after_e(self) -> list[float]:
        """The bound after each E step, where it is tight; one more than M steps."""
        return self.bounds[::2]

    @property
    def after_m(self) -> list[float]:
        """The bound after each M step."""
        return self.bounds[1::2]

    @property
    def log_likelihood(self) -> float:
        """The bound after the last E step: of a maximum likelihood model the log-likelihood of all rows, in nats."""
        return self.bounds[-1]

    def __str__(self) -> str:
        end = "converged" if self.converged else "not converged"
        return f"log-likelihood {self.log_likelihood:.4f} nats after {self.num_steps} steps, {end}"


def em(
    model: ExpectationMaximization,
    x: Tensor,
    *,
    num_steps: int = 100,
    tolerance: float = 1e-6,
    missing: Literal["error", "em"] = "error",
    initialize: bool = True,
    verbose: bool = False,
) -> EMResult:
    r"""Fit a model by steps that raise the bound :math:`L(q, \theta) = E_q[\log p_\theta(x, z)] + H(q)` in turns.

    The E step raises it over :math:`q`, to the log-likelihood: the bound is tight. The M step raises it over
    :math:`\theta`, and so the log-likelihood by at least as much. A model with a prior over its parameters has the
    prior's logarithm in its bound, a variational one a bound on the log-evidence.

    Args:
        model: Implements :class:`pyrodgm.models.ExpectationMaximization`; changed in place.
        x: ``(num_rows, *event_shape)``.
        num_steps: Largest number of M steps.
        tolerance: Gain of a step, in nats a row, below which the fit ends.
        missing: What NaN means: an error, or what is missing and is to be summed over in the E step.
        initialize: Whether the model first starts from the data; otherwise from its parameters as they are.
        verbose: Whether to print the bound after every half step.

    Returns:
        The bounds, and whether the fit converged.

    Raises:
        ValueError: If there are no rows, a value is infinite or NaN (its column is named), the model cannot do without
            what is missing or has not the methods, or a number is out of range.
        FloatingPointError: If the bound decreases or is not finite: a mistake in a model's step.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> x = torch.cat((torch.randn(50, 2) - 3, torch.randn(50, 2) + 3))
        >>> found = infer.em(models.GaussianMixture(2, 2), x)
        >>> len(found.bounds) == 2 * found.num_steps + 1, found.converged
        (True, True)

    References:
        Dempster, Laird, Rubin (1977), Maximum Likelihood from Incomplete Data via the EM Algorithm;
        Neal, Hinton (1998), A View of the EM Algorithm that Justifies Incremental, Sparse, and Other Variants
    """
    if not isinstance(model, ExpectationMaximization):
        raise ValueError(
            f"Expected a model with initialize, e_step, m_step, bound and handles_missing; got {type(model).__name__}. "
            "Write these, as models.ExpectationMaximization says, or fit it by gradients."
        )
    if num_steps < 1:
        raise ValueError(f"Expected num_steps of at least 1; got {num_steps}. Give the largest number of steps.")
    if not tolerance >= 0:
        raise ValueError(f"Expected tolerance of at least 0; got {tolerance}. Give nats a row.")
    if missing not in ("error", "em"):
        raise ValueError(f"Expected missing to be 'error' or 'em'; got {missing!r}. Say what NaN means.")
    check_values(x, allow_missing=missing == "em" and model.handles_missing, asked=missing == "em")
    if missing == "error" and isinstance(model, Model):
        model.check_data(x)  # such as -1 for a state that is missing
    if initialize:
        model.initialize(x)
    steps = Steps(model, x, verbose)
    converged = False
    q = steps.expect()
    for _ in range(num_steps):
        before = steps.bounds[-1]
        steps.maximize(q)
        q = steps.expect()
        if steps.bounds[-1] - before < tolerance * len(x):
            converged = True
            break
    return EMResult(steps.bounds, converged)


class Steps:
    """Half steps, whose bounds are kept and compared.

    Args:
        model: What is fitted.
        x: The data.
        verbose: Whether to print.
    """

    def __init__(self, model: ExpectationMaximization, x: Tensor, verbose: bool) -> None:
        self.model, self.x, self.verbose = model, x, verbose
        self.bounds: list[float] = []
        tensors = [*model.parameters(), *model.buffers()] if isinstance(model, nn.Module) else [x]
        precisions = [torch.finfo(t.dtype).eps for t in tensors if t.is_floating_point()]
        self.rounding = ROUNDING * max(precisions, default=torch.finfo(torch.float64).eps)

    def expect(self) -> object:
        """Take an E step, and return its posterior."""
        q = self.model.e_step(self.x)
        self._record(q, "E")
        return q

    def maximize(self, q: object) -> None:
        """Take an M step."""
        self.model.m_step(self.x, q)
        self._record(q, "M")

    def _record(self, q: object, kind: str) -> None:
        bound = float(self.model.bound(self.x, q))
        step = (len(self.bounds) + 1) // 2
        if self.verbose:
            print(f"step {step:3d} {kind}  bound {bound:.6f} nats")
        if not math.isfinite(bound):
            raise FloatingPointError(f"Expected a finite bound; got {bound} after the {kind} step of step {step}.")
        before = self.bounds[-1] if self.bounds else -math.inf
        if bound < before - self.rounding * (abs(bound) + self.x.numel()):
            raise FloatingPointError(
                f"Expected a bound that never decreases; got {bound} after {before} by the {kind} step of step {step}. "
                "The step does not maximize the bound that the model reports."
            )
        self.bounds.append(bound)


def check_values(x: Tensor, *, allow_missing: bool, asked: bool) -> None:
    """Refuse data without rows, infinite values, and NaN where it cannot be summed over.

    Raises:
        ValueError: Naming the column of the first bad value.
    """
    if x.dim() == 0 or len(x) == 0:
        raise ValueError(f"Expected rows of x; got shape {tuple(x.shape)}. Pass data.")
    if not x.is_floating_point():
        return
    bad = x.isinf() if allow_missing else ~x.isfinite()
    if bad.any():
        row, *place = bad.nonzero()[0].tolist()
        column = f" column {place[0] if len(place) == 1 else tuple(place)}" if place else ""
        advice = (
            "This model cannot sum over missing values: remove or impute them."
            if asked
            else 'Remove or impute such rows, or pass missing="em" to a model that sums over what is missing.'
        )
        raise ValueError(
            f"Expected finite x; got {x[row][tuple(place)].item()} in{column}, first in row {row}. {advice}"
        )
