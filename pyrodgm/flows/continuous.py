"""Continuous flows: neural differential equations with their densities."""

from collections.abc import Sequence

from torch import nn

from pyrodgm.conditional import Conditional, Fixed
from pyrodgm.distributions.standard_normal import StandardNormal
from pyrodgm.flows.bases import standard_base
from pyrodgm.flows.flow import Flow
from pyrodgm.nn.concat_squash_conv import ConcatSquashConv
from pyrodgm.nn.concat_squash_mlp import ConcatSquashMLP
from pyrodgm.transforms.bijection import Bijection, check_input_dim
from pyrodgm.transforms.continuous.continuous import Continuous, Trace
from pyrodgm.transforms.continuous.continuous_stack import ContinuousStack
from pyrodgm.transforms.continuous.settings import Adjoint
from pyrodgm.transforms.logit_transform import LogitTransform


def cnf(
    input_dim: int,
    context_dim: int = 0,
    *,
    hidden_dims: Sequence[int] = (64, 64),
    solver: str = "dopri5",
    adjoint: Adjoint | None = "torchdiffeq",
    trace: Trace = "auto",
    rtol: float = 1e-5,
    atol: float = 1e-5,
    step_size: float | None = None,
    eval_solver: str | None = None,
    kinetic_weight: float = 0.0,
    jacobian_weight: float = 0.0,
    base: Conditional | None = None,
) -> Flow:
    r"""Continuous normalizing flow: :math:`x = z(1)` where :math:`\dot z = f(t, z, c)` and :math:`z(0) = u`.

    The field is a :class:`~pyrodgm.nn.ConcatSquashMLP` that starts near zero, the flow near its identity.
    ``flow.bijection`` is the :class:`~pyrodgm.transforms.Continuous`, where all settings are described;
    ``flow.bijection.num_evaluations`` says what the last call took.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        hidden_dims: Widths of the field's hidden layers.
        solver: torchdiffeq's name of a solver.
        adjoint: How gradients come: ``"torchdiffeq"``, ``"checkpoint"`` (exact and faster) or ``None``.
        trace: ``"exact"``, ``"hutchinson"``, or ``"auto"``, which is exact up to 8 features.
        rtol: Relative tolerance of a step.
        atol: Absolute tolerance of a step.
        step_size: Step of a fixed-step solver; a twentieth of the interval if ``None``.
        eval_solver: The solver in evaluation mode, ``solver`` if ``None``.
        kinetic_weight: Weight of the kinetic energy in training, for :class:`~pyrodgm.infer.Regularized`.
        jacobian_weight: Weight of the Jacobian's squared norm in training, likewise.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size or a tolerance is not positive, or a name unknown.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flow = flows.cnf(2, context_dim=3, hidden_dims=(16,))
        >>> flow(torch.randn(5, 3)).sample((7,)).shape
        torch.Size([7, 5, 2])

    References:
        Chen, Rubanova, Bettencourt, Duvenaud (2018), Neural Ordinary Differential Equations,
        https://arxiv.org/abs/1806.07366
    """
    check_input_dim(input_dim)
    field = ConcatSquashMLP(input_dim, hidden_dims=hidden_dims, context_dim=context_dim, zero_init=True)
    bijection = Continuous(
        field,
        input_dim,
        context_dim=context_dim,
        solver=solver,
        rtol=rtol,
        atol=atol,
        adjoint=adjoint,
        trace=trace,
        step_size=step_size,
        eval_solver=eval_solver,
        kinetic_weight=kinetic_weight,
        jacobian_weight=jacobian_weight,
    )
    return Flow(bijection, base or standard_base(input_dim))


def ffjord(
    shape_or_dim: int | Sequence[int],
    context_dim: int = 0,
    *,
    num_blocks: int = 1,
    hidden_dims: Sequence[int] = (64, 64),
    solver: str = "dopri5",
    adjoint: Adjoint | None = "torchdiffeq",
    num_probes: int = 1,
    rtol: float = 1e-5,
    atol: float = 1e-5,
    step_size: float | None = None,
    eval_solver: str | None = None,
    kinetic_weight: float = 0.0,
    jacobian_weight: float = 0.0,
    logit: float | None = None,
) -> Flow:
    r"""FFJORD: a continuous flow whose log-determinant is Hutchinson's unbiased estimate.

    Each block is a :class:`~pyrodgm.transforms.Continuous` with a field of its own: a
    :class:`~pyrodgm.nn.ConcatSquashMLP` of vectors, a :class:`~pyrodgm.nn.ConcatSquashConv` of images. Log-densities
    are estimates, without bias; to report exact ones of vectors, set ``trace = "exact"`` on the blocks. Importance
    weights are exponentials, and gain from an estimate's noise: report a bound of one draw, such as the ELBO.

    Args:
        shape_or_dim: Number of features, or shape (channels, height, width) of an image.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_blocks: Number of continuous blocks, each from time 0 to 1.
        hidden_dims: Widths of the fields' hidden layers; of images, their channels.
        solver: torchdiffeq's name of a solver.
        adjoint: How gradients come: ``"torchdiffeq"``, ``"checkpoint"`` (exact and faster) or ``None``.
        num_probes: Number of vectors of the estimate, drawn once a solve.
        rtol: Relative tolerance of a step.
        atol: Absolute tolerance of a step.
        step_size: Step of a fixed-step solver; a twentieth of the interval if ``None``.
        eval_solver: The solver in evaluation mode, ``solver`` if ``None``.
        kinetic_weight: Weight of the kinetic energy in training, for :class:`~pyrodgm.infer.Regularized`.
        jacobian_weight: Weight of the Jacobian's squared norm in training, likewise.
        logit: For data in [0, 1], the margin of a :class:`~pyrodgm.transforms.LogitTransform` at the data's end, such
            as 0.05; ``None`` for data on the line.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and the event shape that was given.

    Raises:
        ValueError: If a size or a tolerance is not positive, a name unknown, or the margin out of range.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flow = flows.ffjord((1, 4, 4), hidden_dims=(4,), logit=0.05)
        >>> flow().log_prob(torch.rand(5, 1, 4, 4)).shape
        torch.Size([5])

    References:
        Grathwohl, Chen, Bettencourt, Sutskever, Duvenaud (2019), FFJORD: Free-form Continuous Dynamics for Scalable
        Reversible Generative Models, https://arxiv.org/abs/1810.01367
    """
    shape = (shape_or_dim,) if isinstance(shape_or_dim, int) else tuple(shape_or_dim)
    check_input_dim(num_blocks, what="num_blocks")
    parts: list[Bijection] = []
    for _ in range(num_blocks):
        field: nn.Module
        if len(shape) == 1:
            check_input_dim(shape[0])
            field = ConcatSquashMLP(shape[0], hidden_dims=hidden_dims, context_dim=context_dim, zero_init=True)
        else:
            field = ConcatSquashConv(shape, hidden_channels=hidden_dims, context_dim=context_dim, zero_init=True)
        parts.append(
            Continuous(
                field,
                shape,
                context_dim=context_dim,
                solver=solver,
                rtol=rtol,
                atol=atol,
                adjoint=adjoint,
                trace="hutchinson",
                num_probes=num_probes,
                step_size=step_size,
                eval_solver=eval_solver,
                kinetic_weight=kinetic_weight,
                jacobian_weight=jacobian_weight,
            )
        )
    if logit is not None:
        parts.append(LogitTransform(logit, event_dim=len(shape)))
    return Flow(ContinuousStack(parts), Fixed(StandardNormal(shape)))
