"""Categorical channels of a pixel: the formula by hand, draws that match the probabilities."""

import pyro
import pytest
import torch
from scipy import stats

from pyrodgm.distributions import ChannelCategorical

FAILURE_RATE = 1e-6  # of the test of draws, for a sampler that is right


def pixel(*batch, channels=3, num_levels=4):
    sizes = channels, channels * (channels - 1) // 2
    return ChannelCategorical(*(2 * torch.randn(*batch, size, num_levels, dtype=torch.float64) for size in sizes))


def test_log_prob_is_the_formula():
    distribution = pixel(channels=3, num_levels=5)
    (l0, l1, l2), (b10, b20, b21) = distribution.logits, distribution.coefficients
    x0, x1, x2 = 4, 1, 2  # on the axis from -1 to 1: 1, -0.5, 0
    expected = (
        l0.log_softmax(0)[x0] + (l1 + 1.0 * b10).log_softmax(0)[x1] + (l2 + 1.0 * b20 - 0.5 * b21).log_softmax(0)[x2]
    )
    torch.testing.assert_close(distribution.log_prob(torch.tensor([x0, x1, x2])), expected)


def test_a_half_known_batch_broadcasts():
    distribution = ChannelCategorical(torch.randn(5, 1, 3, 4), torch.randn(2, 3, 4))
    assert distribution.batch_shape == (5, 2)
    assert distribution.log_prob(torch.zeros(7, 1, 1, 3)).shape == (7, 5, 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_draws_match_the_probabilities(channels):
    pyro.set_rng_seed(0)
    distribution, num = pixel(channels=channels), 40_000
    values = torch.cartesian_prod(*[torch.arange(4)] * channels).reshape(-1, channels)
    expected = num * distribution.log_prob(values).exp()
    weights = 4 ** torch.arange(channels - 1, -1, -1)
    counts = (distribution.sample((num,)).long() @ weights).bincount(minlength=len(values))
    often = expected > 5
    pooled = [torch.cat([t[often], t[~often].sum().view(1)]) for t in (counts, expected)] if not often.all() else None
    observed, wanted = pooled or (counts, expected)
    assert stats.chisquare(observed.numpy(), wanted.numpy() * num / wanted.sum().item()).pvalue > FAILURE_RATE
