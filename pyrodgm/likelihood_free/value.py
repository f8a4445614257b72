"""The value of the minimax game."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from pyrodgm.conditional import Conditional
from pyrodgm.likelihood_free.gan import one_a_row
from pyrodgm.likelihood_free.optimal_discriminator import OptimalDiscriminator, density_of
from pyrodgm.nn.mlp import check_dim


class Value(NamedTuple):
    """An estimate in nats and its standard error."""

    estimate: float
    standard_error: float


@torch.no_grad()
def value(
    discriminator: Callable[[Tensor], Tensor],
    real: Tensor | Distribution | Conditional,
    fake: Tensor | Distribution | Conditional,
    *,
    num_samples: int = 100_000,
) -> Value:
    r"""Estimate :math:`V(G, D) = E_p[\log D(x)] + E_q[\log(1 - D(x))]` in nats, by Monte Carlo.

    No discriminator has more than the optimal one, whose value is :math:`2\,\mathrm{JSD}(p, q) - 2 \log 2`: so
    :math:`V / 2 + \log 2` is a lower bound on the Jensen-Shannon divergence.

    Args:
        discriminator: Maps rows to logits, as a GAN's does, or an :func:`optimal_discriminator`.
        real: Draws of the data ``(num, *event_shape)``, none that the discriminator was trained on, or their
            distribution.
        fake: Draws of the model, or its distribution.
        num_samples: Number of draws of each distribution.

    Returns:
        The estimate and its standard error, from the variances over draws.

    Raises:
        ValueError: If there are fewer than two draws, or not one logit a row.

    Example:
        >>> import pyro.distributions as dist
        >>> from pyrodgm import likelihood_free
        >>> p, q = dist.Normal(0.0, 1.0), dist.Normal(1.0, 1.0)
        >>> found = likelihood_free.value(likelihood_free.optimal_discriminator(p, q), p, q, num_samples=1000)
        >>> found.estimate < 0
        True

    References:
        Goodfellow et al. (2014), Generative Adversarial Nets, eq. 1 and theorem 1, https://arxiv.org/abs/1406.2661
    """
    check_dim("num_samples", num_samples, 2)
    estimate, variance = 0.0, 0.0
    for name, given, sign in (("real", real, -1.0), ("fake", fake, 1.0)):
        x = given if isinstance(given, Tensor) else density_of(given).sample((num_samples,))
        if len(x) < 2:
            raise ValueError(f"Expected at least 2 draws of {name} data; got {len(x)}. Draw more.")
        logits = discriminator.logit(x) if isinstance(discriminator, OptimalDiscriminator) else discriminator(x)
        terms = -F.softplus(sign * one_a_row(logits, len(x)))
        estimate += terms.mean().item()
        variance += terms.var().item() / len(x)
    return Value(estimate, variance**0.5)
