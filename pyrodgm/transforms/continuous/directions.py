"""Vectors along which a field is differentiated, and what the products say of its Jacobian."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Probe = Literal["rademacher", "gaussian"]


@dataclass(frozen=True)
class Directions:
    r"""All unit vectors, or random ones with :math:`E[v v^\top] = I`, drawn once and kept for a whole solve.

    Args:
        tangents: ``(num_tangents, *batch, *event)``; unit vectors have batch dimensions of 1.
        event_dim: Number of dimensions of an event.
        is_basis: Whether these are all unit vectors, in order.
    """

    tangents: Tensor
    event_dim: int
    is_basis: bool

    def trace(self, products: Tensor) -> Tensor:
        r"""Return :math:`\mathrm{tr} J`, or its estimate :math:`\frac1K \sum_k v_k^\top J v_k`.

        Args:
            products: :math:`J v_k`, ``(num_tangents, *batch, *event)``.

        Returns:
            ``(*batch)``.
        """
        if self.is_basis:
            return products.flatten(-self.event_dim).diagonal(dim1=0, dim2=-1).sum(-1)
        return self._mean(self.tangents * products)

    def square_norm(self, products: Tensor) -> Tensor:
        r"""Return :math:`\|J\|_F^2`, or its estimate :math:`\frac1K \sum_k \|J v_k\|^2`, of shape ``(*batch)``."""
        squares = products.square()
        return squares.sum(self._dims) if self.is_basis else self._mean(squares)

    @property
    def _dims(self) -> tuple[int, ...]:
        return (0, *range(-self.event_dim, 0))

    def _mean(self, values: Tensor) -> Tensor:
        total, num = values.sum(self._dims), len(self.tangents)
        return total if num == 1 else total / num


def basis(z: Tensor, event_dim: int) -> Directions:
    """Return all unit vectors of the events of ``z``, ``(*batch, *event)``: with them the trace is exact."""
    event = z.shape[z.dim() - event_dim :]
    units = torch.eye(event.numel(), dtype=z.dtype, device=z.device)
    return Directions(units.reshape(-1, *[1] * (z.dim() - event_dim), *event), event_dim, is_basis=True)


def draw(z: Tensor, event_dim: int, num_probes: int, probe: Probe) -> Directions:
    """Draw vectors, of signs or normal, for each row of ``z``, ``(*batch, *event)``."""
    shape = (num_probes, *z.shape)
    if probe == "gaussian":
        tangents = torch.randn(shape, dtype=z.dtype, device=z.device)
    else:
        tangents = torch.randint(0, 2, shape, dtype=z.dtype, device=z.device).mul_(2).sub_(1)
    return Directions(tangents, event_dim, is_basis=False)
