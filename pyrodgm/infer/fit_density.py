"""Fitting a flow to a density known up to a constant."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pyrodgm.conditional import Conditional
from pyrodgm.infer.reverse_kl import ReverseKL

FIRST_BETA = 0.01  # where annealing starts
MAX_GRADIENT_NORM = 10.0


def fit_density(
    conditional: Conditional,
    log_density: Callable[..., Tensor],
    *,
    num_steps: int,
    lr: float = 1e-3,
    num_particles: int = 256,
    anneal_steps: int = 0,
    context: Tensor | None = None,
    path_gradient: bool = False,
) -> list[float]:
    r"""Minimise the reverse divergence :math:`\mathrm{KL}(q \,\|\, p)`, annealed, by Adam with a cosine decay.

    At step :math:`t` the target is :math:`\tilde p^{\beta_t}`, :math:`\beta_t` rising linearly from 0.01 to 1 over
    ``anneal_steps``. Every step is finite or is not taken: the parameters are left as they were before a bad one.

    Args:
        conditional: What is fitted, in place.
        log_density: Maps rows ``(num, *event_shape)`` to log-densities ``(num,)`` in nats, up to a constant; with a
            context, called as ``log_density(x, context)``.
        num_steps: Number of steps of Adam.
        lr: Its step size at the start.
        num_particles: Number of draws a step, for each context.
        anneal_steps: Number of steps until :math:`\beta = 1`; 0 does not anneal.
        context: The contexts to fit at, ``(*batch, *context_shape)``, or ``None``.
        path_gradient: Whether to use the path gradient of :class:`ReverseKL`.

    Returns:
        The loss at each step, :math:`E_q[\log q(x) - \beta_t \log \tilde p(x)]` in nats.

    Raises:
        ValueError: If a number is out of range, or nothing is to be trained.
        FloatingPointError: If a log-density or a gradient is NaN or infinite.

    Example:
        >>> from pyrodgm import data, flows, infer
        >>> losses = infer.fit_density(flows.realnvp(2), data.toy.two_gaussians().log_prob, num_steps=3)
        >>> len(losses)
        3

    References:
        Rezende, Mohamed (2015), Variational Inference with Normalizing Flows, algorithm 1 and eq. 20,
        https://arxiv.org/abs/1505.05770
    """
    if num_steps < 1:
        raise ValueError(f"Expected num_steps of at least 1; got {num_steps}. Give how many steps to take.")
    if not 0 <= anneal_steps < num_steps:
        raise ValueError(
            f"Expected anneal_steps of 0 .. {num_steps - 1}; got {anneal_steps}. Leave steps of num_steps at beta = 1."
        )
    if not 0 < lr < math.inf:
        raise ValueError(f"Expected lr > 0; got {lr}. Give Adam's step size, such as 1e-3.")
    objective = ReverseKL(log_density, num_particles=num_particles, path_gradient=path_gradient)
    loss_of = objective(conditional)
    trained = [parameter for parameter in conditional.parameters() if parameter.requires_grad]
    if not trained:
        raise ValueError(f"Expected parameters to train; {type(conditional).__name__} has none. Pass a flow.")
    optimizer = torch.optim.Adam(trained, lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    losses = []
    for step in range(num_steps):
        done = step / anneal_steps if anneal_steps else 1.0
        objective.beta = min(1.0, FIRST_BETA + (1.0 - FIRST_BETA) * done)
        optimizer.zero_grad()
        loss = loss_of(context)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, MAX_GRADIENT_NORM)
        if not norm.isfinite():
            raise FloatingPointError(
                f"Expected a finite gradient; got a norm of {norm.item()} at step {step}, with a loss of "
                f"{loss.item():.6g}. Look for a NaN in the gradient of log_density, or lower the learning rate."
            )
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses
