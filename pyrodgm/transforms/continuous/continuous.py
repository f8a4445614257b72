"""A bijection along the solutions of a differential equation."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from pyrodgm.transforms.bijection import Bijection
from pyrodgm.transforms.continuous.directions import Directions, Probe, basis, draw
from pyrodgm.transforms.continuous.dynamics import Dynamics, Evaluations, PenaltyWeights
from pyrodgm.transforms.continuous.integrate import integrate
from pyrodgm.transforms.continuous.settings import Adjoint, SolverSettings

Trace = Literal["auto", "exact", "hutchinson"]
EXACT_DIMS = 8  # up to which "auto" takes the exact trace


class Continuous(Bijection):
    r"""The flow of :math:`\dot z = f(t, z, c)`: from the base at :math:`t_0` to the data at :math:`t_1`.

    .. math:: \log\left|\det \frac{\partial z(t_1)}{\partial z(t_0)}\right|
        = \int_{t_0}^{t_1} \mathrm{tr} \frac{\partial f}{\partial z}(t, z(t), c)\, dt

    is integrated beside; the inverse solves backward in time. Both directions are as exact as the solver's tolerance.

    Gradients come one of three ways:

    - ``adjoint="torchdiffeq"`` solves the adjoint equation backward in time (``odeint_adjoint``): memory does not grow
      with the number of evaluations, gradients are as exact as the tolerance.
    - ``adjoint="checkpoint"`` solves without a graph and replays each accepted step with one: gradients of the discrete
      solution, exact to rounding, in about the memory of one step, and in less time. For solvers ``dopri5``, ``euler``,
      ``midpoint``, ``heun2``, ``heun3`` and ``rk4``.
    - ``adjoint=None`` goes back through the solver's own operations: memory grows with each evaluation, and gradients
      have gradients.

    The trace is exact with ``trace="exact"``, at the cost of :math:`D` products with the Jacobian an evaluation, or
    Hutchinson's unbiased estimate :math:`\frac1K \sum_k v_k^\top J v_k`, from ``num_probes`` vectors for each row that
    are drawn once a solve and kept through it. ``"auto"`` is exact up to 8 dimensions.

    In training mode, with a positive weight, the penalties of a straight and even path are integrated beside:
    :attr:`penalty` is their mean over the rows of the last such call, with its graph.
    :class:`~pyrodgm.infer.Regularized` adds it to any objective.

    Where an adaptive solver finds no step short enough ("underflow in dt"), 100 steps of ``rk4`` take its place, with a
    warning. Backward, torchdiffeq's adjoint may meet the same, and then raises; the checkpointed one cannot.

    Args:
        field: A module called as ``field(t, z, context)`` with a scalar ``t``, that returns the shape of ``z``; smooth.
            :class:`~pyrodgm.nn.ConcatSquashMLP`, say; ``context`` is ``None`` where ``context_dim`` is 0.
        shape_or_dim: Shape of one event, such as (channels, height, width), or its number of features.
        context_dim: Number of context features; 0 makes the map unconditional.
        solver: torchdiffeq's name of one: ``"dopri5"``, ``"dopri8"``, ``"bosh3"``, ``"fehlberg2"`` and
            ``"adaptive_heun"`` choose their steps by the tolerances, ``"euler"``, ``"midpoint"``, ``"heun2"``,
            ``"heun3"``, ``"rk4"``, ``"explicit_adams"``, ``"implicit_adams"`` and ``"fixed_adams"`` take equal ones;
            ``"scipy_solver"`` is scipy's.
        rtol: Relative tolerance of a step.
        atol: Absolute tolerance of a step.
        adjoint: How gradients come.
        trace: How the trace comes.
        probe: Hutchinson's vectors: of random signs, which vary less, or normal.
        num_probes: Their number.
        interval: The times :math:`t_0 < t_1`.
        step_size: Length in time of a fixed-step solver's steps; a twentieth of the interval if ``None``.
        eval_solver: The solver in evaluation mode, such as ``"dopri5"`` where training takes a few fixed steps, whose
            errors a report should be free of; ``solver`` if ``None``.
        kinetic_weight: Weight of the kinetic energy :math:`\int \|f\|^2 dt` in :attr:`penalty`.
        jacobian_weight: Weight of :math:`\int \|\partial f / \partial z\|_F^2\, dt` there, exact or estimated by the
            trace's own vectors.

    Attributes:
        penalty: The mean penalty of a datum of the last call in training mode with gradients, with its graph; ``None``
            before, and after it is consumed.
        settings: Solver, tolerances and adjoint; to change them, assign
            ``dataclasses.replace(bijection.settings, rtol=1e-7)``.
        eval_settings: Those of evaluation mode; ``None`` where they are the same.
        trace: As given; may be assigned, as are ``probe`` and ``num_probes``.

    Raises:
        ValueError: If a name is unknown, a number out of range, or the interval empty or reversed; when called, if the
            field returns another shape, the context or an event has another shape, or states are not finite.

    Example:
        >>> import torch
        >>> from pyrodgm import nn, transforms
        >>> continuous = transforms.Continuous(nn.ConcatSquashMLP(3, hidden_dims=(16,)), 3, adjoint="checkpoint")
        >>> y, ladj = continuous.forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape, continuous.num_evaluations > 0
        (torch.Size([5, 3]), torch.Size([5]), True)

    References:
        Chen, Rubanova, Bettencourt, Duvenaud (2018), Neural Ordinary Differential Equations,
        https://arxiv.org/abs/1806.07366; Grathwohl, Chen, Bettencourt, Sutskever, Duvenaud (2019), FFJORD,
        https://arxiv.org/abs/1810.01367; Finlay, Jacobsen, Nurbekyan, Oberman (2020), How to Train Your Neural ODE
        (the penalties), https://arxiv.org/abs/2002.02798; Zhuang et al. (2020), Adaptive Checkpoint Adjoint,
        https://arxiv.org/abs/2006.02493
    """

    penalty: Tensor | None

    def __init__(
        self,
        field: nn.Module,
        shape_or_dim: int | Sequence[int],
        *,
        context_dim: int = 0,
        solver: str = "dopri5",
        rtol: float = 1e-5,
        atol: float = 1e-5,
        adjoint: Adjoint | None = "torchdiffeq",
        trace: Trace = "auto",
        probe: Probe = "rademacher",
        num_probes: int = 1,
        interval: tuple[float, float] = (0.0, 1.0),
        step_size: float | None = None,
        eval_solver: str | None = None,
        kinetic_weight: float = 0.0,
        jacobian_weight: float = 0.0,
    ) -> None:
        shape = (shape_or_dim,) if isinstance(shape_or_dim, int) else tuple(shape_or_dim)
        check_event_shape(shape)
        super().__init__(event_dim=len(shape), context_dim=context_dim)
        if not isinstance(field, nn.Module):
            raise ValueError(
                f"Expected a field that is a torch module; got {type(field).__name__}. Write a module whose "
                "forward(t, z, context) is the field."
            )
        check_choice("trace", trace, get_args(Trace))
        check_choice("probe", probe, get_args(Probe))
        if num_probes < 1:
            raise ValueError(f"Expected num_probes of at least 1; got {num_probes}. Give how many vectors to draw.")
        start, end = interval
        if not (start < end and math.isfinite(start) and math.isfinite(end)):
            raise ValueError(
                f"Expected an interval of increasing finite times; got ({start}, {end}). The base is at the first, the "
                "data are at the second; turn the map round by .inv instead."
            )
        self.settings = SolverSettings(solver, rtol, atol, adjoint, None if step_size is None else float(step_size))
        self.eval_settings = None if eval_solver is None else self.settings.of_solver(eval_solver)
        self.weights = PenaltyWeights(kinetic_weight, jacobian_weight)
        self.event_shape = torch.Size(shape)
        self.field = field
        self.trace, self.probe, self.num_probes = trace, probe, num_probes
        self.interval = (float(start), float(end))
        self.penalty = None
        self._evaluations = Evaluations()

    @property
    def num_evaluations(self) -> int:
        """How often the field was evaluated to solve, in the last call."""
        return self._evaluations.forward

    @property
    def num_backward_evaluations(self) -> int:
        """How often the field was evaluated for the gradients of the last call; 0 through the solver's own graph."""
        return self._evaluations.backward

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Follow the field from the base to the data."""
        states, ladjs = self._follow(x, self.interval, context)
        return states[-1], ladjs[-1]

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Follow it back."""
        states, ladjs = self._follow(y, self.interval[::-1], context)
        return states[-1], ladjs[-1]

    def trajectory(self, z: Tensor, times: Sequence[float], context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        r"""Return the states at given times, and :math:`\log|\det \partial z(t_k) / \partial z(t_0)|` of each.

        With ``z`` drawn from the base at the first time of the interval, the density of a state is that of ``z`` less
        the log-determinant.

        Args:
            z: The state at the first of the times, ``(*batch, *event)``.
            times: At least one, each inside of the interval, in any order.
            context: ``(*batch', context_dim)`` or ``None``.

        Returns:
            ``(num_times, *batch, *event)`` and ``(num_times, *batch)``.

        Raises:
            ValueError: If there is no time, or one lies outside of the interval.

        Example:
            >>> import torch
            >>> from pyrodgm import nn, transforms
            >>> continuous = transforms.Continuous(nn.ConcatSquashMLP(2, hidden_dims=(16,)), 2)
            >>> states, ladj = continuous.trajectory(torch.randn(5, 2), [0.0, 0.5, 1.0])
            >>> states.shape, ladj.shape
            (torch.Size([3, 5, 2]), torch.Size([3, 5]))
        """
        start, end = self.interval
        times = [float(time) for time in times]
        if not times or not all(start <= time <= end for time in times):
            raise ValueError(f"Expected times in [{start:g}, {end:g}], at least one; got {times}. Choose some inside.")
        states, ladjs = self._follow(z, times, context)
        return torch.stack(states), torch.stack(ladjs)

    def _follow(self, z: Tensor, times: Sequence[float], context: Tensor | None) -> tuple[list[Tensor], list[Tensor]]:
        """Return the states at all times, ``z`` being that at the first, and the log-determinants up to each."""
        if torch.is_inference_mode_enabled():  # in which nothing can be differentiated, not even for a trace
            with torch.inference_mode(False), torch.no_grad():
                return self._follow(z.clone(), times, None if context is None else context.clone())
        z = self._broadcast(z, context)
        evaluations = self._evaluations = Evaluations()
        is_penalised = self.training and torch.is_grad_enabled() and bool(self.weights)
        weights = self.weights if is_penalised else None
        settings = self.settings if self.training or self.eval_settings is None else self.eval_settings
        directions = self._directions(z)
        total = z.new_zeros(1 if weights is None else 2, *z.shape[: z.dim() - self.event_dim])
        states, totals = [z], [total]
        for start, end in pairwise(times):
            if start != end and z.numel():
                sign = 1.0 if end > start else -1.0
                dynamics = Dynamics(self.field, context, directions, evaluations, weights=weights, sign=sign)
                z, integrals = integrate(dynamics, z, start, end, settings)
                total = total + integrals
            states.append(z)
            totals.append(total)
        evaluations.solved = True
        if not (torch.isfinite(z).all() and torch.isfinite(total).all()):
            raise ValueError(
                f"Expected finite states; got NaN or inf at the time {times[-1]:g}. See that the field is finite and "
                "bounded, or try a smaller step or tolerance."
            )
        if is_penalised and z.numel():
            self.penalty = total[1].mean()
        return states, [part[0] for part in totals]

    def _directions(self, z: Tensor) -> Directions:
        """Return what the field is differentiated along, drawn once for the whole solve."""
        is_small = self.trace == "auto" and self.event_shape.numel() <= EXACT_DIMS
        if self.trace == "exact" or is_small:
            return basis(z, self.event_dim)
        return draw(z, self.event_dim, self.num_probes, self.probe)

    def _broadcast(self, z: Tensor, context: Tensor | None) -> Tensor:
        """Return ``z`` expanded to the batch of the context.

        Raises:
            ValueError: If a shape is wrong, a context missing or superfluous, or ``z`` not finite.
        """
        if z.shape[z.dim() - self.event_dim :] != self.event_shape or z.dim() < self.event_dim:
            raise ValueError(
                f"Expected events of shape (*batch, {', '.join(map(str, self.event_shape))}); got {tuple(z.shape)}. "
                "Build the map with the shape of the events."
            )
        if not torch.isfinite(z).all():
            raise ValueError("Expected finite states; got NaN or inf to start from. Remove such rows.")
        if self.context_dim == 0:
            if context is not None:
                raise ValueError(
                    f"Expected no context; got one of shape {tuple(context.shape)}. Build the map with "
                    "context_dim > 0, or leave the context out."
                )
            return z
        if context is None or context.dim() == 0 or context.shape[-1] != self.context_dim:
            got = "None" if context is None else str(tuple(context.shape))
            raise ValueError(
                f"Expected context of shape (*batch, {self.context_dim}); got {got}. Pass a context of that shape."
            )
        batch = torch.broadcast_shapes(z.shape[: z.dim() - self.event_dim], context.shape[:-1])
        return z.expand(*batch, *self.event_shape)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the penalty out of copies: its graph is of the parameters that it came from."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return {**state, "penalty": None}


def check_event_shape(shape: tuple[int, ...]) -> None:
    """Refuse the shape of no event.

    Raises:
        ValueError: If it has no dimension, or one of no size.
    """
    if not shape or any(not isinstance(size, int) or size < 1 for size in shape):
        raise ValueError(f"Expected shape_or_dim of positive sizes; got {shape}. Name the shape of one event.")


def check_choice(name: str, value: str, known: Sequence[str]) -> None:
    """Refuse an unknown name.

    Raises:
        ValueError: Naming those that are known.
    """
    if value not in known:
        raise ValueError(f"Expected {name} to be one of {', '.join(map(repr, known))}; got {value!r}. Choose one.")
