"""A VAE of linear maps and normals (probabilistic PCA), in which everything is known."""

import pyro.distributions as dist
import torch
from torch import nn
from torch.distributions import kl_divergence

from pyrodgm import Fixed, Neural, heads, models


class LinearNormal(nn.Module):
    """Parameters of N(A v + b, scale^2), as the normal head reads them."""

    def __init__(self, weight, bias, scale):
        super().__init__()
        self.input_shape = (weight.shape[1],)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.raw_scale = nn.Parameter(torch.log(torch.expm1(scale - 1e-4)) - heads.normal.UNIT_SCALE)

    def forward(self, v):
        loc = v @ self.weight.t() + self.bias
        return torch.cat([loc, self.raw_scale.expand_as(loc)], -1)


class LinearGaussian:
    """z ~ N(0, I), x = A z + b + noise e; the guide is the posterior with independent latents, moved and widened."""

    def __init__(self, latent_dim=2, input_dim=3, num_rows=6, *, noise=0.5, widen=1.5, shift=0.0):
        weight, bias = torch.randn(input_dim, latent_dim), torch.randn(input_dim)
        precision = torch.eye(latent_dim) + weight.t() @ weight / noise**2
        covariance = torch.linalg.inv(precision)
        gain = covariance @ weight.t() / noise**2
        prior = Fixed(dist.Normal(torch.zeros(latent_dim), torch.ones(latent_dim)).to_event(1))
        likelihood = Neural(LinearNormal(weight, bias, torch.full((input_dim,), noise)), heads.Normal(input_dim))
        encoder = LinearNormal(gain, shift - gain @ bias, widen * covariance.diagonal().sqrt())
        self.vae = models.VAE(prior, likelihood, Neural(encoder, heads.Normal(latent_dim)))
        self.x = likelihood(prior().sample((num_rows,))).sample()
        marginal = dist.MultivariateNormal(bias, weight @ weight.t() + noise**2 * torch.eye(input_dim))
        self.evidence = marginal.log_prob(self.x).detach()
        loc = ((self.x - bias) @ gain.t()).detach()
        self.posterior = dist.MultivariateNormal(loc, covariance)
        best = dist.MultivariateNormal(loc, precision.diagonal().reciprocal().diag_embed())
        self.approximation_gap = kl_divergence(best, self.posterior)  # of the best independent latents

    def repeat(self, num):
        """Take every datum so many times: as many draws at the cost of one call."""
        self.x = self.x.repeat(num, 1)
        return self

    @property
    def args(self):
        return self.vae.model, self.vae.guide, self.x

    def kl(self):
        """KL(q(z | x) || p(z)) of each datum, differentiable."""
        return kl_divergence(self.vae.posterior(self.x).base_dist, self.vae.prior().base_dist).sum(-1)

    def reconstruction(self):
        """E_q log p(x | z) of each datum, differentiable."""
        q = self.vae.posterior(self.x).base_dist
        p = self.vae.likelihood(q.loc).base_dist
        spread = q.scale.square() @ self.vae.likelihood.net.weight.square().t()
        return (p.log_prob(self.x) - 0.5 * spread / p.scale.square()).sum(-1)

    def elbo(self):
        """The ELBO of each datum, differentiable."""
        return self.reconstruction() - self.kl()

    def guide_gradient(self):
        """The gradient of the summed negative ELBO by the guide's parameters, in one row."""
        gradients = torch.autograd.grad(-self.elbo().sum(), list(self.vae.guide.parameters()))
        return torch.cat([gradient.flatten() for gradient in gradients])


def expect_mean(draws, expected, num_errors=6.0):
    """Compare the mean of independent draws (along the first dimension) with what is known, in standard errors."""
    draws = torch.stack(draws) if isinstance(draws, list) else draws
    error = draws.std(0) / len(draws) ** 0.5
    distance = (draws.mean(0) - expected).abs() / error
    assert (distance < num_errors).all(), f"{distance} standard errors; {draws.mean(0)} instead of {expected}"
