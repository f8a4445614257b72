"""Models in one call."""

from collections.abc import Sequence

import pyro.distributions as dist
import torch

from pyrodgm.conditional import Conditional, Fixed, Neural
from pyrodgm.heads import Bernoulli, Normal
from pyrodgm.models.vae import VAE
from pyrodgm.nn import MLP
from pyrodgm.priors import VampPrior
from pyrodgm.transforms.bijection import check_input_dim


def vae(
    input_dim: int,
    latent_dim: int,
    *,
    context_dim: int = 0,
    prior: Conditional | None = None,
    posterior: Conditional | None = None,
    likelihood: Conditional | None = None,
    hidden_dims: Sequence[int] = (500, 500),
    num_pseudo_inputs: int = 0,
) -> VAE:
    r"""Variational autoencoder on vectors; by default :math:`N(0, I)`, Bernoulli pixels, diagonal normal posterior.

    Args:
        input_dim: Number of features of ``x``.
        latent_dim: Number of latent variables.
        context_dim: Number of context features that default components take: ``p(x|z, c)`` and ``q(z|x, c)``.
        prior: ``p(z)`` or ``p(z | c)``; standard normal if ``None``.
        posterior: ``q(z | x)``; a diagonal normal made by an MLP if ``None``.
        likelihood: ``p(x | z)``; Bernoulli variables made by an MLP if ``None``.
        hidden_dims: Widths of the encoder's hidden layers, and in reverse of the decoder's.
        num_pseudo_inputs: With ``prior=None``, as many components of a :class:`~pyrodgm.priors.VampPrior` of the
            posterior; 0 for the standard normal.

    Raises:
        ValueError: If sizes are not positive, components disagree on them, or both a prior and pseudo-inputs are given.

    Example:
        >>> from pyrodgm import flows, models
        >>> models.vae(64, 8, prior=flows.realnvp(8), hidden_dims=(128,)).sample(5).shape
        torch.Size([5, 64])

    References:
        Kingma, Welling (2014), Auto-Encoding Variational Bayes, section 3, https://arxiv.org/abs/1312.6114
    """
    check_input_dim(input_dim)
    check_input_dim(latent_dim, what="latent_dim")
    if prior is not None and num_pseudo_inputs:
        raise ValueError(
            f"Expected a prior or num_pseudo_inputs; got {type(prior).__name__} and {num_pseudo_inputs}. Leave one out."
        )
    if likelihood is None:
        head = Bernoulli(input_dim)
        decoder = MLP(latent_dim + context_dim, head.num_params, hidden_dims=tuple(hidden_dims)[::-1])
        likelihood = Neural(decoder, head)
    if posterior is None:
        latent_head = Normal(latent_dim)
        encoder = MLP(input_dim + context_dim, latent_head.num_params, hidden_dims=hidden_dims)
        posterior = Neural(encoder, latent_head)
    if prior is None and num_pseudo_inputs:
        prior = VampPrior(posterior, num_pseudo_inputs)
    elif prior is None:
        prior = Fixed(dist.Normal(torch.zeros(latent_dim), torch.ones(latent_dim)).to_event(1))
    return VAE(prior, likelihood, posterior)
