"""An autoencoder whose codes an adversary cannot tell from draws of a prior."""

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from pyrodgm.conditional import Conditional, Fixed
from pyrodgm.likelihood_free.adversary import Adversary
from pyrodgm.likelihood_free.game import Game
from pyrodgm.likelihood_free.games import NonSaturating
from pyrodgm.likelihood_free.gan import GAN, describe
from pyrodgm.likelihood_free.train import Watch
from pyrodgm.models.checks import check_rows
from pyrodgm.nn.mlp import check_dim


class AdversarialAutoencoder(nn.Module):
    r"""Reconstruction, :math:`-E[\log p(x \mid z)]`, with the aggregated posterior matched to :math:`p(z)` by a game.

    In place of a VAE's divergence of each :math:`q(z \mid x)`, the game compares :math:`\frac1N \sum_i q(z \mid x_i)`
    with the prior: in it the encoder is a generator whose prior is the data. Only draws of the prior are needed. The
    two losses are not a bound on the likelihood.

    Args:
        prior: ``p(z)``, without a context; it is not trained.
        likelihood: ``p(x | z)``.
        posterior: ``q(z | x)``, whose draws carry gradients; a :class:`~pyrodgm.heads.Delta` makes it deterministic.
        discriminator: Maps latents to one score each.

    Raises:
        ValueError: If the parts are not over one latent and one datum.

    Example:
        >>> from pyrodgm import Fixed, Neural, distributions, heads, likelihood_free
        >>> from pyrodgm import nn as pnn
        >>> model = likelihood_free.AdversarialAutoencoder(
        ...     Fixed(distributions.StandardNormal(2)),
        ...     Neural(pnn.MLP(2, 64), heads.Bernoulli(64)),
        ...     Neural(pnn.MLP(64, 2), heads.Delta(2)),
        ...     pnn.MLP(2, 1),
        ... )
        >>> history = model.fit(torch.rand(50, 64).round(), 3)
        >>> len(history["reconstruction"]), model.sample(5).shape
        (3, torch.Size([5, 64]))

    References:
        Makhzani, Shlens, Jaitly, Goodfellow, Frey (2015), Adversarial Autoencoders, section 2,
        https://arxiv.org/abs/1511.05644
    """

    def __init__(
        self, prior: Conditional, likelihood: Conditional, posterior: Conditional, discriminator: nn.Module
    ) -> None:
        super().__init__()
        if not isinstance(prior, Conditional) or prior.context_shape:
            raise ValueError(
                f"Expected a prior without a context; got {describe(prior)}. Wrap it: Fixed(distribution)."
            )
        latent, datum = prior.event_shape, likelihood.event_shape
        if posterior.event_shape != latent or likelihood.context_shape != tuple(latent):
            raise ValueError(
                f"Expected all parts over latents of shape {tuple(latent)}; got a posterior of "
                f"{tuple(posterior.event_shape)} and a likelihood given {likelihood.context_shape}. Build both for it."
            )
        if posterior.context_shape != tuple(datum):
            raise ValueError(
                f"Expected a posterior given data of shape {tuple(datum)}; got one given {posterior.context_shape}. "
                "Build it for the likelihood's data."
            )
        self.prior, self.likelihood, self.posterior = prior, likelihood, posterior
        self.discriminator = discriminator
        self.event_shape = datum

    def fit(
        self,
        x: Tensor,
        num_steps: int,
        *,
        game: Game | None = None,
        batch_size: int = 128,
        lr: float = 1e-3,
        lr_adversary: float = 1e-3,
    ) -> dict[str, list[float]]:
        """Train by Adam; each step reconstructs a batch, then plays a round of the game on its codes.

        Args:
            x: Data, ``(num, *event_shape)``.
            num_steps: Number of steps.
            game: The game that is played; :class:`NonSaturating` if ``None``.
            batch_size: Rows of a batch, drawn with replacement.
            lr: Adam's step size for the reconstruction.
            lr_adversary: And for both players of the game.

        Returns:
            At each step ``reconstruction`` in nats a datum, and what :meth:`Adversary.step` returns.

        Raises:
            ValueError: If the data or a setting are none of what they should be.
            FloatingPointError: If a loss, a gradient or a weight is NaN or infinite; see :func:`train`.
        """
        check_dim("num_steps", num_steps)
        check_dim("batch_size", batch_size)
        check_rows(x, self.event_shape, "data")
        # The adversary is handed the codes at each step; the prior only says that they are those of the data.
        gan = GAN(Fixed(dist.Empirical(x, x.new_zeros(len(x)))), self.posterior, self.discriminator)
        adversary = Adversary(gan, game or NonSaturating(), lr_generator=lr_adversary, lr_discriminator=lr_adversary)
        coders = [*self.posterior.parameters(), *self.likelihood.parameters()]
        optimizer = torch.optim.Adam([p for p in coders if p.requires_grad], lr=lr, fused=True)
        watch = Watch(self)
        for _ in range(num_steps):
            batch = x[torch.randint(len(x), (batch_size,), device=x.device)]
            optimizer.zero_grad()
            loss = -self.likelihood(self.posterior(batch).rsample()).log_prob(batch).mean()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                real = self.prior().sample((batch_size,))
            codes = self.posterior(batch).rsample()
            metrics = {"reconstruction": loss.detach(), **adversary.discriminator_step(real, codes.detach())}
            watch.add(metrics | adversary.generator_step(real, codes))
        watch.look()
        return watch.history

    @torch.no_grad()
    def sample(self, num: int) -> Tensor:
        """Draw data, ``(num, *event_shape)``: a latent of the prior, and ``x`` given it."""
        return self.likelihood(self.prior().sample((num,))).sample()
