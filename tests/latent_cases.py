"""Priors, posteriors and hierarchies of latent-variable models: a part of tests/cases.py."""

from functools import cache

import torch

from pyrodgm import Embedded, Fixed, Neural, distributions, flows, heads, models, nn, priors

HEADS = {
    "DiagonalNormalMixture": lambda: heads.DiagonalNormalMixture(3, 2),
    "DiagonalNormalMixture, one of each": lambda: heads.DiagonalNormalMixture(1, 1),
    "MultivariateNormal": lambda: heads.MultivariateNormal(3),
    "MultivariateNormal, one feature": lambda: heads.MultivariateNormal(1),
    "LowRankNormal": lambda: heads.LowRankNormal(4, 2),
    "LowRankNormal, one of each": lambda: heads.LowRankNormal(1),
}


@cache
def encoder(name="vector"):
    """Return the posterior that belongs to no prior: all copies of a case share it, as a model's would."""
    if name == "image":
        return Neural(nn.ConvEncoder((1, 4, 4), 4, channels=(4,)), heads.Normal(2))
    return Neural(nn.MLP(3, 4, hidden_dims=(8,)), heads.Normal(2))


def rows():
    return torch.linspace(-2, 2, 21).reshape(7, 3)


CONDITIONALS = {
    "MixturePrior": (lambda: priors.MixturePrior(2, 3), True),
    "MixturePrior, one of each": (lambda: priors.MixturePrior(1, 1), True),
    "VampPrior": (lambda: priors.VampPrior(encoder(), 4), True),
    "VampPrior, from data": (lambda: priors.VampPrior(encoder(), 4, data=rows()), True),
    "VampPrior, images": (lambda: priors.VampPrior(encoder("image"), 3), True),
    "AggregatedPosterior": (lambda: priors.AggregatedPosterior(encoder(), rows()), True),
    "AggregatedPosterior, subsampled": (lambda: priors.AggregatedPosterior(encoder(), rows(), 3), True),
    "Neural DiagonalNormalMixture": (
        lambda: Neural(nn.MLP(3, 15, hidden_dims=(8,)), heads.DiagonalNormalMixture(3, 2)),
        True,
    ),
    "Neural MultivariateNormal": (lambda: Neural(nn.MLP(3, 5, hidden_dims=(8,)), heads.MultivariateNormal(2)), True),
    "Fixed IndependentBernoulli": (
        lambda: Fixed(distributions.IndependentBernoulli(torch.linspace(-2, 2, 6).reshape(1, 2, 3), 3)),
        True,
    ),
    "Neural LowRankNormal": (lambda: Neural(nn.MLP(3, 6, hidden_dims=(8,)), heads.LowRankNormal(2)), True),
}


def vae(**kwargs):
    return models.vae(6, 2, hidden_dims=(16,), **kwargs)


def hierarchy(latent_dims=(3, 2), **kwargs):
    return models.hierarchical_vae(6, latent_dims, hidden_dims=(16,), **kwargs)


def with_aggregated_posterior():
    posterior = vae().posterior
    return vae(posterior=posterior, prior=priors.AggregatedPosterior(posterior, torch.rand(9, 6).round(), 5))


def all_latents(inference):
    likelihood = Neural(nn.MLP(5, 6, hidden_dims=(16,)), heads.Bernoulli(6))
    return hierarchy(inference=inference, likelihood=likelihood, num_pseudo_inputs=3)


MODELS = {
    "VAE, mixture prior": (lambda: vae(prior=priors.MixturePrior(2, 3)), "binary", 0),
    "VAE, VampPrior": (lambda: vae(num_pseudo_inputs=4), "binary", 0),
    "VAE, VampPrior, context": (lambda: vae(num_pseudo_inputs=4, context_dim=3), "binary", 3),
    "VAE, aggregated posterior": (with_aggregated_posterior, "binary", 0),
    "VAE, MAF prior": (lambda: vae(prior=flows.maf(2, num_layers=2, hidden_dims=(8,))), "binary", 0),
    "VAE, full covariance": (
        lambda: vae(posterior=Neural(nn.MLP(6, 5, hidden_dims=(16,)), heads.MultivariateNormal(2))),
        "binary",
        0,
    ),
    "VAE, low-rank covariance": (
        lambda: vae(posterior=Neural(nn.MLP(6, 6, hidden_dims=(16,)), heads.LowRankNormal(2))),
        "binary",
        0,
    ),
    "VAE, mixture posterior": (
        lambda: vae(posterior=Neural(nn.MLP(6, 15, hidden_dims=(16,)), heads.DiagonalNormalMixture(3, 2))),
        "binary",
        0,
    ),
    "VAE, VampPrior of mixture posteriors": (
        lambda: vae(
            posterior=Neural(nn.MLP(6, 15, hidden_dims=(16,)), heads.DiagonalNormalMixture(3, 2)), num_pseudo_inputs=4
        ),
        "binary",
        0,
    ),
    "VAE, planar posterior": (
        lambda: vae(posterior=Embedded(nn.MLP(6, 8), flows.planar(2, 8, num_layers=2))),
        "binary",
        0,
    ),
    "VAE, spline posterior": (
        lambda: vae(posterior=Embedded(nn.MLP(6, 8), flows.spline_coupling(2, 8, num_layers=2, hidden_dims=(8,)))),
        "binary",
        0,
    ),
    **{
        f"HierarchicalVAE, {inference}": (lambda inference=inference: hierarchy(inference=inference), "binary", 0)
        for inference in ("bottom_up", "top_down", "ladder")
    },
    **{
        f"HierarchicalVAE, {inference}, context": (
            lambda inference=inference: hierarchy((4, 3, 2), inference=inference, context_dim=3),
            "binary",
            3,
        )
        for inference in ("bottom_up", "top_down", "ladder")
    },
    **{
        f"HierarchicalVAE, {inference}, VampPrior, likelihood of all latents": (
            lambda inference=inference: all_latents(inference),
            "binary",
            0,
        )
        for inference in ("bottom_up", "top_down", "ladder")
    },
    "HierarchicalVAE, one layer": (lambda: hierarchy((2,)), "binary", 0),
}
