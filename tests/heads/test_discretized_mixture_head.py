"""The head of discretized mixtures: its short way to the density, its start, its draws from noise."""

import pytest
import torch
from scipy import stats

from pyrodgm import heads

FAILURE_RATE = 1e-6  # of each test of draws, for a sampler that is right
SHAPES = {"one variable": (), "one channel": (1,), "two channels": (2,), "pixel": (3,), "four channels": (4,)}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("batch", [(), (5,), (2, 1, 3)])
def test_the_short_way_is_the_distribution(name, batch):
    head = heads.DiscretizedLogisticMixture(3, 64, SHAPES[name])
    params = torch.randn(*batch, head.num_params, requires_grad=True)
    values = torch.randint(0, 64, (*batch, *head.event_shape))
    values = torch.where(torch.rand(values.shape) < 0.3, 63, values)  # an edge
    log_probs = [head.log_prob(params, values), head(params).log_prob(values)]
    torch.testing.assert_close(*log_probs)
    torch.testing.assert_close(*(torch.autograd.grad(log_prob.sum(), params) for log_prob in log_probs))


def test_the_short_way_takes_more_values_than_parameters_and_any_layout():
    head = heads.DiscretizedLogisticMixture(3, 64, 3)
    params = torch.randn(2, head.num_params, 4, 5).movedim(1, -1)  # as a convolution lays them out
    values = torch.randint(0, 64, (7, 2, 4, 5, 3))
    torch.testing.assert_close(head.log_prob(params, values), head(params.contiguous()).log_prob(values))
    assert head.log_prob(torch.zeros(0, head.num_params), torch.zeros(0, 3)).shape == (0,)


def test_half_precision_is_lifted_before_any_arithmetic():
    head = heads.DiscretizedLogisticMixture(10, 256, 3)
    params, values = torch.randn(5, head.num_params).bfloat16(), torch.randint(0, 256, (5, 3))
    expected = head(params.float())
    torch.testing.assert_close(head(params).loc, expected.loc, rtol=0, atol=0)
    torch.testing.assert_close(head(params).log_scale, expected.log_scale, rtol=0, atol=0)
    torch.testing.assert_close(head(params).log_prob(values), head.log_prob(params, values))


def test_the_start_is_nearly_flat_and_its_components_differ():
    for shape in ((), (3,)):
        head = heads.DiscretizedLogisticMixture(10, 256, shape)
        start = head(torch.zeros(head.num_params))
        torch.testing.assert_close(start.log_scale.exp(), torch.full_like(start.loc, 0.3))
        expected = torch.linspace(-0.9, 0.9, 10).expand_as(start.loc)
        torch.testing.assert_close(start.loc, expected)
    probabilities = heads.DiscretizedLogisticMixture()(torch.zeros(30)).log_prob(torch.arange(256)).exp()
    assert probabilities.min() > 0.5 / 256
    assert probabilities[1:-1].max() < 2 / 256


def test_log_scales_stay_within_bounds_and_get_gradients():
    head = heads.DiscretizedLogisticMixture(1)
    raw = torch.tensor([-40.0, -20.0, -7.0, 0.0, 7.0, 20.0, 40.0], requires_grad=True)
    params = torch.stack([torch.zeros(7), torch.zeros(7), raw], -1)
    log_scale = head(params).log_scale.squeeze(-1)
    assert (log_scale.abs() < 7).all()
    slopes = torch.autograd.grad(log_scale.sum(), raw)[0]
    assert (slopes > 1e-6).all()
    assert abs(slopes[3] - 1) < 0.1


def test_a_pixel_from_noise_has_its_probabilities():
    head = heads.DiscretizedLogisticMixture(3, 5, 3)
    params = torch.randn(head.num_params)
    noise = head.noise((100_000,), dtype=params.dtype)
    assert noise.shape == (100_000, *head.noise_shape) == (100_000, 4)
    draws = head.from_noise(params.expand(100_000, -1), noise).long()
    counts = torch.bincount(draws @ torch.tensor([25, 5, 1]), minlength=125)
    pixels = torch.cartesian_prod(*[torch.arange(5)] * 3)
    expected = 100_000 * head(params).log_prob(pixels).exp()
    kept = expected > 10
    rest = torch.stack([counts[~kept].sum(), expected[~kept].sum()])
    observed, expected = torch.cat([counts[kept], rest[:1]]), torch.cat([expected[kept], rest[1:]])
    assert stats.chisquare(observed.numpy(), (expected * 1e5 / expected.sum()).numpy()).pvalue > FAILURE_RATE


def test_parameters_and_noise_broadcast():
    head = heads.DiscretizedLogisticMixture(3, 64, 3)
    params, noise = torch.randn(2, 5, head.num_params), head.noise((7, 2, 5), dtype=torch.float64)
    draws = head.from_noise(params, noise)
    assert torch.equal(draws[3], head.from_noise(params, noise[3]))
    assert torch.equal(draws[:, 1, 2], head.from_noise(params[1, 2], noise[:, 1, 2]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_of_zero_gives_levels(dtype):
    head = heads.DiscretizedLogisticMixture(3, 64, 3)
    params = 20 * torch.randn(50, head.num_params, dtype=dtype)
    draws = head.from_noise(params, torch.zeros(50, 4, dtype=dtype))
    assert draws.dtype == dtype
    assert torch.equal(draws, torch.zeros(50, 3, dtype=dtype))
