"""Mixtures of discretized logistics: sums to one, the paper's formulas, tails, draws."""

import itertools
import math

import pyro
import pytest
import torch
from scipy import stats

from pyrodgm.distributions import DiscretizedLogisticMixture

FAILURE_RATE = 1e-6  # of each test of draws, for a sampler that is right


def one_variable(*batch, num_components=4, num_levels=256, scale=1.0, dtype=torch.float64):
    parameters = (scale * torch.randn(*batch, num_components, dtype=dtype) for _ in range(3))
    return DiscretizedLogisticMixture(*parameters, num_levels=num_levels)


def pixel(*batch, channels=3, num_components=4, num_levels=256, scale=1.0, dtype=torch.float64):
    sizes = (), (channels,), (channels,), (channels * (channels - 1) // 2,)
    parameters = (scale * torch.randn(*batch, *size, num_components, dtype=dtype) for size in sizes)
    return DiscretizedLogisticMixture(*parameters, num_levels=num_levels)


def all_levels(num_levels, dtype=torch.float64):
    return torch.arange(num_levels, dtype=dtype)


def all_pixels(num_levels, channels):
    return torch.cartesian_prod(*[all_levels(num_levels)] * channels).reshape(-1, channels)


def extremes(num_levels, dtype):
    """Return mixtures of two components, every pair of a location and a scale once."""
    pairs = torch.tensor(
        list(
            itertools.product(
                (-1e4, -3.0, -1.0, -0.2, 0.0, 0.7, 1.0, 40.0), (-30.0, -7.0, -5.0, -3.0, 0.0, 5.0, 20.0, 200.0)
            )
        )
    )
    both = torch.stack([pairs, pairs[torch.randperm(len(pairs))]], 1).to(dtype)
    logits = 3 * torch.randn(len(pairs), 2, dtype=dtype)
    return DiscretizedLogisticMixture(logits, both[..., 0], both[..., 1], num_levels=num_levels)


@pytest.mark.parametrize("num_levels", [2, 3, 16, 256])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_the_levels_sum_to_one(num_levels, dtype, tolerance):
    levels = all_levels(num_levels, dtype).unsqueeze(-1)
    mixtures = [one_variable(200, num_levels=num_levels, scale=scale, dtype=dtype) for scale in (1.0, 5.0, 20.0)]
    for mixture in (*mixtures, extremes(num_levels, dtype)):
        total = mixture.log_prob(levels).double().exp().sum(0)
        assert (total - 1).abs().max() < tolerance


@pytest.mark.parametrize(("channels", "num_levels"), [(1, 5), (2, 16), (3, 2), (3, 8), (4, 3)])
@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_the_pixels_sum_to_one(channels, num_levels, scale):
    mixture = pixel(20, channels=channels, num_levels=num_levels, scale=scale)
    total = mixture.log_prob(all_pixels(num_levels, channels).unsqueeze(1)).exp().sum(0)
    assert (total - 1).abs().max() < 1e-12


def by_the_paper(mixture, x):
    """Return the probability of one pixel, by sigmoids and one component and channel after the other."""
    step, total = 2 / (mixture.num_levels - 1), 0.0
    weights, c = mixture.logits.softmax(-1), mixture.coefficients.tanh()
    scaled = [step * level - 1 for level in x.tolist()]
    for k in range(len(weights)):
        probability, rows = weights[k], iter(c[:, k])
        for channel, level in enumerate(scaled):
            centred = level - mixture.loc[channel, k] - sum(next(rows) * earlier for earlier in scaled[:channel])
            rate = mixture.log_scale[channel, k].clamp(min=-7).neg().exp()
            upper = torch.sigmoid(rate * (centred + step / 2)) if x[channel] < mixture.num_levels - 1 else 1.0
            lower = torch.sigmoid(rate * (centred - step / 2)) if x[channel] > 0 else 0.0
            probability = probability * (upper - lower)
        total = total + probability
    return float(total)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_pixel_has_the_papers_probability(channels):
    mixture = pixel(num_levels=32, channels=channels)
    edges = 31 * torch.cartesian_prod(*[torch.arange(2)] * channels).reshape(-1, channels)
    pixels = torch.cat([mixture.sample((40,)), edges])
    expected = torch.tensor([by_the_paper(mixture, x) for x in pixels])
    # A difference of sigmoids loses what they have in common: a unit in the last place of one.
    torch.testing.assert_close(mixture.log_prob(pixels).exp(), expected, rtol=1e-9, atol=1e-15)


def test_channels_without_coefficients_share_only_the_component():
    mixture = pixel(num_components=1)
    mixture.coefficients = torch.zeros(3, 1)
    x = mixture.sample((50,))
    apart = [DiscretizedLogisticMixture(torch.zeros(1), mixture.loc[i], mixture.log_scale[i]) for i in range(3)]
    expected = sum(channel.log_prob(x[:, i]) for i, channel in enumerate(apart))
    torch.testing.assert_close(mixture.log_prob(x), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("loc", [-1e4, 0.0, 1e4])
def test_gradients_are_finite_in_the_far_tails(dtype, loc):
    log_scale = torch.tensor([-1e3, -7.0, -3.0, 0.0, 8.0, 20.0, 1e3], dtype=dtype)[:, None].repeat(1, 3)
    logits = torch.tensor([0.0, -50.0, -torch.inf], dtype=dtype).expand(7, 3)
    parameters = [logits, loc + torch.randn(7, 3, dtype=dtype), log_scale]
    parameters = [parameter.clone().requires_grad_() for parameter in parameters]
    mixture = DiscretizedLogisticMixture(*parameters)
    log_prob = mixture.log_prob(all_levels(256, dtype).unsqueeze(-1))
    assert log_prob.isfinite().all()
    for gradient in torch.autograd.grad(log_prob.sum(), parameters):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("log_scale", [-6.0, -4.0, -1.0, 6.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_of_single_precision(log_scale, channels):
    mixture = pixel(500, channels=channels, dtype=torch.float32)
    sources = [mixture.logits, mixture.loc, mixture.log_scale * 0.5 + log_scale, mixture.coefficients]
    value = torch.randint(0, 256, (500, channels))
    gradients = []
    for dtype in (torch.float32, torch.float64):
        leaves = [source.to(dtype).requires_grad_() for source in sources]
        gradients.append(
            torch.autograd.grad(
                DiscretizedLogisticMixture(*leaves).log_prob(value).sum(), leaves, materialize_grads=True
            )
        )
    for single, double in zip(*gradients, strict=True):  # a single channel has empty coefficients
        assert torch.linalg.vector_norm(single - double) <= 1e-4 * torch.linalg.vector_norm(double)


def test_scales_are_bounded_below_as_in_the_paper():
    log_scale = torch.tensor([[-9.0, -7.0, -6.9]]).T.requires_grad_()
    mixture = DiscretizedLogisticMixture(torch.zeros(1), torch.zeros(1), log_scale)
    log_prob = mixture.log_prob(torch.tensor(100))
    assert log_prob[0] == log_prob[1] < log_prob[2]
    assert (torch.autograd.grad(log_prob.sum(), log_scale)[0].squeeze(-1) != 0).tolist() == [False, True, True]


def chi_square(counts, probabilities, num_draws):
    """Return the p-value, with rare values together so that each group is expected ten times."""
    order = probabilities.argsort()
    groups = (
        (probabilities[order].cumsum(0) * num_draws / 10).floor().clamp(max=(probabilities * num_draws >= 10).sum() + 1)
    )
    _, index = groups.unique(return_inverse=True)
    expected = torch.zeros(int(index.max()) + 1).index_add(0, index, probabilities[order]) * num_draws
    observed = torch.zeros_like(expected).index_add(0, index, counts[order])
    return stats.chisquare(observed.numpy(), (expected * num_draws / expected.sum()).numpy()).pvalue


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_of_one_variable_have_its_probabilities(dtype):
    mixture = one_variable(dtype=dtype)
    draws = mixture.sample((100_000,))
    assert draws.dtype == dtype
    counts = torch.bincount(draws.long(), minlength=256).double()
    probabilities = mixture.log_prob(all_levels(256)).double().exp()
    assert chi_square(counts, probabilities, len(draws)) > FAILURE_RATE


def test_draws_of_a_pixel_have_its_probabilities():
    mixture = pixel(num_levels=6, num_components=3)
    draws = mixture.sample((100_000,)).long()
    counts = torch.bincount(draws @ torch.tensor([36, 6, 1]), minlength=216).double()
    assert chi_square(counts, mixture.log_prob(all_pixels(6, 3)).exp(), len(draws)) > FAILURE_RATE


def test_a_level_holds_the_uniforms_of_its_probability():
    mixture = one_variable(num_components=1, num_levels=16)
    num = 100_000
    uniforms = (torch.arange(num) + 0.5) / num
    counts = torch.bincount(mixture.from_uniforms(torch.stack([uniforms, uniforms], -1)).long(), minlength=16)
    assert (counts - num * mixture.log_prob(all_levels(16)).exp()).abs().max() <= 1


def test_a_uniform_of_zero_is_the_lowest_level():
    for mixture in (one_variable(7, scale=20.0), pixel(7, scale=20.0)):
        uniforms = torch.zeros(7, 1 + mixture.event_shape.numel())
        draws = mixture.from_uniforms(uniforms)
        assert torch.equal(draws, torch.zeros(7, *mixture.event_shape))


@pytest.mark.parametrize("num_levels", [2, 256])
def test_the_mean_is_the_sum_over_the_levels(num_levels):
    mixture = one_variable(5, 3, num_levels=num_levels, scale=3.0)
    values = mixture.enumerate_support(expand=False)
    torch.testing.assert_close(mixture.mean, (values * mixture.log_prob(values).exp()).sum(0))
    with pytest.raises(NotImplementedError, match="average draws"):
        _ = pixel().mean


def test_shapes_broadcast():
    logits, loc, log_scale, coefficients = (
        torch.randn(4),
        torch.randn(5, 3, 4),
        torch.randn(2, 1, 3, 4),
        torch.randn(3, 4),
    )
    mixture = DiscretizedLogisticMixture(logits, loc, log_scale, coefficients)
    assert (mixture.batch_shape, mixture.event_shape) == ((2, 5), (3,))
    x = mixture.sample((7, 6))
    assert x.shape == (7, 6, 2, 5, 3)
    log_prob = mixture.log_prob(x)
    one = DiscretizedLogisticMixture(logits, loc[3], log_scale[1, 0], coefficients)
    torch.testing.assert_close(one.log_prob(x[..., 1, 3, :]), log_prob[..., 1, 3])
    torch.testing.assert_close(mixture.log_prob(x[0, 0, 0, 0]), mixture.log_prob(x[0, 0, 0, 0].expand(2, 5, 3)))
    wider = mixture.expand((6, 2, 5))
    assert wider.sample().shape == (6, 2, 5, 3)
    torch.testing.assert_close(wider.log_prob(x[0]), log_prob[0])
    assert DiscretizedLogisticMixture(*[torch.zeros(0, 4)] * 3).log_prob(torch.zeros(0)).shape == (0,)


def test_memory_may_lie_as_convolutions_leave_it():
    mixture, x = pixel(2, 5, 6), torch.randint(0, 256, (2, 5, 6, 3))
    names = ("logits", "loc", "log_scale", "coefficients")
    permuted = (
        getattr(mixture, name).movedim((1, 2), (-2, -1)).contiguous().movedim((-2, -1), (1, 2)) for name in names
    )
    torch.testing.assert_close(DiscretizedLogisticMixture(*permuted).log_prob(x), mixture.log_prob(x))


def test_support_and_enumeration():
    mixture = one_variable(5, num_levels=8)
    assert mixture.has_enumerate_support
    assert mixture.enumerate_support().shape == (8, 5)
    assert mixture.support.is_discrete
    assert mixture.support.check(torch.tensor([-1.0, 0.0, 3.5, 7.0, 8.0])).tolist() == [False, True, False, True, False]
    image = pixel(5, num_levels=8)
    assert not image.has_enumerate_support
    assert image.support.check(torch.tensor([[0.0, 7.0, 8.0], [0.0, 7.0, 3.0]])).tolist() == [False, True]
    with pytest.raises(NotImplementedError, match="too many"):
        image.enumerate_support()


def test_half_precision_is_lifted():
    parameters = [torch.randn(5, 4).bfloat16() for _ in range(3)]
    mixture = DiscretizedLogisticMixture(*parameters)
    x = mixture.sample()
    assert x.dtype == torch.float32
    expected = DiscretizedLogisticMixture(*(parameter.float() for parameter in parameters)).log_prob(x)
    assert torch.equal(mixture.log_prob(x.bfloat16()), expected)


def test_a_pyro_program_scores_and_draws_it():
    mixture = pixel(5)

    def program(x=None):
        with pyro.plate("data", 5):
            return pyro.sample("x", mixture, obs=x)

    x = program()
    trace = pyro.poutine.trace(program).get_trace(x.long())
    assert math.isclose(float(trace.log_prob_sum()), float(mixture.log_prob(x).sum()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # of torch about itself
def test_one_graph_with_equal_numbers():
    torch._dynamo.reset()
    mixture = pixel(5)
    x = mixture.sample()
    names = ("logits", "loc", "log_scale", "coefficients")
    leaves = [getattr(mixture, name).clone().requires_grad_() for name in names]

    def log_prob(*leaves):
        return DiscretizedLogisticMixture(*leaves).log_prob(x)

    compiled = torch.compile(log_prob, backend="aot_eager", fullgraph=True)
    gradients = [torch.autograd.grad(function(*leaves).sum(), leaves) for function in (compiled, log_prob)]
    for ours, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-8, atol=1e-8)  # the series of expm1
    torch._dynamo.reset()
