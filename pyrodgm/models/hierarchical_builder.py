"""A hierarchical VAE in one call."""

from collections.abc import Sequence

import pyro.distributions as dist
import torch

from pyrodgm.conditional import Conditional, Fixed, Neural
from pyrodgm.heads import Bernoulli, Normal
from pyrodgm.models.hierarchical_vae import HierarchicalVAE, Inference
from pyrodgm.nn import MLP
from pyrodgm.priors import VampPrior
from pyrodgm.transforms.bijection import check_input_dim


def hierarchical_vae(
    input_dim: int,
    latent_dims: Sequence[int],
    *,
    context_dim: int = 0,
    inference: Inference = "bottom_up",
    prior: Conditional | None = None,
    likelihood: Conditional | None = None,
    hidden_dims: Sequence[int] = (300, 300),
    num_pseudo_inputs: int = 0,
) -> HierarchicalVAE:
    r"""Hierarchical VAE on vectors; by default :math:`N(0, I)` at the top, Bernoulli pixels, diagonal normals between.

    Args:
        input_dim: Number of features of ``x``.
        latent_dims: Numbers of latent variables, from ``z_0``, nearest to ``x``, to the top.
        context_dim: Number of context features that default components take.
        inference: How the guide climbs, see :class:`HierarchicalVAE`.
        prior: Over the top layer; standard normal if ``None``.
        likelihood: ``p(x | z_0)``, or of a width that takes all latents; Bernoulli variables made by an MLP of ``z_0``
            if ``None``.
        hidden_dims: Widths of the hidden layers of each posterior's MLP, and in reverse of all others'.
        num_pseudo_inputs: With ``prior=None``, as many components of a :class:`~pyrodgm.priors.VampPrior` of the top
            posterior; 0 for the standard normal.

    Raises:
        ValueError: If there is no layer, sizes are not positive, components disagree on them, or both a prior and
            pseudo-inputs are given.

    Example:
        >>> from pyrodgm import models
        >>> models.hierarchical_vae(64, (8, 4), inference="top_down", num_pseudo_inputs=10).sample(5).shape
        torch.Size([5, 64])

    References:
        Tomczak, Welling (2018), VAE with a VampPrior, section 4, https://arxiv.org/abs/1705.07120
    """
    check_input_dim(input_dim)
    if not latent_dims:
        raise ValueError("Expected at least one layer; got latent_dims=(). Give a number of latents for each.")
    for latent_dim in latent_dims:
        check_input_dim(latent_dim, what="latent_dim")
    if prior is not None and num_pseudo_inputs:
        raise ValueError(
            f"Expected a prior or num_pseudo_inputs; got {type(prior).__name__} and {num_pseudo_inputs}. Leave one out."
        )
    down = tuple(hidden_dims)[::-1]
    top = len(latent_dims) - 1

    def normal(width: int, latent_dim: int, hidden: Sequence[int]) -> Neural:
        head = Normal(latent_dim)
        return Neural(MLP(width + context_dim, head.num_params, hidden_dims=hidden), head)

    if likelihood is None:
        head = Bernoulli(input_dim)
        likelihood = Neural(MLP(latent_dims[0] + context_dim, head.num_params, hidden_dims=down), head)
    posteriors = []
    for level, latent_dim in enumerate(latent_dims):
        if inference == "bottom_up" and level > 0:
            width = latent_dims[level - 1]
        else:
            width = input_dim + (latent_dims[level + 1] if inference == "top_down" and level < top else 0)
        posteriors.append(normal(width, latent_dim, hidden_dims))
    conditionals = [normal(latent_dims[level + 1], latent_dims[level], down) for level in range(top)]
    if prior is None and num_pseudo_inputs:
        prior = VampPrior(posteriors[-1], num_pseudo_inputs)
    elif prior is None:
        prior = Fixed(dist.Normal(torch.zeros(latent_dims[-1]), torch.ones(latent_dims[-1])).to_event(1))
    return HierarchicalVAE(prior, conditionals, likelihood, posteriors, inference=inference)
