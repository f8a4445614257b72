"""The weights of the largest posterior density."""

import time

import torch
from torch import Tensor

from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.descend import descend
from pyrodgm.infer.energy import Energy
from pyrodgm.infer.flat_weights import FlatWeights
from pyrodgm.infer.posterior import Posterior


class MAPEstimate(Posterior):
    """A posterior of one point, made by :func:`map_estimate`."""

    has_density = False

    def __init__(self, bayesian: Bayesian, mode: Tensor) -> None:
        super().__init__(bayesian)
        self.mode = mode

    def draw_flat(self, num: int) -> Tensor:
        """Return the point, ``num`` times."""
        return self.mode.expand(num, -1)

    def point_flat(self) -> Tensor:
        """Return the point."""
        return self.mode

    def representatives(self, num: int) -> dict[str, Tensor]:
        """Return the point once."""
        return self.draw(1)


def map_estimate(
    bayesian: Bayesian,
    x: Tensor,
    context: Tensor | None = None,
    *,
    num_steps: int = 2000,
    lr: float = 1e-2,
    batch_size: int | None = None,
) -> MAPEstimate:
    r"""Maximum a posteriori: :math:`\theta^* = \arg\max_\theta \log p(x \mid \theta) + \log p(\theta)`.

    By Adam from the component's own parameters, which stay as they are. With a flat prior it is maximum likelihood.
    Where a weight is constrained, a scale or a probability, the density is that of the weight itself.

    Args:
        bayesian: The component and its prior.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        num_steps: Number of steps of Adam.
        lr: Its step size at the start; it falls along a cosine to zero.
        batch_size: Rows a step, whose log-likelihoods are scaled up to all rows; ``None`` takes all.

    Returns:
        The Dirac posterior; ``losses`` are :math:`-\log p(x, \theta)` in nats.

    Raises:
        ValueError: If data or a number are not as expected.
        FloatingPointError: If a loss or a gradient is not finite.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, infer
        >>> posterior = infer.map_estimate(infer.bayesian(flows.realnvp(3), 1.0), torch.randn(20, 3), num_steps=2)
        >>> len(posterior.losses)
        2
    """
    start = time.perf_counter()
    flat = FlatWeights(bayesian)
    mode, losses = find_mode(bayesian, flat, x, context, num_steps=num_steps, lr=lr, batch_size=batch_size)
    posterior = MAPEstimate(bayesian, mode)
    posterior.losses, posterior.seconds = losses, time.perf_counter() - start
    return posterior


@torch.no_grad()
def find_mode(
    bayesian: Bayesian,
    flat: FlatWeights,
    x: Tensor,
    context: Tensor | None,
    *,
    num_steps: int,
    lr: float,
    batch_size: int | None,
    jacobian: bool = False,
    start: Tensor | None = None,
) -> tuple[Tensor, list[float]]:
    """Return the unconstrained weights of the largest density, and the losses.

    Args:
        bayesian: The component and its prior.
        flat: The layout of its weights.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        num_steps: Number of steps of Adam.
        lr: Its step size at the start.
        batch_size: Rows a step, or ``None``.
        jacobian: Whether the density is that of the unconstrained weights.
        start: Where to start; by default at the component's own parameters.
    """
    with Energy(bayesian, flat, x, context, batch_size) as energy:
        if start is not None:
            energy.u.copy_(start)
        energy.u.grad = energy.gradient

        def evaluate() -> Tensor:
            loss = energy()
            return loss + flat.add_prior(energy.u, energy.gradient, jacobian=jacobian)

        losses = descend([energy.u], evaluate, num_steps=num_steps, lr=lr)
        return energy.u.clone(), losses
