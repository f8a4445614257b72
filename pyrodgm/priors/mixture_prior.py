"""A trainable mixture of normals."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.conditional import Conditional
from pyrodgm.distributions import DiagonalNormalMixture
from pyrodgm.heads.mixtures import check_components
from pyrodgm.heads.normal import UNIT_SCALE
from pyrodgm.nn.mlp import check_dim


class MixturePrior(Conditional):
    r"""Mixture of diagonal normals, :math:`p(z) = \sum_k \pi_k\, N(z;\, \mu_k, \mathrm{diag}\, \sigma_k^2)`.

    Weights, means and scales are trained. Means start as draws of :math:`N(0, I)` and scales at one, so that the
    components differ.

    Args:
        latent_dim: Number of latent variables.
        num_components: Number :math:`K` of components.
        min_scale: The least scale, without which a component that settles on one latent has no bound.

    Raises:
        ValueError: If a number is not positive.

    Example:
        >>> from pyrodgm import models, priors
        >>> models.vae(64, 8, prior=priors.MixturePrior(8, 10), hidden_dims=(32,)).sample(5).shape
        torch.Size([5, 64])

    References:
        Tomczak, Welling (2018), VAE with a VampPrior, section 3 (the mixture of Gaussians), eq. 12,
        https://arxiv.org/abs/1705.07120
    """

    def __init__(self, latent_dim: int, num_components: int, *, min_scale: float = 1e-2) -> None:
        super().__init__()
        check_dim("latent_dim", latent_dim)
        check_components(num_components)
        self.event_shape = torch.Size([latent_dim])
        self.num_components = num_components
        self.min_scale = min_scale
        self.logits = nn.Parameter(torch.zeros(num_components))
        self.loc = nn.Parameter(torch.randn(num_components, latent_dim))
        self.raw_scale = nn.Parameter(torch.zeros(num_components, latent_dim))

    def distribution(self, context: Tensor | None) -> DiagonalNormalMixture:
        """Make the mixture."""
        scale = F.softplus(self.raw_scale + UNIT_SCALE) + self.min_scale
        return DiagonalNormalMixture(self.logits, self.loc, scale)
