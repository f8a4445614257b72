"""The checkpointed adjoint: gradients of the very steps that were taken, one step's graph at a time."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pyrodgm.transforms.continuous.checkpoints import Checkpoints
from pyrodgm.transforms.continuous.dynamics import Dynamics
from pyrodgm.transforms.continuous.runge_kutta import solve, take_step
from pyrodgm.transforms.continuous.settings import SolverSettings
from pyrodgm.transforms.continuous.tableau import TABLEAUS


def checkpointed_adjoint(
    dynamics: Dynamics, z: Tensor, start: float, end: float, settings: SolverSettings
) -> tuple[Tensor, Tensor]:
    """Solve without a graph, and replay each accepted step with one to go backward.

    The gradients, of first order, are those of the discrete solution, exact to rounding: no second differential
    equation is solved, and errors of the forward solve are not made twice. Steps that were rejected cost nothing
    backward. The lengths of steps count as constants.

    Args:
        dynamics: What is integrated.
        z: The state at ``start``, ``(*batch, *event)``.
        start: The first time.
        end: The last, before or after it.
        settings: Of a solver that has a tableau.

    Returns:
        The state at ``end``, and the integrals ``(num_integrals, *batch)``, with gradients to ``z``, the context and
        the parameters.

    References:
        Zhuang, Dvornek, Li, Tatikonda, Papademetris, Duncan (2020), Adaptive Checkpoint Adjoint Method for Gradient
        Estimation in Neural ODE, https://arxiv.org/abs/2006.02493
    """
    state, integrals = _Checkpointed.apply(dynamics, (start, end, settings), z, *dynamics.differentiated())
    return state, integrals


class _Checkpointed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, dynamics: Dynamics, plan: tuple[float, float, SolverSettings], z: Tensor, *inputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.dynamics, ctx.tableau = dynamics, TABLEAUS[plan[2].solver]
        ctx.checkpoints = Checkpoints()
        ctx.save_for_backward(z, *inputs)
        return solve(dynamics, z, *plan, checkpoints=ctx.checkpoints)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_state: Tensor, grad_integrals: Tensor) -> tuple[Tensor | None, ...]:
        _, *inputs = ctx.saved_tensors  # which refuses those that were changed in place since
        totals: list[Tensor | None] = [None] * len(inputs)

        def advance(t: float, h: float, z: Tensor) -> Tensor:
            return take_step(ctx.dynamics, ctx.tableau, t, h, z, with_rates=False).state

        for t, h, z in ctx.checkpoints.backwards(advance):
            with torch.enable_grad():
                leaf = z.detach().requires_grad_()
                step = take_step(ctx.dynamics, ctx.tableau, t, h, leaf)
            outputs, gradients = [step.state], [grad_state]
            if step.increments is not None and step.increments.requires_grad:  # else the trace is a constant
                outputs, gradients = [step.state, step.increments], [grad_state, grad_integrals]
            grad_state, *parts = torch.autograd.grad(outputs, (leaf, *inputs), gradients, allow_unused=True)
            totals = [add(total, part) for total, part in zip(totals, parts, strict=True)]
        return None, None, grad_state, *totals


def add(total: Tensor | None, part: Tensor | None) -> Tensor | None:
    """Return the sum of what is there."""
    if total is None or part is None:
        return part if total is None else total
    return total + part
