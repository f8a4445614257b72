"""Mixtures of diagonal normals: densities against torch, draws by their moments, gradients of draws by quadrature."""

import copy

import pyro.distributions as dist
import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from pyrodgm import distributions


def parameters(*batch, num_components=3, num_features=2):
    logits = torch.randn(*batch, num_components)
    loc = 2 * torch.randn(*batch, num_components, num_features)
    scale = 0.3 + torch.rand(*batch, num_components, num_features)
    return logits, loc, scale


def torchs(logits, loc, scale):
    return MixtureSameFamily(Categorical(logits=logits), Independent(Normal(loc, scale), 1))


@pytest.mark.parametrize("batch", [(), (5,), (2, 1, 3)])
@pytest.mark.parametrize(("num_components", "num_features"), [(1, 1), (4, 1), (3, 5)])
def test_density_mean_and_variance_are_those_of_torch(batch, num_components, num_features):
    parts = parameters(*batch, num_components=num_components, num_features=num_features)
    ours, theirs = distributions.DiagonalNormalMixture(*parts), torchs(*parts)
    z = 3 * torch.randn(7, *batch, num_features)
    torch.testing.assert_close(ours.log_prob(z), theirs.log_prob(z))
    torch.testing.assert_close(ours.mean, theirs.mean)
    torch.testing.assert_close(ours.variance, theirs.variance)
    wider = ours.expand((2, *batch))
    one = z[0].flatten(0, -2)[0] if batch else z[0]
    torch.testing.assert_close(wider.log_prob(one), theirs.log_prob(one).expand(2, *batch))
    torch.testing.assert_close(wider.log_prob(z[:2]), theirs.log_prob(z[:2]))


def test_parameters_broadcast():
    logits, loc, scale = parameters(num_components=3)
    p = distributions.DiagonalNormalMixture(logits.expand(4, 3), loc, scale[:, :1])
    assert (p.batch_shape, p.event_shape) == ((4,), (2,))
    assert p.rsample((6,)).shape == (6, 4, 2)


def test_draws_have_the_distribution():
    parts = parameters(3, num_features=3)
    p, num = distributions.DiagonalNormalMixture(*parts), 100_000
    z = p.sample((num,))
    # Six standard errors of 9 means, 9 squares and 9 products: a true sampler fails once in about 10^7 runs.
    error = p.variance.sqrt() / num**0.5
    assert ((z.mean(0) - p.mean).abs() < 6 * error).all()
    weights, loc, scale = parts[0].softmax(-1), parts[1], parts[2]
    second = torch.einsum("bk,bki,bkj->bij", weights, loc, loc)
    second = second + torch.diag_embed(torch.einsum("bk,bki->bi", weights, scale.square()))
    products = z.unsqueeze(-1) * z.unsqueeze(-2)
    assert ((products.mean(0) - second).abs() < 6 * products.std(0) / num**0.5).all()


def objective(z):
    """A function whose mean depends on all that a mixture of two features can be."""
    return (z[..., 0] * 1.3).sin() + (z[..., 1] - 0.5).square() * 0.3 + (z[..., 0] * z[..., 1]).tanh()


def test_gradients_of_draws_are_those_of_the_expectation():
    parts = [part.requires_grad_() for part in parameters()]
    points = torch.linspace(-14, 14, 561)
    grid = torch.cartesian_prod(points, points)
    weights = torchs(*parts).log_prob(grid).exp() * (points[1] - points[0]) ** 2
    torch.testing.assert_close(weights.sum().detach(), torch.tensor(1.0), rtol=1e-6, atol=0)
    exact = torch.autograd.grad((weights * objective(grid)).sum(), parts)

    num = 40_000
    many = [part.detach().expand(num, *part.shape).clone().requires_grad_() for part in parts]
    z = distributions.DiagonalNormalMixture(*many).rsample()
    each = torch.autograd.grad(objective(z).sum(), many)
    for gradient, expected in zip(each, exact, strict=True):
        error = gradient.std(0) / num**0.5
        # Six standard errors of 15 numbers: true gradients fail once in about 10^7 runs.
        assert ((gradient.mean(0) - expected).abs() < 6 * error + 1e-6).all()
        assert (expected.abs() > 6 * error).any()  # so that the comparison tells something


def test_gradient_of_one_draw_moves_along_its_distribution_function():
    """In one dimension F(z(theta); theta) is constant, so that finite differences of the quantile are the gradient."""
    parts = [part.requires_grad_() for part in parameters(num_features=1)]
    z = distributions.DiagonalNormalMixture(*parts).rsample()
    gradients = torch.autograd.grad(z.sum(), parts)

    def cumulative(logits, loc, scale, at):
        return (logits.softmax(-1) * torch.special.ndtr((at - loc.squeeze(-1)) / scale.squeeze(-1))).sum()

    def quantile(values, level):
        low, high = torch.tensor(-50.0), torch.tensor(50.0)
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if cumulative(*values, middle) < level else (low, middle)
        return (low + high) / 2

    with torch.no_grad():
        level = cumulative(*parts, z)
        step = 1e-5
        for number, gradient in enumerate(gradients):
            for index in range(gradient.numel()):
                moved = []
                for sign in (1, -1):
                    values = [part.detach().clone() for part in parts]
                    values[number].view(-1)[index] += sign * step
                    moved.append(quantile(values, level))
                slope = (moved[0] - moved[1]) / (2 * step)
                torch.testing.assert_close(gradient.view(-1)[index], slope, rtol=1e-4, atol=1e-6)


def test_one_component_is_a_normal_with_its_gradients():
    loc, scale = torch.randn(5, 1, 3, requires_grad=True), torch.rand(5, 1, 3).add(0.1).requires_grad_()
    p = distributions.DiagonalNormalMixture(torch.zeros(5, 1), loc, scale)
    z = p.rsample()
    noise = ((z - loc.squeeze(1)) / scale.squeeze(1)).detach()
    ours = torch.autograd.grad(z.square().sum(), (loc, scale))
    again = loc.squeeze(1) + scale.squeeze(1) * noise
    for gradient, expected in zip(ours, torch.autograd.grad(again.square().sum(), (loc, scale)), strict=True):
        torch.testing.assert_close(gradient, expected)


def test_components_far_apart_have_finite_gradients_in_float32():
    loc = torch.tensor([[-300.0, 0.0], [0.0, 200.0], [1e4, -1e4]], dtype=torch.float32, requires_grad=True)
    scale = torch.full((3, 2), 1e-2, dtype=torch.float32, requires_grad=True)
    logits = torch.tensor([0.0, -5.0, 2.0], dtype=torch.float32, requires_grad=True)
    z = distributions.DiagonalNormalMixture(logits, loc, scale).rsample((2000,))
    gradients = torch.autograd.grad(z.sum(), (logits, loc, scale))
    assert all(gradient.isfinite().all() for gradient in gradients)
    # A draw follows its own component; each component has a share of the draws.
    torch.testing.assert_close(gradients[1].sum(0), torch.full((2,), 2000.0, dtype=torch.float32), rtol=1e-2, atol=0)


def test_draws_without_gradients_equal_those_with():
    parts = parameters(4)
    torch.manual_seed(1)
    plain = distributions.DiagonalNormalMixture(*parts).rsample()
    torch.manual_seed(1)
    p = distributions.DiagonalNormalMixture(*[part.requires_grad_() for part in copy.deepcopy(parts)])
    with_gradients = p.rsample()
    assert torch.equal(plain, with_gradients)
    assert with_gradients.requires_grad
    assert not p.sample().requires_grad


def test_refuses_scales_that_are_none():
    with pytest.raises(ValueError, match="scale"):
        distributions.DiagonalNormalMixture(torch.zeros(2), torch.zeros(2, 1), torch.zeros(2, 1), validate_args=True)
    assert isinstance(distributions.DiagonalNormalMixture(*parameters()), dist.TorchDistribution)


@pytest.mark.parametrize("batch", [(), (4,)])
def test_gradients_of_the_density_are_those_of_torch(batch):
    parts = [part.requires_grad_() for part in parameters(*batch)]
    z = torch.randn(7, *batch, 2, requires_grad=True)
    gradients = [
        torch.autograd.grad(p.log_prob(z).sin().sum(), [*parts, z])
        for p in (distributions.DiagonalNormalMixture(*parts), torchs(*parts))
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_narrow_components_far_from_zero_keep_their_digits_in_float32():
    loc, scale = 50 + torch.randn(200, 8), torch.full((200, 8), 1e-3)
    z = loc[:100] + scale[:100] * torch.randn(100, 8)
    single = distributions.DiagonalNormalMixture(torch.zeros(200), loc, scale)
    parts = [part.float() for part in (single.logits, single.loc, single.scale)]
    exact = torchs(*(part.double() for part in parts)).log_prob(z.float().double())
    ours = distributions.DiagonalNormalMixture(*parts).log_prob(z.float())
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours.double(), exact, rtol=1e-5, atol=1e-5)
