"""A normal at the mode, with the curvature there."""

import math
import time
from typing import Literal

import torch
from torch import Tensor

from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.curvature import LogJoint
from pyrodgm.infer.flat_weights import LOG_TWO_PI, FlatWeights
from pyrodgm.infer.map_estimate import find_mode
from pyrodgm.infer.posterior import Posterior

MAX_FULL = 5000  # weights whose full matrix is computed
NEWTON_STEPS = 50
FLATTEST = 1e-6  # curvature taken for that of a flat direction, as a share of the largest
HALVINGS = 10  # of a step that leads down
SETTLED = 1e-12  # nats that one more step would gain


class Laplace(Posterior):
    """A normal over unconstrained weights, made by :func:`laplace`.

    Attributes:
        mode: ``(num_weights,)``.
        factor: Of the precision: its lower Cholesky factor ``(num_weights, num_weights)``, or the roots of its diagonal
            ``(num_weights,)``.
    """

    def __init__(self, bayesian: Bayesian, mode: Tensor, factor: Tensor) -> None:
        super().__init__(bayesian)
        self.mode, self.factor = mode, factor

    def draw_flat(self, num: int) -> Tensor:
        """Draw unconstrained weights ``(num, num_weights)``."""
        noise = torch.randn(num, len(self.mode), dtype=self.mode.dtype, device=self.mode.device)
        if self.factor.dim() == 1:
            return self.mode + noise / self.factor
        return self.mode + torch.linalg.solve_triangular(self.factor.T, noise.T, upper=True).T

    def point_flat(self) -> Tensor:
        """Return the mode."""
        return self.mode

    def log_density_flat(self, u: Tensor) -> Tensor:
        """Return the log-density of unconstrained weights ``(*batch, num_weights)``, in nats."""
        off = u - self.mode
        scaled = off * self.factor if self.factor.dim() == 1 else off @ self.factor
        return -0.5 * scaled.square().sum(-1) + self.half_log_det - 0.5 * LOG_TWO_PI * len(self.mode)

    @property
    def half_log_det(self) -> Tensor:
        """Half of the log-determinant of the precision."""
        return (self.factor if self.factor.dim() == 1 else self.factor.diagonal()).log().sum()


@torch.no_grad()
def laplace(
    bayesian: Bayesian,
    x: Tensor,
    context: Tensor | None = None,
    *,
    structure: Literal["diagonal", "full"] = "diagonal",
    curvature: Literal["hessian", "fisher"] = "hessian",
    num_steps: int = 2000,
    lr: float = 1e-2,
    batch_size: int | None = None,
) -> Laplace:
    r"""Laplace's approximation :math:`N(u^*, H^{-1})`, :math:`H = -\nabla^2 \log p(x, u)` at the mode :math:`u^*`.

    The evidence is :math:`\log p(x) \approx \log p(x, u^*) + \tfrac D2 \log 2\pi - \tfrac12 \log\det H`.

    Args:
        bayesian: The component and its prior.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        structure: Whether :math:`H` is a full matrix, for up to 5,000 weights, or its diagonal. With a full one,
            Newton's steps, in as many as 50 matrices, end the search for the mode.
        curvature: Second derivatives, or the Fisher information, which is never negative: of use where the mode was not
            quite reached, or lies at the kink of a ReLU.
        num_steps: Number of steps of Adam to the mode.
        lr: Its step size at the start; it falls along a cosine to zero.
        batch_size: Rows a step, whose log-likelihoods are scaled up to all rows; ``None`` takes all.

    Returns:
        The approximation, with ``log_evidence`` (``None`` under a flat prior).

    Raises:
        ValueError: If data or a number are not as expected, there are too many weights for a full matrix, or the
            curvature is not positive.
        FloatingPointError: If a loss or a gradient is not finite.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, infer
        >>> bayes = infer.bayesian(flows.realnvp(2, num_layers=2, hidden_dims=(4,)), 1.0)
        >>> posterior = infer.laplace(bayes, torch.randn(20, 2), curvature="fisher", num_steps=2)
        >>> posterior.factor.shape == posterior.mode.shape
        True

    References:
        MacKay (1992), A Practical Bayesian Framework for Backpropagation Networks;
        Daxberger et al. (2021), Laplace Redux, https://arxiv.org/abs/2106.14806
    """
    if structure not in ("diagonal", "full"):
        raise ValueError(f"Expected structure 'diagonal' or 'full'; got {structure!r}.")
    if curvature not in ("hessian", "fisher"):
        raise ValueError(f"Expected curvature 'hessian' or 'fisher'; got {curvature!r}.")
    start = time.perf_counter()
    flat = FlatWeights(bayesian)
    if structure == "full" and flat.num_weights > MAX_FULL:
        raise ValueError(
            f"Expected at most {MAX_FULL} weights for a full matrix; got {flat.num_weights}. Use structure='diagonal'."
        )
    mode, losses = find_mode(
        bayesian, flat, x, context, num_steps=num_steps, lr=lr, batch_size=batch_size, jacobian=True
    )
    joint = LogJoint(bayesian, flat, x, context)
    if structure == "full" and curvature == "hessian":
        mode, matrix = newton(joint, mode)
    else:
        compute = joint.hessian if curvature == "hessian" else joint.fisher
        matrix = compute(mode, diagonal=structure == "diagonal")
    posterior = Laplace(bayesian, mode, precision_factor(matrix, curvature))
    if flat.is_proper:
        normalizer = 0.5 * LOG_TWO_PI * flat.num_weights - posterior.half_log_det
        posterior.log_evidence = (joint(mode) + normalizer).item()
    posterior.losses, posterior.seconds = losses, time.perf_counter() - start
    return posterior


def newton(joint: LogJoint, mode: Tensor) -> tuple[Tensor, Tensor]:
    """Go from near a mode to the mode, as long as that gains anything; return it and the Hessian there."""
    value = joint(mode)
    matrix = joint.hessian(mode, diagonal=False)
    for _ in range(NEWTON_STEPS):
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if failed:  # not near enough to the mode: every direction is made one that leads up
            values, vectors = torch.linalg.eigh(matrix)
            root = vectors * values.abs().clamp_min(values.abs().max() * FLATTEST).sqrt()
            factor = torch.linalg.qr(root.T).R.T
        with torch.enable_grad():
            leaf = mode.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(joint(leaf), leaf)
        step = torch.cholesky_solve(gradient[:, None], factor)[:, 0]
        for _ in range(HALVINGS):
            after = joint(mode + step)
            if after > value:
                break
            step = step / 2
        if not after > value or torch.dot(step, gradient) < SETTLED:
            break
        mode, value = mode + step, after
        matrix = joint.hessian(mode, diagonal=False)
    return mode, matrix


def precision_factor(matrix: Tensor, curvature: str) -> Tensor:
    """Return the root of a precision, a matrix or its diagonal.

    Raises:
        ValueError: If it is not positive definite.
    """
    if matrix.dim() == 1:
        smallest = matrix.min().item()
        if smallest > 0:
            return matrix.sqrt()
    else:
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if not failed and math.isfinite(factor.sum().item()):
            return factor
        smallest = torch.linalg.eigvalsh(matrix)[0].item() if matrix.isfinite().all() else math.nan
    raise ValueError(
        f"Expected a positive curvature in every direction; got {smallest:.6g} in one. "
        + (
            "The mode may not have been reached: take more steps, or curvature='fisher', which is never negative."
            if curvature == "hessian"
            else "Data do not fix every weight: put a proper prior on each."
        )
    )
