"""What is known of a component's weights, given data."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.flat_weights import FlatWeights
from pyrodgm.infer.inference_data import to_inference_data

if TYPE_CHECKING:
    from arviz import InferenceData


class Posterior(ABC):
    r"""A distribution of the weights :math:`\theta` given data, exact in the limit (NUTS) or an approximation.

    Weights are dicts of tensors by the parameters' names. Some parameters live on a part of the real line only, a
    scale or a probability say; every posterior works on unconstrained numbers, one vector :math:`u` for all weights.

    Args:
        bayesian: The component and its prior.

    Attributes:
        bayesian: The component and its prior.
        flat: How weights lie in one unconstrained vector.
        has_density: Whether there is a :meth:`log_density`.
        log_evidence: An estimate of :math:`\log p(x)` in nats that came with the fit, or ``None``.
        losses: What was minimised, in nats, after each step; empty where nothing was.
        seconds: Time that the fit took.
    """

    has_density = True

    def __init__(self, bayesian: Bayesian) -> None:
        self.bayesian = bayesian
        self.flat = FlatWeights(bayesian)
        self.log_evidence: float | None = None
        self.losses: list[float] = []
        self.seconds = 0.0

    @abstractmethod
    def draw_flat(self, num: int) -> Tensor:
        """Draw unconstrained weights ``(num, num_weights)``, without gradients."""

    @abstractmethod
    def point_flat(self) -> Tensor:
        """Return the one unconstrained vector ``(num_weights,)`` that stands for all."""

    def log_density_flat(self, u: Tensor) -> Tensor:
        """Return the log-density of unconstrained weights ``(*batch, num_weights)``, in nats.

        Raises:
            ValueError: If this posterior has none.
        """
        raise ValueError(
            f"Expected a posterior with a density; {type(self).__name__} has none. "
            "Use laplace, mean_field, low_rank or flow_posterior."
        )

    def draw(self, num: int) -> dict[str, Tensor]:
        """Draw weights.

        Args:
            num: How many.

        Returns:
            ``(num, *shape)`` of each.
        """
        return self.flat.weights(self.draw_flat(num))

    def representatives(self, num: int) -> dict[str, Tensor]:
        """Return weights whose average stands for the posterior's: draws, or all there are if these are few.

        Args:
            num: How many at most.
        """
        return self.draw(num)

    def point(self) -> dict[str, Tensor]:
        """Return one set of weights that stands for all, the mode or the mean: the Dirac approximation."""
        return self.flat.weights(self.point_flat())

    @torch.no_grad()
    def log_density(self, weights: dict[str, Tensor]) -> Tensor:
        """Return the log-density of weights, in nats.

        Args:
            weights: ``(*batch, *shape)`` each.

        Returns:
            ``batch``.

        Raises:
            ValueError: If this posterior has none.
        """
        u = self.flat.vector(weights)
        return self.log_density_flat(u) - self.flat.log_jacobian(u)

    def draws_by_chain(self, num: int) -> dict[str, Tensor]:
        """Return draws ``(num_chains, num_draws, *shape)`` of each weight; independent draws are one chain."""
        return {name: value[None] for name, value in self.draw(num).items()}

    def to_inference_data(self, x: Tensor, context: Tensor | None = None, *, num_draws: int = 1000) -> "InferenceData":
        """Return what ArviZ works on: groups ``posterior``, ``log_likelihood`` and ``observed_data``; needs ArviZ.

        Args:
            x: ``(num_rows, *event_shape)``.
            context: ``(num_rows, *context_shape)`` or ``None``.
            num_draws: Number of draws.

        Raises:
            ImportError: If ArviZ is absent.
        """
        return to_inference_data(self, x, context, num_draws=num_draws)
