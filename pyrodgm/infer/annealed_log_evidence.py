"""The log-evidence of each datum by annealed importance sampling, the judge of other estimates."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pyrodgm.infer.annealed_chains import PILOTS, Chains
from pyrodgm.infer.annealed_path import Path
from pyrodgm.infer.log_evidence import check_positive

MAX_PAIRS = 2_000  # (chain, datum) pairs in memory at once
STEEPNESS = 4.0  # of the schedule: how slowly it starts and ends


def annealed_log_evidence(
    model: Callable[..., Any],
    x: Tensor,
    context: Tensor | None = None,
    *,
    guide: Callable[..., Any] | None = None,
    num_steps: int = 500,
    num_chains: int = 16,
    num_leapfrog: int = 10,
    step_size: float = 0.1,
) -> Tensor:
    r"""Estimate each :math:`\log p(x)` by chains that walk from the prior to the posterior.

    The path is geometric, :math:`f_\beta(z) = p_0(z)^{1 - \beta}\, p(x, z)^\beta`, from the prior :math:`p_0`, or from
    the guide if one is given, at :math:`\beta = 0` to the joint density at 1. At each of ``num_steps`` values of
    :math:`\beta` a chain's weight is multiplied by the ratio of the densities, and the chain makes a transition by
    Hamiltonian Monte Carlo. The average weight has no bias, so the result is a lower bound in expectation, and it rises
    to the evidence with steps and chains, where importance sampling from a bad guide does not in any lifetime.

    Each datum has a step size of its own at each :math:`\beta`, which four further chains lead towards accepting 65 %
    of the transitions. Those that count take it as given: if they adapted it, their weights would be biased. The
    cost is about ``num_steps * (num_leapfrog + 1)`` gradients of the model for every chain and datum.

    Args:
        model: Program with every site in the plate ``"data"`` and latent sites on all real numbers.
        x: Data, ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        guide: Program of the posterior, from where to start; the prior if ``None``. Its density must be the same at
            every call.
        num_steps: Number of steps of :math:`\beta`.
        num_chains: Number of chains a datum.
        num_leapfrog: Number of gradient steps of a transition.
        step_size: Length of these at first.

    Returns:
        ``(num_rows,)``, nats.

    Raises:
        ValueError: If a number is not positive, there are no data, a latent site is missing, is not real-valued or lies
            outside of the plate, or model and guide do not sample the same latent sites.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> vae = models.vae(64, 8, hidden_dims=(32,))
        >>> x = torch.rand(5, 64).round()
        >>> infer.annealed_log_evidence(vae.model, x, num_steps=10, num_chains=4, num_leapfrog=2).shape
        torch.Size([5])

    References:
        Neal (2001), Annealed importance sampling, https://arxiv.org/abs/physics/9803008;
        Wu, Burda, Salakhutdinov, Grosse (2017), On the Quantitative Analysis of Decoder-Based Generative Models,
        https://arxiv.org/abs/1611.04273
    """
    check_positive(num_steps=num_steps, num_chains=num_chains, num_leapfrog=num_leapfrog)
    if not step_size > 0:
        raise ValueError(f"Expected step_size > 0; got {step_size}. It is where the search for one starts.")
    if len(x) == 0:
        raise ValueError("Expected at least one row of x; got an empty tensor. Pass data.")
    results = []
    betas = schedule(num_steps)
    batch_size = max(1, MAX_PAIRS // (num_chains + PILOTS))
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        args = (x[rows],) if context is None else (x[rows], context[rows])
        chains = Chains(Path(model, guide, args), num_chains, num_leapfrog, step_size)
        results.append(chains.walk(betas).logsumexp(0) - math.log(num_chains))
    return torch.cat(results)


def schedule(num_steps: int) -> list[float]:
    """Return rising values from 0 to 1, close to each other at both ends."""
    raw = torch.linspace(-STEEPNESS, STEEPNESS, num_steps + 1, dtype=torch.float64).sigmoid()
    betas: list[float] = ((raw - raw[0]) / (raw[-1] - raw[0])).tolist()
    return betas
