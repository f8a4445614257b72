"""A normalizing flow over the weights, by variational inference."""

import time
from typing import cast

import torch
from torch import Tensor, nn

from pyrodgm.flows import Flow, realnvp
from pyrodgm.flows.flow import FlowDistribution
from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.descend import descend
from pyrodgm.infer.energy import Energy
from pyrodgm.infer.flat_weights import FlatWeights
from pyrodgm.infer.mean_field import check_variational
from pyrodgm.infer.mean_field_steps import MeanFieldSteps
from pyrodgm.infer.posterior import Posterior
from pyrodgm.infer.variational_steps import VariationalSteps

INITIAL_SCALE = 0.05


class FlowPosterior(Posterior):
    """Unconstrained weights ``loc + scale * v`` with ``v`` of a flow, made by :func:`flow_posterior`.

    Attributes:
        flow: The flow.
        loc: ``(num_weights,)``.
        log_scale: ``(num_weights,)``.
    """

    def __init__(self, bayesian: Bayesian, flow: Flow, loc: Tensor, log_scale: Tensor) -> None:
        super().__init__(bayesian)
        self.flow, self.loc, self.log_scale = flow, loc, log_scale

    @torch.no_grad()
    def draw_flat(self, num: int) -> Tensor:
        """Draw unconstrained weights ``(num, num_weights)``."""
        return self.loc + self.log_scale.exp() * self.flow().sample((num,))

    @torch.no_grad()
    def point_flat(self) -> Tensor:
        """Return the mean of a thousand draws."""
        return self.draw_flat(1000).mean(0)

    def log_density_flat(self, u: Tensor) -> Tensor:
        """Return the log-density of unconstrained weights ``(*batch, num_weights)``, in nats."""
        return self.flow().log_prob((u - self.loc) * torch.exp(-self.log_scale)) - self.log_scale.sum()


def flow_posterior(
    bayesian: Bayesian,
    x: Tensor,
    context: Tensor | None = None,
    *,
    flow: Flow | None = None,
    num_steps: int = 2000,
    lr: float = 1e-2,
    batch_size: int | None = None,
    num_particles: int = 8,
) -> FlowPosterior:
    r"""Variational inference with a flow :math:`q(\theta)`: skewed, correlated or curved posteriors.

    Weights are :math:`\mu + \sigma \odot v` with :math:`v` of the flow, which has only to bend: as many steps of
    :func:`mean_field` before set where it starts.

    Args:
        bayesian: The component and its prior.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        flow: An unconditional flow over ``num_weights`` features, trained in place. By default a ``realnvp`` of four
            layers, which is a normal where there is one weight alone.
        num_steps: Number of steps of Adam.
        lr: Its step size at the start, a tenth of it for the flow; it falls along a cosine to zero.
        batch_size: Rows a step, whose log-likelihoods are scaled up to all rows; ``None`` takes all.
        num_particles: Draws of the weights a step.

    Returns:
        The approximation; ``losses`` are estimates of the negative ELBO in nats.

    Raises:
        ValueError: If data, the flow or a number are not as expected.
        FloatingPointError: If a loss or a gradient is not finite.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, infer
        >>> bayes = infer.bayesian(flows.realnvp(2, num_layers=2, hidden_dims=(4,)), 1.0)
        >>> posterior = infer.flow_posterior(bayes, torch.randn(20, 2), num_steps=2, num_particles=2)
        >>> len(posterior.losses)
        2

    References:
        Rezende, Mohamed (2015), Variational Inference with Normalizing Flows, https://arxiv.org/abs/1505.05770;
        Louizos, Welling (2017), Multiplicative Normalizing Flows for Variational Bayesian Neural Networks,
        https://arxiv.org/abs/1703.01961
    """
    check_variational(num_particles, INITIAL_SCALE)
    begin = time.perf_counter()
    flat = FlatWeights(bayesian)
    with Energy(bayesian, flat, x, context, batch_size) as energy:
        start = MeanFieldSteps(energy, INITIAL_SCALE, num_particles)
        with torch.no_grad():
            descend([start.loc, start.log_scale], start, num_steps=num_steps, lr=lr)
        loc, log_scale = start.loc.requires_grad_(), start.log_scale.requires_grad_()
        flow = flow_over(flow, flat.num_weights).to(device=loc.device, dtype=loc.dtype)

        def draw(num: int) -> tuple[Tensor, Tensor]:
            v, log_density = cast(FlowDistribution, flow()).rsample_and_log_prob((num,))
            u = loc + log_scale.exp() * v
            rest = log_density.mean() - log_scale.sum()
            return u, rest if flat.gaussian is None else rest - flat.gaussian.log_prob(u).mean()

        networks = [parameter for parameter in flow.parameters() if parameter.requires_grad]
        steps = VariationalSteps(energy, [loc, log_scale, *networks], draw, num_particles)
        with torch.no_grad():
            losses = descend([loc, log_scale], steps, num_steps=num_steps, lr=lr, summed=networks)
    posterior = FlowPosterior(bayesian, flow, loc.detach(), log_scale.detach())
    posterior.losses, posterior.seconds = losses, time.perf_counter() - begin
    return posterior


def flow_over(flow: Flow | None, num_weights: int) -> Flow:
    """Return the flow, or one by default, over so many weights.

    Raises:
        ValueError: If it is over something else, or takes a context.
    """
    if flow is None:
        return realnvp(num_weights, num_layers=4, activation=nn.SiLU)
    if flow.event_shape != (num_weights,) or flow.context_shape:
        raise ValueError(
            f"Expected an unconditional flow over ({num_weights},), the weights; got event_shape "
            f"{tuple(flow.event_shape)} and context_shape {flow.context_shape}. Build it with input_dim={num_weights}."
        )
    return flow
