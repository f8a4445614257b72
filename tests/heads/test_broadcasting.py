"""Parameters against values and noise of another batch: heads broadcast them."""

import pytest
import torch

from pyrodgm import heads
from tests.cases import HEADS

BATCHES = [((), (5,)), ((5,), (7, 5)), ((5,), ()), ((7, 1), (5,))]


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize(("batch", "other"), BATCHES)
def test_parameters_broadcast_against_values_and_noise(name, batch, other):
    head = HEADS[name]()
    params, noise = torch.randn(*batch, head.num_params), head.noise(other, dtype=torch.float64)
    full = torch.broadcast_shapes(batch, other)
    draws = head.from_noise(params, noise)
    assert draws.shape == (*full, *head.event_shape)
    expanded = head.from_noise(params.expand(*full, -1), noise.expand(*full, *head.noise_shape))
    torch.testing.assert_close(draws, expanded)
    value = head(torch.randn(head.num_params)).sample(other)
    torch.testing.assert_close(head.log_prob(params, value), head(params).log_prob(value))


def test_a_shared_scale_is_shown():
    assert repr(heads.Normal(3, shared_scale=True)) == "Normal(event_shape=(3,), shared_scale=True)"
