"""The negative ELBO of any reparameterized approximation, with its gradient."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pyrodgm.infer.energy import Energy

Draw = Callable[[int], tuple[Tensor, Tensor]]


class VariationalSteps:
    r"""Estimates :math:`E_q[-\log p(x \mid \theta(u))] + \mathrm{KL}(q \,\|\, p)`.

    Args:
        energy: The negative log-likelihood.
        values: What the approximation is made of.
        draw: Returns so many unconstrained weights ``(num, num_weights)`` with gradients, and what is to be added to
            the mean energy for the negative ELBO: the divergence from a gaussian prior; of any other prior, which is
            scored here, minus the entropy.
        num_particles: Draws a step.
    """

    def __init__(self, energy: Energy, values: Sequence[Tensor], draw: Draw, num_particles: int) -> None:
        self.energy, self.values, self.draw, self.num_particles = energy, values, draw, num_particles

    def __call__(self) -> Tensor:
        """Return the negative ELBO in nats, and set the gradients of the values."""
        energy, flat = self.energy, self.energy.flat
        for value in self.values:
            value.grad = None
        with torch.enable_grad():
            u, rest = self.draw(self.num_particles)
        gradients = torch.empty_like(u, requires_grad=False)
        total = rest.detach()
        for particle, gradient in zip(u.detach(), gradients, strict=True):
            energy.u.copy_(particle)
            loss = energy()
            if flat.gaussian is None:
                loss = loss + flat.add_prior(energy.u, energy.gradient)
            total = total + loss / self.num_particles
            torch.div(energy.gradient, self.num_particles, out=gradient)
        torch.autograd.backward([u, rest], [gradients, torch.ones_like(rest)])
        return total
