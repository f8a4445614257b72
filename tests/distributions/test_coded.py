"""Grids of code vectors: probabilities of their indices, draws, shapes, enumeration."""

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import distributions, quantizers
from pyrodgm.distributions.coded import channels_first, channels_last


def coded(batch=(7,), grid=(2, 3), num_codes=5, code_dim=4, flat=False):
    logits = torch.randn(*batch, *grid, num_codes)
    shape = (torch.Size(grid).numel(),) if flat else grid
    indices = dist.Categorical(logits=logits.reshape(*batch, *shape, num_codes)).to_event(len(shape))
    return distributions.Coded(indices, quantizers.VectorQuantizer(num_codes, code_dim), grid), logits


@pytest.mark.parametrize("batch", [(), (7,), (2, 1, 3)])
@pytest.mark.parametrize("grid", [(), (4,), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("flat", [False, True])
def test_the_density_is_that_of_the_indices(batch, grid, flat):
    distribution, logits = coded(batch, grid, flat=flat)
    assert distribution.batch_shape == batch
    assert distribution.event_shape == (4, *grid)
    indices = torch.randint(5, (6, *batch, *grid))
    codes = channels_first(distribution.codebook.lookup(indices), len(grid))
    assert codes.shape == (6, *batch, 4, *grid)
    each = logits.log_softmax(-1).expand(6, *logits.shape).gather(-1, indices.unsqueeze(-1)).squeeze(-1)
    expected = each.reshape(6, *batch, -1).sum(-1)
    torch.testing.assert_close(distribution.log_prob(codes), expected)


def test_draws_are_vectors_of_the_codebook_with_the_frequencies_of_the_indices():
    distribution, logits = coded((), (2,), num_codes=3)
    codes = distribution.sample((20_000,))
    indices = distribution.codebook.indices_of(channels_last(codes, 1))
    torch.testing.assert_close(channels_first(distribution.codebook.lookup(indices), 1), codes)
    share = torch.nn.functional.one_hot(indices, 3).double().mean(0)
    probs = logits.softmax(-1)
    # six shares, each beyond 5.5 standard errors with probability 4e-8
    assert ((share - probs).abs() < 5.5 * (probs * (1 - probs) / 20_000).sqrt()).all()


def test_expand_repeats_the_distribution():
    distribution, _ = coded((1,))
    wider = distribution.expand((3, 7))
    codes = wider.sample()
    assert codes.shape == (3, 7, 4, 2, 3)
    assert len(codes.flatten(0, 1).unique(dim=0)) > 1
    torch.testing.assert_close(wider.log_prob(codes), distribution.log_prob(codes))


def test_every_grid_is_enumerated_once():
    distribution, _ = coded((7,), (3,), num_codes=4)
    codes = distribution.enumerate_support(expand=False)
    assert codes.shape == (64, 1, 4, 3)
    assert len(codes.unique(dim=0)) == 64
    assert distribution.enumerate_support().shape == (64, 7, 4, 3)
    torch.testing.assert_close(distribution.log_prob(codes).exp().sum(0), torch.ones(7))


def test_binary_indices_take_a_binary_distribution():
    distribution = distributions.Coded(
        dist.Bernoulli(torch.full((3,), 0.25)).to_event(1), quantizers.VectorQuantizer(2, 4)
    )
    codes = channels_first(distribution.codebook.lookup(torch.tensor([1, 0, 0])), 1)
    torch.testing.assert_close(distribution.log_prob(codes).exp(), torch.tensor(0.25 * 0.75**2))
    assert distribution.sample((5,)).shape == (5, 4, 3)
