"""Flows over images: exact densities, round trips, labels, and everything that works on flows."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch.distributions import biject_to

from pyrodgm import Fixed, Flow, Neural, flows, heads, infer, models, nn, testing, transforms
from pyrodgm.distributions import StandardNormal
from pyrodgm.testing import perturb
from pyrodgm.testing.expectations import check_gradients

SMALL = {"hidden_channels": 8}
BUILDERS = {
    "nice_image": lambda shape, *args, **kwargs: flows.nice_image(shape, *args, num_layers=3, **SMALL, **kwargs),
    "realnvp_image": lambda shape, *args, **kwargs: flows.realnvp_image(
        shape, *args, num_scales=2, num_blocks=1, **SMALL, **kwargs
    ),
    "glow": lambda shape, *args, **kwargs: flows.glow(shape, *args, num_scales=2, num_steps=2, **SMALL, **kwargs),
}


def started(name, shape=(3, 4, 4), *args, scale=0.05, **kwargs):
    """Build a flow that starts from data and has moved on from there."""
    flow = BUILDERS[name](shape, *args, **kwargs)
    context = torch.eye(flow.context_dim).repeat(3, 1) if flow.context_dim else None
    flow.initialize(torch.rand(3 * flow.context_dim or 30, *shape), context)
    return perturb(flow, scale)


def jacobian_ladj(function, x):
    jacobian = torch.autograd.functional.jacobian(function, x)
    return torch.linalg.slogdet(jacobian.reshape(x.numel(), x.numel()))[1]


@pytest.mark.parametrize("context_dim", [0, 2])
@pytest.mark.parametrize("name", BUILDERS)
def test_the_whole_log_determinant_is_that_of_the_jacobian(name, context_dim):
    bijection = started(name, (3, 4, 4), context_dim).bijection
    context = torch.randn(context_dim) if context_dim else None
    y = torch.rand(3, 4, 4)
    x, ladj = bijection.inverse_and_ladj(y, context)
    torch.testing.assert_close(ladj, jacobian_ladj(lambda v: bijection.inverse_and_ladj(v, context)[0], y))
    expected = jacobian_ladj(lambda v: bijection.forward_and_ladj(v, context)[0], x.detach())
    torch.testing.assert_close(bijection.forward_and_ladj(x.detach(), context)[1], expected)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-9)])
@pytest.mark.parametrize("name", BUILDERS)
def test_round_trip(name, dtype, tolerance):
    flow = started(name, (3, 8, 8)).to(dtype)
    y = torch.rand(10, 3, 8, 8, dtype=dtype)
    with torch.no_grad():
        back = flow.to_data(flow.to_base(y))
    assert back.dtype == dtype
    assert (back - y).abs().max() < tolerance


def test_round_trip_of_a_trained_glow():
    torch.set_default_dtype(torch.float32)
    flow = flows.glow((1, 8, 8), num_scales=2, num_steps=2, hidden_channels=8)
    x = 0.8 * torch.rand(64, 1, 1, 1) * torch.linspace(0, 1, 8) * torch.linspace(0.5, 1, 8)[:, None]
    x = x + 0.2 * torch.rand(64, 1, 8, 8)
    flow.initialize(x)
    optimiser = torch.optim.Adam(flow.parameters(), lr=5e-3, fused=True)
    first = flow().log_prob(x).mean().item()
    for _ in range(100):
        optimiser.zero_grad()
        loss = -flow().log_prob(x).mean()
        loss.backward()
        optimiser.step()
    assert -loss.item() > first + 5
    with torch.no_grad():
        assert (flow.to_data(flow.to_base(x)) - x).abs().max() < 1e-5


@pytest.mark.parametrize("name", BUILDERS)
def test_labels_change_densities_and_draws(name):
    flow = started(name, (1, 4, 4), 10, scale=0.3)
    check_gradients(flow, flow(torch.eye(10)).log_prob(torch.rand(10, 1, 4, 4)))
    x = torch.rand(1, 4, 4)
    log_prob = flow(torch.eye(10)).log_prob(x)
    assert log_prob.shape == (10,)
    assert len(log_prob.unique()) == 10
    torch.testing.assert_close(log_prob[3], flow(torch.eye(10)[3]).log_prob(x))
    assert flow(torch.eye(10)).sample((2,)).shape == (2, 10, 1, 4, 4)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_builder_starts_near_the_data(name):
    """Scales and shifts start from data; couplings start at the identity."""
    x = (0.2 + 0.05 * torch.randn(200, 1, 8, 8)).clamp(0.01, 0.99)
    flow = BUILDERS[name]((1, 8, 8)).eval()  # in training, the first batch would set Glow
    before = flow().log_prob(x).mean()
    flow.initialize(x)
    u = flow.to_base(x)
    if name == "realnvp_image":
        assert flow().log_prob(x).mean() == before  # nothing in it is set from data
    else:
        assert flow().log_prob(x).mean() > before
        assert (u.mean(0).abs() < 0.3).all()
        assert ((u.std(0) - 1).abs() < 0.3).all()


def test_of_many_images_a_thousand_are_enough_to_start():
    flow, seen = flows.glow((1, 4, 4), 2, num_scales=1, num_steps=1, hidden_channels=4), []
    net = next(part for part in flow.modules() if isinstance(part, nn.ConvNet))
    net.register_forward_pre_hook(lambda module, args: seen.append([len(arg) for arg in args]))
    flow.initialize(torch.rand(1500, 1, 4, 4), torch.randn(1500, 2))
    assert {tuple(sizes) for sizes in seen} == {(1000, 1000)}
    seen.clear()
    flow.initialize(torch.rand(30, 1, 4, 4), torch.randn(30, 2))
    assert {tuple(sizes) for sizes in seen} == {(30, 30)}


def test_the_density_of_a_draw_costs_no_network():
    flow, calls = started("glow", (1, 4, 4), 2), []
    for part in flow.modules():
        if isinstance(part, nn.ConvNet):
            part.register_forward_hook(lambda *_: calls.append(1))
    distribution = flow(torch.randn(5, 2))
    x = distribution.rsample((2,))
    assert len(calls) == 4
    log_prob = distribution.log_prob(x)
    assert len(calls) == 4
    torch.testing.assert_close(log_prob, distribution.log_prob(x.clone()))
    assert len(calls) == 8


def test_images_of_real_numbers_need_no_interval():
    flow = flows.glow((1, 4, 4), num_scales=1, num_steps=1, hidden_channels=4, logit=None)
    assert flow().log_prob(100 * torch.randn(5, 1, 4, 4)).isfinite().all()
    extended = flows.extend(flow, [transforms.LogitTransform(event_dim=3)])
    x = extended().sample((5,))
    u, ladj = transforms.LogitTransform(event_dim=3).inverse_and_ladj(x)
    torch.testing.assert_close(extended().log_prob(x.clone()), flow().log_prob(u) + ladj)


@pytest.mark.parametrize("name", BUILDERS)
def test_deep_flows_stay_finite_far_away(name):
    flow = perturb(BUILDERS[name]((1, 4, 4), logit=None).float(), 0.3).eval()
    far = 1e4 * torch.randn(5, 1, 4, 4, dtype=torch.float32)
    x, ladj = flow.bijection.forward_and_ladj(far)
    assert x.isfinite().all()
    assert ladj.isfinite().all()


def test_as_a_model_and_its_guide():
    def make():
        return models.Density(flows.glow((1, 4, 4), 2, num_scales=1, num_steps=2, **SMALL, logit=None))

    testing.check_model(make, torch.randn(8, 1, 4, 4), torch.randn(8, 2))


@pytest.mark.parametrize("name", BUILDERS)
def test_integers_under_dequantization(name):
    model = models.Dequantized(BUILDERS[name]((1, 4, 4)), num_levels=256)
    x = torch.randint(0, 256, (20, 1, 4, 4)).double()
    model.check_data(x)
    model.initialize(x)
    loss = Trace_ELBO()(model.model, model.guide)(x)
    loss.backward()
    assert 6 < loss.item() / (20 * 16 * math.log(2)) < 12  # bits; eight without a model
    estimate = infer.log_evidence(model.model, model.guide, x, num_particles=2)
    assert estimate.isfinite().all()
    drawn = model.sample(3)
    assert drawn.shape == (3, 1, 4, 4)
    assert torch.equal(drawn, drawn.round().clamp(0, 255))


def test_as_a_prior():
    prior = started("glow", (1, 4, 4), logit=None)
    likelihood = Neural(nn.ConvEncoder((1, 4, 4), 6, channels=(4,)), heads.Bernoulli(6))
    posterior = Neural(nn.MLP(6, 32, hidden_dims=(8,)), heads.Normal((1, 4, 4)))
    vae = models.VAE(prior, likelihood, posterior)
    x = torch.rand(5, 6).round()
    loss = Trace_ELBO()(vae.model, vae.guide)(x)
    check_gradients(vae, loss)
    assert vae.sample(3).shape == (3, 6)

    def program():
        with pyro.plate("data", 5):
            return pyro.sample("z", prior())

    assert program().shape == (5, 1, 4, 4)


@pytest.mark.parametrize("name", ["nice_image", "glow"])
def test_temperature_scales_the_base(name):
    flow = started(name, (1, 4, 4), 2)
    context = torch.randn(5, 2)
    one, cold = flow.at_temperature(1.0), flow.at_temperature(0.5)
    draws = []
    for given in (flow, one, cold):
        pyro.set_rng_seed(1)
        draws.append(given(context).sample((3,)))
    torch.testing.assert_close(draws[1], draws[0])
    torch.testing.assert_close(cold.to_base(draws[2], context), 0.5 * flow.to_base(draws[0], context))
    x = draws[2]
    torch.testing.assert_close(one(context).log_prob(x), flow(context).log_prob(x))
    kind = dist.Logistic if name == "nice_image" else dist.Normal
    base = kind(torch.zeros(1, 4, 4), 0.5 * torch.ones(1, 4, 4)).to_event(3)
    u, ladj = flow.bijection.inverse_and_ladj(x, context)
    torch.testing.assert_close(cold(context).log_prob(x), base.log_prob(u) + ladj)
    torch.testing.assert_close(cold.at_temperature(2.0)(context).log_prob(x), flow(context).log_prob(x))
    assert {id(p) for p in cold.parameters()} == {id(p) for p in flow.parameters()}


@pytest.mark.parametrize("spherical", [None, True, False])
@pytest.mark.parametrize("name", ["nice_image", "realnvp_image"])
def test_a_path_ends_at_the_data_given(name, spherical):
    flow = started(name, (1, 4, 4), 2)
    first, last, context = torch.rand(5, 1, 4, 4), torch.rand(5, 1, 4, 4), torch.randn(5, 2)
    path = flow.interpolate(first, last, 4, context, spherical=spherical)
    assert path.shape == (4, 5, 1, 4, 4)
    torch.testing.assert_close(path[0], first)
    torch.testing.assert_close(path[-1], last)
    latent = flow.to_base(path, context)
    is_circle = name == "realnvp_image" if spherical is None else spherical
    on_line = (2 * latent[0] + latent[3]) / 3
    assert torch.allclose(latent[1], on_line) != is_circle


def test_a_great_circle_keeps_lengths_and_angles():
    flow = flows.realnvp(3, num_layers=2)
    u = torch.randn(2, 5, 3)
    u = 2 * u / u.norm(dim=-1, keepdim=True)
    path = flow.to_base(flow.interpolate(flow.to_data(u[0]), flow.to_data(u[1]), 7))
    torch.testing.assert_close(path.norm(dim=-1), torch.full((7, 5), 2.0))
    cosines = (path[1:] * path[:-1]).sum(-1) / 4
    torch.testing.assert_close(cosines, cosines[:1].expand(6, 5))
    same = flow.interpolate(flow.to_data(u[0]), flow.to_data(u[0]), 3)
    torch.testing.assert_close(same, flow.to_data(u[0]).expand(3, 5, 3))


@pytest.mark.parametrize("name", BUILDERS)
def test_draws_lie_in_the_support_and_have_the_density_that_is_claimed(name):
    flow = started(name, (1, 4, 4))
    x = biject_to(flow().support)(torch.randn(5, 1, 4, 4))
    assert flow().log_prob(x).isfinite().all()
    with torch.no_grad():
        u = flow.base().sample((1000,))
        drawn = flow.to_data(u)
        log_prob = flow().log_prob(drawn)
        expected = flow.base().log_prob(u) - flow.bijection.forward_and_ladj(u)[1]
    torch.testing.assert_close(log_prob, expected)
    assert flow().support.check(drawn).all()
    assert (drawn.std(0) > 1e-2).all()


def test_a_flow_whose_bijection_changes_the_shape_has_the_shape_of_its_data():
    flow = Flow(transforms.Squeeze((1, 4, 6)), Fixed(StandardNormal((4, 2, 3))))
    assert flow.event_shape == flow().event_shape == (1, 4, 6)
    x = flow().sample((5,))
    assert x.shape == (5, 1, 4, 6)
    torch.testing.assert_close(flow().log_prob(x), flow.base().log_prob(flow.to_base(x)))
    assert flow.interpolate(x[0], x[1], 3).shape == (3, 1, 4, 6)
    ends = transforms.ActNorm(4, event_dim=3), transforms.Squeeze((1, 4, 6))
    image_flow = flows.extend(flows.ffjord((4, 2, 3), hidden_dims=(4,)), ends)
    image_flow.initialize(torch.rand(20, 1, 4, 6))
    assert image_flow().log_prob(x).shape == (5,)
    assert image_flow().expand((2,)).sample().shape == (2, 1, 4, 6)
