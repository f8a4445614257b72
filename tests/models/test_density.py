"""A density as a pair of programs."""

import pytest
import torch

from pyrodgm import flows, models


@pytest.mark.parametrize(("batch", "num", "expected"), [(None, 4, 4), (5, 1, 5), (1, 1, 1)])
def test_the_program_draws_one_row_a_context_or_as_many_as_asked_for(batch, num, expected):
    density = models.Density(flows.maf(2, 0 if batch is None else 3))
    context = None if batch is None else torch.randn(batch, 3)
    assert density.model(None, context, num=num).shape == (expected, 2)


def test_an_observation_is_the_density_given_the_context():
    density, context, x = models.Density(flows.maf(2, 3)), torch.randn(5, 3), torch.randn(5, 2)
    torch.testing.assert_close(density.observation(context).log_prob(x), density.conditional(context).log_prob(x))
