"""What a solver integrates: the velocity of a state, and the rates of what adds up along its path."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pyrodgm.nn.vector_field import FieldAtTime, VectorField, forward_mode
from pyrodgm.transforms.continuous.directions import Directions


@dataclass
class Evaluations:
    """How often a field was evaluated for one call.

    Args:
        forward: Times, to solve.
        backward: Times, to differentiate.
        solved: Whether what comes now is differentiation.
    """

    forward: int = 0
    backward: int = 0
    solved: bool = False

    def count(self) -> None:
        """Count one."""
        if self.solved:
            self.backward += 1
        else:
            self.forward += 1


@dataclass(frozen=True)
class PenaltyWeights:
    r"""Weights of the penalties of a path, :math:`\int \lambda_K \|f\|^2 + \lambda_J \|\partial f / \partial z\|_F^2`.

    Args:
        kinetic: Weight :math:`\lambda_K` of the kinetic energy.
        jacobian: Weight :math:`\lambda_J` of the Jacobian's squared Frobenius norm.

    Raises:
        ValueError: If a weight is negative.
    """

    kinetic: float = 0.0
    jacobian: float = 0.0

    def __post_init__(self) -> None:
        for name, weight in (("kinetic_weight", self.kinetic), ("jacobian_weight", self.jacobian)):
            if not weight >= 0:
                raise ValueError(f"Expected {name} of at least 0; got {weight}. 0 leaves the penalty out.")

    def __bool__(self) -> bool:
        """Whether anything is penalised."""
        return self.kinetic > 0 or self.jacobian > 0


class Dynamics(nn.Module):
    r"""One solve's differential equation: :math:`\dot z = f(t, z, c)` and what is integrated along it.

    The first integral is that of the Jacobian's trace, the log-determinant; with penalties, the second is theirs. They
    do not act back on the state.

    The parameters that the field has now are the ones that later evaluations use, for gradients, whatever has taken
    their place since: a field that was called under ``torch.func.functional_call`` is differentiated at what it was
    called with.

    Args:
        field: A module called as ``field(t, z, context)``.
        context: ``(*batch', context_dim)`` or ``None``.
        directions: Along which the field is differentiated.
        evaluations: Where evaluations are counted.
        weights: Of the penalties; ``None`` for no penalties.
        sign: 1.0 forward in time and -1.0 backward, so that penalties add up.
    """

    def __init__(
        self,
        field: nn.Module,
        context: Tensor | None,
        directions: Directions,
        evaluations: Evaluations,
        *,
        weights: PenaltyWeights | None = None,
        sign: float = 1.0,
    ) -> None:
        super().__init__()
        self.field = field
        self.context = context
        self.directions = directions
        self.evaluations = evaluations
        self.weights = weights
        self.sign = sign
        self._held = dict(field.named_parameters())
        self._places = [
            (part._parameters, name, parameter)
            for part in field.modules()
            for name, parameter in part._parameters.items()
        ]

    @property
    def num_integrals(self) -> int:
        """Number of quantities that are integrated along the path."""
        return 1 if self.weights is None else 2

    def differentiated(self) -> tuple[Tensor, ...]:
        """Return what gradients go to besides the state: the context and the parameters that ask for one."""
        context = [] if self.context is None else [self.context]
        return tuple(tensor for tensor in (*context, *self._held.values()) if tensor.requires_grad)

    def zeros(self, z: Tensor) -> Tensor:
        """Return where the integrals start, ``(num_integrals, *batch)``."""
        return z.new_zeros(self.num_integrals, *z.shape[: z.dim() - self.directions.event_dim])

    def at(self, t: Tensor | float, z: Tensor, *, with_rates: bool = True) -> tuple[Tensor, Tensor | None]:
        """Evaluate the field once, at the time ``t``; see :meth:`evaluate`."""
        times = t.reshape(1) if isinstance(t, Tensor) else z.new_full((1,), t)
        return self.evaluate(self.at_times(times)[0], z, with_rates=with_rates)

    def at_times(self, times: Tensor) -> Sequence[FieldAtTime]:
        """Return the field held at several times, ``(num_times,)``, where :meth:`evaluate` evaluates it."""
        if isinstance(field := self.field, VectorField):
            return cast(Sequence[FieldAtTime], self._as_called(lambda: field.at_times(times, self.context)))
        return [self._by_forward_mode(t) for t in times.unbind()]

    def evaluate(self, field: FieldAtTime, z: Tensor, *, with_rates: bool = True) -> tuple[Tensor, Tensor | None]:
        """Evaluate the field once.

        Args:
            field: As :meth:`at_times` holds it.
            z: ``(*batch, *event)``.
            with_rates: Whether the integrals' rates are asked for as well.

        Returns:
            The velocity ``(*batch, *event)``, and the rates ``(num_integrals, *batch)`` or ``None``.

        Raises:
            ValueError: If the field returns another shape than that of ``z``.
        """
        self.evaluations.count()
        return self._as_called(lambda: self._velocity_and_rates(field, z, with_rates=with_rates))

    def _as_called(self, function: Callable[[], Any]) -> Any:
        """Call a function with the parameters that the field had when the solve began."""
        if all(table.get(name) is parameter for table, name, parameter in self._places):
            return function()
        held: dict[str, Tensor] = {f"field.{name}": parameter for name, parameter in self._held.items()}
        return functional_call(self, held, (function,))

    def forward(self, function: Callable[[], Any]) -> Any:
        """Call a function: what torch's ``functional_call`` calls with other parameters in their places."""
        return function()

    def _velocity_and_rates(self, field: FieldAtTime, z: Tensor, *, with_rates: bool) -> tuple[Tensor, Tensor | None]:
        if not with_rates:
            return self._checked(field.velocity(z), z), None
        velocity, products = field.velocity_and_products(z, self.directions.tangents)
        velocity = self._checked(velocity, z)
        rate = self.directions.trace(products)
        if self.weights is None:
            return velocity, rate.unsqueeze(0)
        return velocity, torch.stack((rate, self._penalty(velocity, products)))

    def _by_forward_mode(self, t: Tensor) -> FieldAtTime:
        """Return a field that is any module, held at one time."""

        def velocity(z: Tensor) -> Tensor:
            return cast(Tensor, self.field(t, z, self.context))

        return FieldAtTime(velocity, partial(forward_mode, velocity))

    def _checked(self, velocity: Tensor, z: Tensor) -> Tensor:
        if velocity.shape != z.shape:
            raise ValueError(
                f"Expected the field to return the shape of z, {tuple(z.shape)}; got {tuple(velocity.shape)} from "
                f"{type(self.field).__name__}. Give a field from R^D to R^D that keeps batch dimensions."
            )
        return velocity

    def _penalty(self, velocity: Tensor, products: Tensor) -> Tensor:
        weights = self.weights or PenaltyWeights()
        total: Tensor | float = 0.0
        if weights.kinetic:
            dims = tuple(range(-self.directions.event_dim, 0))
            total = total + weights.kinetic * velocity.square().sum(dims)
        if weights.jacobian:
            total = total + weights.jacobian * self.directions.square_norm(products)
        return self.sign * torch.as_tensor(total)
