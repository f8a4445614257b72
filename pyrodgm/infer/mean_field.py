"""Independent normals for the weights, by variational inference."""

import math
import time

import torch
from torch import Tensor

from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.descend import descend
from pyrodgm.infer.energy import Energy
from pyrodgm.infer.flat_weights import LOG_TWO_PI, FlatWeights
from pyrodgm.infer.mean_field_steps import MeanFieldSteps
from pyrodgm.infer.posterior import Posterior


class MeanField(Posterior):
    """Independent normals over unconstrained weights, made by :func:`mean_field`.

    Attributes:
        loc: Means ``(num_weights,)``.
        log_scale: Logarithms of the standard deviations ``(num_weights,)``.
    """

    def __init__(self, bayesian: Bayesian, loc: Tensor, log_scale: Tensor) -> None:
        super().__init__(bayesian)
        self.loc, self.log_scale = loc, log_scale

    def draw_flat(self, num: int) -> Tensor:
        """Draw unconstrained weights ``(num, num_weights)``."""
        return self.loc + self.log_scale.exp() * torch.randn(num, *self.loc.shape, dtype=self.loc.dtype).to(self.loc)

    def point_flat(self) -> Tensor:
        """Return the means."""
        return self.loc

    def log_density_flat(self, u: Tensor) -> Tensor:
        """Return the log-density of unconstrained weights ``(*batch, num_weights)``, in nats."""
        squares = ((u - self.loc) * torch.exp(-self.log_scale)).square()
        return -0.5 * squares.sum(-1) - self.log_scale.sum() - 0.5 * LOG_TWO_PI * self.loc.numel()


@torch.no_grad()
def mean_field(
    bayesian: Bayesian,
    x: Tensor,
    context: Tensor | None = None,
    *,
    num_steps: int = 2000,
    lr: float = 1e-2,
    batch_size: int | None = None,
    num_particles: int = 1,
    initial_scale: float = 0.05,
) -> MeanField:
    r"""Variational inference with :math:`q(\theta) = \prod_j N(\theta_j \mid \mu_j, \sigma_j^2)`.

    It minimises :math:`E_q[-\log p(x \mid \theta)] + \mathrm{KL}(q \,\|\, p)`, the negative ELBO. Weights that are
    correlated in the posterior get scales that are too small: of a normal posterior with precision :math:`\Lambda`,
    the best are :math:`\Lambda_{jj}^{-1/2}`. Constrained weights are normal in unconstrained numbers.

    Args:
        bayesian: The component and its prior.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        num_steps: Number of steps of Adam.
        lr: Its step size at the start; it falls along a cosine to zero.
        batch_size: Rows a step, whose log-likelihoods are scaled up to all rows; ``None`` takes all.
        num_particles: Draws of the weights a step.
        initial_scale: Standard deviations at the start.

    Returns:
        The approximation; ``losses`` are estimates of the negative ELBO in nats. Of many weights, the divergence in it
        is that of every tenth step.

    Raises:
        ValueError: If data or a number are not as expected.
        FloatingPointError: If a loss or a gradient is not finite.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, infer
        >>> posterior = infer.mean_field(infer.bayesian(flows.realnvp(3), 1.0), torch.randn(20, 3), num_steps=2)
        >>> posterior.loc.shape == posterior.log_scale.shape
        True

    References:
        Graves (2011), Practical Variational Inference for Neural Networks;
        Blundell, Cornebise, Kavukcuoglu, Wierstra (2015), Weight Uncertainty in Neural Networks,
        https://arxiv.org/abs/1505.05424
    """
    check_variational(num_particles, initial_scale)
    start = time.perf_counter()
    flat = FlatWeights(bayesian)
    with Energy(bayesian, flat, x, context, batch_size) as energy:
        steps = MeanFieldSteps(energy, initial_scale, num_particles)
        losses = descend([steps.loc, steps.log_scale], steps, num_steps=num_steps, lr=lr)
    posterior = MeanField(bayesian, steps.loc, steps.log_scale)
    posterior.losses, posterior.seconds = losses, time.perf_counter() - start
    return posterior


def check_variational(num_particles: int, initial_scale: float) -> None:
    """Refuse numbers out of range.

    Raises:
        ValueError: Naming the number.
    """
    if num_particles < 1:
        raise ValueError(f"Expected num_particles of at least 1; got {num_particles}. Give how many draws to average.")
    if not 0 < initial_scale < math.inf:
        raise ValueError(f"Expected initial_scale > 0; got {initial_scale}. It is a standard deviation of weights.")
