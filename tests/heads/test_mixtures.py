"""Mixtures of normals and of Laplace variables, against scipy, and from noise."""

import pytest
import torch
from scipy import stats

from pyrodgm import heads

FAILURE_RATE = 1e-6  # of each test of draws, for a sampler that is right
FAMILIES = {"normal": (heads.MixtureNormal, stats.norm), "laplace": (heads.MixtureLaplace, stats.laplace)}


def parts(head, params):
    """Return weights, locations and scales by the documented order of the parameters, ``(*batch, event, K)``."""
    k = head.num_components
    logits, loc, raw = params.unflatten(-1, (3, k, head.num_variables)).mT.unbind(-3)
    scale = torch.nn.functional.softplus(raw + torch.tensor(1.0).expm1().log()) + 1e-4
    return logits.softmax(-1), loc + torch.arange(1 - k, k, 2) / k, scale


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("event_shape", [(), (3,), (2, 2)])
def test_densities_against_scipy(name, event_shape):
    make, family = FAMILIES[name]
    head = make(4, event_shape)
    params, x = torch.randn(7, head.num_params), 3 * torch.randn(7, *event_shape)
    weights, loc, scale = (part.numpy() for part in parts(head, params))
    density = (weights * family.pdf(x.reshape(7, -1, 1).numpy(), loc, scale)).sum(-1)
    expected = torch.from_numpy(density).log().sum(-1)
    torch.testing.assert_close(head(params).log_prob(x), expected)
    torch.testing.assert_close(head.log_prob(params, x), expected)


@pytest.mark.parametrize("name", FAMILIES)
def test_draws_from_noise_have_the_distribution(name):
    make, family = FAMILIES[name]
    head, num = make(3, 2), 50_000
    params = 2 * torch.randn(head.num_params)
    noise = head.noise((num,), dtype=params.dtype)
    assert noise.shape == (num, *head.noise_shape) == (num, 2, 2)
    draws = head.from_noise(params.expand(num, -1), noise)
    weights, loc, scale = (part.numpy() for part in parts(head, params))
    for i in range(2):
        uniforms = (weights[i] * family.cdf(draws[:, i, None].numpy(), loc[i], scale[i])).sum(-1)
        assert stats.kstest(uniforms, "uniform").pvalue > FAILURE_RATE


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_and_noise_broadcast(name):
    head = FAMILIES[name][0](3, (2, 2))
    params, noise = torch.randn(5, head.num_params), head.noise((7, 5), dtype=torch.float64)
    draws = head.from_noise(params, noise)
    assert draws.shape == (7, 5, 2, 2)
    # Rounding apart: some processors round a logarithm otherwise at the end of a vector than within.
    torch.testing.assert_close(draws[3], head.from_noise(params, noise[3]), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(draws[:, 2], head.from_noise(params[2], noise[:, 2]), rtol=1e-13, atol=1e-13)
    assert head.from_noise(params, torch.zeros_like(noise)).isfinite().all()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wild_parameters_stay_finite(name, dtype):
    head = FAMILIES[name][0](4, 3)
    params = (20 * torch.randn(50, head.num_params, dtype=dtype)).requires_grad_()
    log_prob = head(params).log_prob(10 * torch.randn(50, 3, dtype=dtype))
    assert log_prob.isfinite().all()
    assert torch.autograd.grad(log_prob.sum(), params)[0].isfinite().all()


@pytest.mark.parametrize("name", FAMILIES)
def test_components_part_from_zero_parameters(name):
    head = FAMILIES[name][0](2)
    params = torch.zeros(head.num_params, requires_grad=True)
    x = torch.cat([torch.linspace(-3.5, -2.5, 50), torch.linspace(2.5, 3.5, 50)])
    optimizer = torch.optim.Adam([params], lr=0.1)
    for _ in range(200):
        loss = -head(params).log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    loc = parts(head, params.detach())[1].flatten()
    assert (loc - torch.tensor([-3.0, 3.0])).abs().max() < 0.1
