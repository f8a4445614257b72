"""Coupling: one half of the features sets how the other half moves."""

import torch
from torch import Tensor, cat, nn
from torch.distributions import constraints

from pyrodgm.transforms.bijection import Bijection, broadcast_event, check_input_dim
from pyrodgm.transforms.univariate.base import Univariate


class Coupling(Bijection):
    r""":math:`y_a = x_a,\; y_b = f(x_b; \theta(x_a, c))`: the conditioner runs once in either direction.

    Halves are slices, never index lists. Of one feature, that feature moves, by the context alone.

    Args:
        input_dim: Number :math:`D` of features; the first :math:`\lfloor D/2 \rfloor` stay.
        univariate: The family that moves the others.
        conditioner: A net ``(x_a, context) -> (*batch, num_params * D_b)``, kind by kind:
            ``D_b`` values of the first parameter, then of the second.
        flip: Whether the last :math:`\lceil D/2 \rceil` stay instead.
        context_dim: Number of context features.

    Raises:
        ValueError: If no feature moves; when called, if events are of another width.

    Example:
        >>> import torch
        >>> from pyrodgm import nn, transforms
        >>> coupling = transforms.Coupling(3, transforms.Affine(), nn.MLP(1, 2 * 2))
        >>> y, ladj = coupling.forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, eq. 4-8,
        https://arxiv.org/abs/1605.08803
    """

    def __init__(
        self,
        input_dim: int,
        univariate: Univariate,
        conditioner: nn.Module,
        *,
        flip: bool = False,
        context_dim: int = 0,
    ) -> None:
        super().__init__(context_dim=context_dim)
        check_input_dim(input_dim)
        self.input_dim = input_dim
        self.univariate = univariate
        self.conditioner = conditioner
        self.flip = flip
        self.boundary = input_dim // 2
        self.num_moving = moving_dim(input_dim, flip=flip)
        if not self.num_moving:
            raise ValueError(f"Expected features that move; got {input_dim} with flip=True. Build it with flip=False.")

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> constraints.Constraint:
        """What the family takes where features move, anything where they stay."""
        return self._beside_real(self.univariate.domain)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> constraints.Constraint:
        """What the family returns where features move, anything where they stay."""
        return self._beside_real(self.univariate.codomain)

    def _beside_real(self, moved: constraints.Constraint) -> constraints.Constraint:
        if moved is constraints.real:
            return constraints.real_vector
        parts = [(constraints.real, self.input_dim - self.num_moving), (moved, self.num_moving)]
        kinds, lengths = zip(*[part for part in (parts[::-1] if self.flip else parts) if part[1]], strict=True)
        return constraints.independent(constraints.cat(kinds, dim=-1, lengths=lengths), 1)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.shape[-1] != self.input_dim:
            raise ValueError(
                f"Expected events of shape (*batch, {self.input_dim}); got {tuple(x.shape)}. "
                "Build the coupling with the width of the events."
            )
        first, last = x.split_with_sizes((self.boundary, self.input_dim - self.boundary), -1)  # its gradient is one cat
        staying, moving = (last, first) if self.flip else (first, last)
        # The conditioner keeps its input for gradients: a copy, not a view that would keep the whole of x alive.
        return staying.contiguous() if torch.is_grad_enabled() else staying, moving

    def _join(self, staying: Tensor, moved: Tensor) -> Tensor:
        staying = broadcast_event(staying, moved)
        return cat((moved, staying) if self.flip else (staying, moved), -1)

    def _params(self, staying: Tensor, context: Tensor | None) -> Tensor:
        flat = self.conditioner(staying, context)  # (*batch, num_params * D_b)
        return flat.reshape(*flat.shape[:-1], self.univariate.num_params, self.num_moving).mT

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Move one half."""
        staying, moving = self._split(x)
        moved, ladj = self.univariate.forward_and_ladj(moving, self._params(staying, context))
        return self._join(staying, moved), ladj.sum(-1)

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Move it back."""
        staying, moved = self._split(y)
        moving, ladj = self.univariate.inverse_and_ladj(moved, self._params(staying, context))
        return self._join(staying, moving), ladj.sum(-1)


def moving_dim(input_dim: int, *, flip: bool) -> int:
    """Return how many features a coupling moves."""
    return input_dim // 2 if flip else input_dim - input_dim // 2
