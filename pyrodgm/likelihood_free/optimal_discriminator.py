"""The discriminator that no other beats."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from pyrodgm.conditional import Conditional


class OptimalDiscriminator(nn.Module):
    """See :func:`optimal_discriminator`."""

    def __init__(self, p: Any, q: Any) -> None:
        super().__init__()
        self.p, self.q = p, q

    def logit(self, x: Tensor) -> Tensor:
        r"""Return :math:`\log p(x) - \log q(x)`, nats, ``(num,)``; 0 where neither has density."""
        log_p, log_q = (density_of(part).log_prob(x) for part in (self.p, self.q))
        neither = (log_p == -torch.inf) & (log_q == -torch.inf)
        return torch.where(neither, 0.0, torch.where(neither, 0.0, log_p) - torch.where(neither, 0.0, log_q))

    def forward(self, x: Tensor) -> Tensor:
        """Return the probability that ``x`` is real, ``(num,)``."""
        return self.logit(x).sigmoid()


def optimal_discriminator(p: Distribution | Conditional, q: Distribution | Conditional) -> OptimalDiscriminator:
    r"""Return the best discriminator of :math:`p` and a model's :math:`q`, :math:`D^*(x) = p(x) / (p(x) + q(x))`.

    At :math:`D^*` the minimax game has the value :math:`2\,\mathrm{JSD}(p, q) - 2 \log 2` nats, see :func:`value`.

    Args:
        p: Density of the data: a distribution, or a conditional without a context.
        q: Density of the model.

    Returns:
        A module from rows ``(num, *event_shape)`` to probabilities ``(num,)``; its ``logit(x)`` stays finite where the
        probability rounds to 0 or 1.

    Raises:
        ValueError: If a density takes a context or is a batch, or the two are over different events.

    Example:
        >>> import pyro.distributions as dist
        >>> best = optimal_discriminator(dist.Normal(0.0, 1.0), dist.Normal(1.0, 1.0))
        >>> best(torch.randn(5)).shape, best.logit(torch.randn(5)).shape
        (torch.Size([5]), torch.Size([5]))

    References:
        Goodfellow et al. (2014), Generative Adversarial Nets, proposition 1 and theorem 1,
        https://arxiv.org/abs/1406.2661
    """
    shapes = []
    for name, part in (("p", p), ("q", q)):
        if isinstance(part, Conditional) and part.context_shape:
            raise ValueError(f"Expected {name} without a context; got context_shape {part.context_shape}.")
        if not isinstance(part, Conditional | Distribution):
            raise ValueError(f"Expected {name} to be a distribution; got {type(part).__name__}.")
        density = density_of(part)
        if density.batch_shape:
            raise ValueError(
                f"Expected {name} with batch_shape (); got {tuple(density.batch_shape)}. "
                f"Use to_event({len(density.batch_shape)})."
            )
        shapes.append(density.event_shape)
    if shapes[0] != shapes[1]:
        raise ValueError(f"Expected p and q over one event; got {tuple(shapes[0])} and {tuple(shapes[1])}.")
    return OptimalDiscriminator(p, q)


def density_of(part: Distribution | Conditional) -> Distribution:
    """Return the distribution that a conditional without a context makes, or the distribution itself."""
    return part() if isinstance(part, Conditional) else part
