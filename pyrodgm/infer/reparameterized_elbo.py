"""The evidence lower bound in one lean pass over guide and model."""

import math
from collections.abc import Callable
from typing import Any

import torch
from pyro.infer.elbo import ELBOModule
from torch import Tensor, nn

from pyrodgm.infer.run import Scorer, Total, check_sites, run


class ReparameterizedELBO:
    r"""Negative ELBO, :math:`-E_q[\log p(x, z) - \log q(z \mid x)]`, of guides whose draws all carry gradients.

    With ``beta``, :math:`-E_q[\log p(x \mid z) + \beta (\log p(z) - \log q(z \mid x))]`, a bound at 1 only; rising
    from 0 to 1 early in training, it keeps latent variables from being given up before they are of use. With
    ``free_bits``, a latent site whose divergence, averaged over the batch and the draws, is below that many bits pays
    for them all the same, and so gains nothing by giving up: also a bound, a looser one.

    Equal in value and gradient to :class:`pyro.infer.Trace_ELBO` for such guides, without its two traces: model and
    guide run once each, and log-densities are added up as sites are sampled.

    Args:
        num_particles: Number of draws to average.
        beta: Weight of the latent sites; an attribute that a schedule may set.
        free_bits: Bits (of :math:`\log 2` nats) of each latent site that are free; 0 for none.

    Raises:
        ValueError: If ``num_particles`` is not positive, ``beta`` or ``free_bits`` negative; when called, if a guide's
            site has no reparameterized draws, or model and guide do not sample the same latent sites.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> vae = models.vae(64, 8, hidden_dims=(32,))
        >>> loss = infer.ReparameterizedELBO()(vae.model, vae.guide)
        >>> loss(torch.rand(5, 64).round()).shape
        torch.Size([])

    References:
        Kingma, Welling (2014), Auto-Encoding Variational Bayes, eq. 7, https://arxiv.org/abs/1312.6114;
        Bowman et al. (2016), Generating Sentences from a Continuous Space, section 3.1 (the warm-up),
        https://arxiv.org/abs/1511.06349;
        Higgins et al. (2017), beta-VAE, eq. 4, https://openreview.net/forum?id=Sy2fzU9gl;
        Kingma et al. (2016), Improved Variational Inference with Inverse Autoregressive Flow, eq. 15 (free bits),
        https://arxiv.org/abs/1606.04934
    """

    def __init__(self, num_particles: int = 1, *, beta: float = 1.0, free_bits: float = 0.0) -> None:
        if num_particles < 1:
            raise ValueError(
                f"Expected num_particles of at least 1; got {num_particles}. Give how many draws to average."
            )
        if beta < 0:
            raise ValueError(f"Expected beta of at least 0; got {beta}. 1 is the evidence lower bound.")
        if free_bits < 0:
            raise ValueError(f"Expected free_bits of at least 0; got {free_bits}. 0 leaves the bound as it is.")
        self.num_particles = num_particles
        self.beta = beta
        self.free_bits = free_bits

    def __call__(self, model: nn.Module, guide: nn.Module) -> ELBOModule:
        """Return a module that maps a batch to the loss, with the parameters of model and guide."""
        return ELBOModule(model, guide, self)  # type: ignore[arg-type]

    def differentiable_loss(
        self, model: Callable[..., Any], guide: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Tensor:
        """Return the negative ELBO in nats, summed over the batch as the plates scale it."""
        loss: Tensor | float = 0.0
        divergences: dict[str, tuple[Tensor | float, float]] | None = {} if self.free_bits else None
        for _ in range(self.num_particles):
            log_p = Total(self.beta, divergences, -1.0)
            log_q = ReparameterizedTotal(self.beta, divergences)
            values: dict[str, Tensor] = {}
            q, p = Scorer(values, log_q, replay=False), Scorer(values, log_p, replay=True)
            with q:
                run(guide, *args, **kwargs)
            with p:
                run(model, *args, **kwargs)
            check_sites(p, q)
            loss = loss + (log_q.value - log_p.value)
        for divergence, num_data in (divergences or {}).values():
            free = self.free_bits * math.log(2) * num_data * self.num_particles
            loss = loss + self.beta * torch.as_tensor(divergence).clamp_min(free)
        if not isinstance(loss, Tensor):
            raise ValueError("Expected a model with at least one site; got none. Sample something in the model.")
        return loss / self.num_particles if self.num_particles > 1 else loss


class ReparameterizedTotal(Total):
    """The sum for a guide, which must be differentiable through its draws."""

    def __call__(self, msg: Any, log_prob: Tensor) -> None:
        """Add one site."""
        check_differentiable(msg, log_prob)
        super().__call__(msg, log_prob)


def check_differentiable(msg: Any, log_prob: Tensor) -> None:
    """Refuse a guide's site whose density has a gradient and whose draws do not; values alone do not need them.

    Raises:
        ValueError: Naming the site.
    """
    if log_prob.requires_grad and not msg["fn"].has_rsample and not msg["infer"].get("is_auxiliary"):
        raise ValueError(
            f"Expected reparameterized draws at site {msg['name']!r}; got {type(msg['fn']).__name__} without rsample. "
            "Use infer.ScoreFunctionELBO, or pyro.infer.TraceGraph_ELBO, for such guides."
        )
