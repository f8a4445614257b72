"""Small GANs for the tests."""

import torch

from pyrodgm import Fixed, Neural, distributions, heads, likelihood_free, nn


def generator(latent_dim=3, context_dim=0, event_dim=2):
    return Neural(nn.MLP(latent_dim + context_dim, event_dim, hidden_dims=(8,)), heads.Delta(event_dim))


def discriminator(input_dim=2, context_dim=0):
    return nn.MLP(input_dim, 1, hidden_dims=(8,), context_dim=context_dim, activation=torch.nn.Tanh)


def vector_gan(context_dim=0, judge=None, **kwargs):
    judge = discriminator(context_dim=context_dim) if judge is None else judge
    prior = Fixed(distributions.StandardNormal(3))
    return likelihood_free.GAN(prior, generator(context_dim=context_dim), judge, **kwargs)


def weights(module):
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
