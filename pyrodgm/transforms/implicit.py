"""Gradients through the solution of a triangular system, without a graph of the solver."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Inverse = Callable[[Tensor], tuple[Tensor, Tensor]]


def implicit_solution(y: Tensor, x: Tensor, inverse: Inverse, order: Tensor) -> Tensor:
    r"""Attach gradients to ``y``, the solution of ``g(y; theta) = x`` for an autoregressive ``g``.

    With :math:`J = \partial g / \partial y`, :math:`dy = J^{-1} (dx - \partial_\theta g\, d\theta)`.

    Args:
        y: The solution, ``(*batch, D)``, found without a graph.
        x: What it solves for, ``(*batch, D)``.
        inverse: ``y -> (g(y), elementwise log|dg_i/dy_i|)``, each ``(*batch, D)``.
        order: The order of features in which :math:`J` is triangular, ``(D,)``.

    Returns:
        A tensor equal to ``y`` through which gradients reach ``x`` and whatever ``inverse`` depends on.
    """
    residual = x - inverse(y)[0]
    if not residual.requires_grad:
        return y
    return _Implicit.apply(residual, y, inverse, order)


class _Implicit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, residual: Tensor, y: Tensor, inverse: Inverse, order: Tensor) -> Tensor:
        ctx.save_for_backward(y, order)
        ctx.inverse = inverse
        return y.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        y, order = ctx.saved_tensors
        return _solve_transposed(y, grad, ctx.inverse, order), None, None, None


def _solve_transposed(y: Tensor, grad: Tensor, inverse: Inverse, order: Tensor) -> Tensor:
    """Solve ``J^T v = grad``: exact after D rounds, since J is its diagonal plus a nilpotent part."""
    with torch.enable_grad():
        leaf = y.detach().requires_grad_()
        value, ladj = inverse(leaf)
    reciprocal = torch.exp(-ladj.detach())

    def product(v: Tensor) -> Tensor:
        return torch.autograd.grad(value, leaf, v, retain_graph=True)[0]

    v = grad * reciprocal
    for _ in range(y.shape[-1] - 1):
        change = (grad - product(v)) * reciprocal
        v = v + change
        if not change.isfinite().all():
            return _solve_in_order(grad, product, reciprocal, order)
        if (change.abs() <= torch.finfo(v.dtype).eps * v.abs().clamp_min(torch.finfo(v.dtype).tiny)).all():
            break
    return v


def _solve_in_order(grad: Tensor, product: Callable[[Tensor], Tensor], reciprocal: Tensor, order: Tensor) -> Tensor:
    """Solve from the last feature to the first: slower, and no unfinished value can overflow into a finished one."""
    v = torch.zeros_like(grad)
    for i in reversed(order.tolist()):
        v[..., i] = ((grad - product(v)) * reciprocal)[..., i]
    return v
