"""Vector fields in time, and products with their Jacobians in the same pass."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class FieldAtTime:
    """A field held at one time and one context.

    Args:
        velocity: Maps ``z`` to the velocity.
        velocity_and_products: Maps ``(z, tangents)`` to the velocity and the products with its Jacobian.
    """

    velocity: Callable[[Tensor], Tensor]
    velocity_and_products: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class VectorField(nn.Module, ABC):
    r"""A velocity :math:`f(t, z, c)` at every point, whose Jacobian in :math:`z` can be multiplied by vectors.

    Subclasses write :meth:`forward`. :meth:`forward_and_jvp` comes by torch's forward mode; a field that writes it out
    saves the overhead of that at each of the many evaluations of a solver, and one that writes :meth:`at_times` does
    once for all stages of a step what depends on the time and the context alone.
    """

    @abstractmethod
    def forward(self, t: Tensor, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the velocity.

        Args:
            t: The time, ``()``.
            z: ``(*batch, *event)``.
            context: ``(*batch', context_dim)``, broadcast against ``batch``.

        Returns:
            ``(*batch, *event)``.
        """

    def forward_and_jvp(
        self, t: Tensor, z: Tensor, tangents: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        r"""Return the velocity and :math:`\frac{\partial f}{\partial z} v` for several vectors :math:`v`.

        Args:
            t: The time, ``()``.
            z: ``(*batch, *event)``.
            tangents: ``(num_tangents, *batch, *event)``; batch dimensions may be 1.
            context: ``(*batch', context_dim)``, broadcast against ``batch``.

        Returns:
            ``(*batch, *event)`` and ``(num_tangents, *batch, *event)``.
        """
        return forward_mode(lambda value: self(t, value, context), z, tangents)

    def at_times(self, times: Tensor, context: Tensor | None = None) -> Sequence[FieldAtTime]:
        """Return the field held at each of several times.

        Args:
            times: ``(num_times,)``.
            context: ``(*batch', context_dim)``, broadcast against the batch of each ``z``.
        """

        def at(t: Tensor) -> FieldAtTime:
            return FieldAtTime(
                lambda z: self(t, z, context), lambda z, tangents: self.forward_and_jvp(t, z, tangents, context)
            )

        return [at(t) for t in times.unbind()]


def forward_mode(function: Callable[[Tensor], Tensor], z: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``function(z)`` and the products of its Jacobian with tangents, all in one pass.

    Both carry gradients to ``z`` and to whatever ``function`` depends on.

    Args:
        function: ``(*shape) -> (*shape)``.
        z: ``(*shape)``.
        tangents: ``(num_tangents, *shape)``, or what expands to it.
    """
    if torch.is_inference_mode_enabled():  # which switches derivatives of either mode off
        with torch.inference_mode(False), torch.no_grad():
            return forward_mode(function, z.clone(), tangents.clone())
    load_forward_mode()
    tangents = tangents.expand(len(tangents), *z.shape)

    def along(tangent: Tensor) -> tuple[Tensor, Tensor]:
        return cast(tuple[Tensor, Tensor], torch.func.jvp(function, (z,), (tangent,)))

    if len(tangents) == 1:
        value, product = along(tangents[0])
        return value, product.unsqueeze(0)
    values, products = torch.func.vmap(along)(tangents)
    return values[0], products


@cache
def load_forward_mode() -> None:
    """Let torch load its rules of forward mode, once; it compiles some by means that it warns of itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.func.jvp(torch.sin, (torch.zeros(()),), (torch.ones(()),))
