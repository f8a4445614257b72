"""Causal flows: locations and scales through a stack, strict causality, one pass against steps, gradients, lengths."""

import math

import pyro.distributions as dist
import pytest
import torch
from scipy import stats

from pyrodgm import Fixed, distributions, flows, heads, nn, testing, transforms
from pyrodgm import autoregressive as ar

LENGTH = 12


def student(length=LENGTH, context_dim=0, scale=0.2, **kwargs):
    settings = {"num_flows": 3, "num_layers": 3, "num_channels": 6} | kwargs
    return testing.perturb(flows.parallel_wavenet(length, context_dim, **settings), scale)


def random_context(context_dim, num):
    if not context_dim:
        return None
    return torch.randn(num, context_dim) if isinstance(context_dim, int) else torch.randn(num, *context_dim)


def in_another_order():
    nets = [nn.MaskedMLP(4, 2, order=[2, 0, 3, 1]) for _ in range(2)]
    layers = [transforms.MaskedAutoregressive(transforms.Affine(), net) for net in nets]
    return testing.perturb(flows.CausalFlow(layers, flows.logistic_base(4)), 0.2)


def volume_preserving():
    nets = [nn.MaskedMLP(4, 1), nn.MaskedMLP(4, 1)]
    layers = [transforms.MaskedAutoregressive(transforms.Shift(), net) for net in nets]
    return testing.perturb(flows.CausalFlow(layers, flows.logistic_base(4)), 0.2)


@pytest.mark.parametrize("context_dim", [0, 3, (2, LENGTH)])
def test_locations_and_scales_make_up_the_density(context_dim):
    flow, context = student(context_dim=context_dim), random_context(context_dim, 5)
    x, loc, scale = flow.steps(flow.base().sample((5,)), context)
    by_steps = dist.Logistic(loc, scale).log_prob(x).sum(-1)
    torch.testing.assert_close(by_steps, flow(context).log_prob(x.detach()))
    assert scale.std() > 0.01  # the networks have something to say
    assert loc.std() > 0.01


@pytest.mark.parametrize("make", [in_another_order, volume_preserving])
def test_any_causal_layers_make_up_the_density(make):
    flow = make()
    x, loc, scale = flow.steps(flow.base().sample((5,)))
    torch.testing.assert_close(dist.Logistic(loc, scale).log_prob(x).sum(-1), flow().log_prob(x.detach()))


def test_steps_are_the_draw():
    flow, noise, context = student(context_dim=3), torch.randn(2, 5, LENGTH), torch.randn(5, 3)
    found = flow.steps(noise, context)
    torch.testing.assert_close(found.x, flow.bijection.forward_and_ladj(noise, context)[0])
    torch.testing.assert_close(found.x, found.loc + found.scale * noise)
    torch.testing.assert_close(found.scale.log().sum(-1), flow.bijection.forward_and_ladj(noise, context)[1])
    one = flow.steps(noise[1, 3], context[3])
    torch.testing.assert_close(one.x, found.x[1, 3])
    spread = flow.steps(noise[0, 0], context).x  # one noise, five contexts
    torch.testing.assert_close(spread, flow.steps(noise[0, :1].expand(5, -1), context).x)


@pytest.mark.parametrize("make", [student, in_another_order])
def test_a_sample_sees_its_own_noise_once_and_later_noise_not_at_all(make):
    flow = make()
    noise = flow.base().sample()
    jacobians = [torch.autograd.functional.jacobian(lambda u, k=k: flow.steps(u)[k], noise) for k in range(3)]
    of_x, of_loc, of_scale = (jacobian[flow.order][:, flow.order] for jacobian in jacobians)
    for strict in (of_loc, of_scale):
        assert torch.equal(strict, strict.tril(-1))
        assert strict.abs().sum() > 1e-3
    assert torch.equal(of_x, of_x.tril())
    torch.testing.assert_close(of_x.diagonal(), flow.steps(noise).scale[flow.order])


def test_one_pass_draws_what_steps_draw():
    flow, context = student(context_dim=3, num_cycles=(1, 2, 1)), torch.randn(4, 3)
    noise = flow.base().sample((4,))
    h = noise
    for layer in flow.layers:
        stepper, values, value = layer.net.stepper((4,), context), [], None
        for t in range(LENGTH):
            values.append(layer.univariate.inverse_and_ladj(h[:, t], stepper(value))[0])
            value = h[:, t]
        h = torch.stack(values, 1)
    torch.testing.assert_close(flow.steps(noise, context).x, h.detach())


def test_a_draw_is_one_pass_of_each_network_and_a_density_one_step_a_sample():
    flow, passes = student(), []
    for layer in flow.layers:
        layer.net.register_forward_hook(lambda net, *_: passes.append(net))
    x = flow().sample((2,))
    assert passes == [layer.net for layer in flow.layers]
    with torch.no_grad():
        flow().log_prob(x.clone())
    assert len(passes) == 6  # for the log-determinants: samples are stepped through


def test_gradients_of_the_density_of_a_given_sound():
    """Through the implicit function, against finite differences."""
    flow = student(5, num_flows=2)
    noise = flow.base().sample((3,))
    x = flow.steps(noise).x.detach()
    implicit = torch.autograd.grad(flow().log_prob(x).sum(), list(flow.parameters()))
    finite = []
    for parameter, gradient in zip(flow.parameters(), implicit, strict=True):
        direction, step = torch.randn_like(parameter), 1e-6
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(direction, alpha=sign * step)
                values.append(flow().log_prob(x).sum())
                parameter.sub_(direction, alpha=sign * step)
        finite.append(((values[0] - values[1]) / (2 * step), (gradient * direction).sum()))
    numeric, exact = (torch.stack(side) for side in zip(*finite, strict=True))
    torch.testing.assert_close(exact, numeric, rtol=1e-4, atol=1e-5)


def test_starts_near_logistic_noise_of_the_scale_that_was_asked_for():
    for scale in (0.03, 1.0, 4.0):
        flow = flows.parallel_wavenet(LENGTH, num_flows=4, num_layers=3, num_channels=6, initial_scale=scale)
        found = flow.steps(flow.base().sample((50,)))
        torch.testing.assert_close(found.scale, torch.full_like(found.scale, scale), rtol=0.05, atol=0)
        assert found.loc.abs().max() < 0.1 * scale


def test_the_paper_s_flows():
    flow = flows.parallel_wavenet(8, num_cycles=(1, 1, 1, 3), num_channels=4)
    assert [len(layer.net.layers) for layer in flow.layers] == [10, 10, 10, 30]
    assert all(torch.equal(layer.net.order, torch.arange(8)) for layer in flow.layers)


def test_the_weights_fit_every_length():
    short, long = student(6), flows.parallel_wavenet(20, num_flows=3, num_layers=3, num_channels=6)
    long.load_state_dict(short.state_dict())
    noise = torch.randn(3, 20)
    torch.testing.assert_close(long.steps(noise).x[:, :6], short.steps(noise[:, :6]).x)


def test_one_context_stands_for_a_constant_series():
    vector, series = student(context_dim=2), student(context_dim=(2, LENGTH))
    series.load_state_dict(vector.state_dict())
    noise, context = torch.randn(3, LENGTH), torch.randn(3, 2)
    repeated = context.unsqueeze(-1).expand(-1, -1, LENGTH)
    torch.testing.assert_close(series.steps(noise, repeated).x, vector.steps(noise, context).x)
    assert series(repeated).sample((4,)).shape == (4, 3, LENGTH)


def test_initialize_takes_nothing_from_data_and_refuses_bad_ones():
    flow = student()
    before = [parameter.clone() for parameter in flow.parameters()]
    flow.initialize(torch.randn(5, LENGTH))
    assert all(torch.equal(a, b) for a, b in zip(before, flow.parameters(), strict=True))
    with pytest.raises(ValueError, match=r"Expected finite x; got NaN or inf in row 2\."):
        flow.initialize(torch.full((5, LENGTH), 1.0).index_fill(0, torch.tensor([2]), math.nan))


def test_logistic_noise_is_finite_where_a_uniform_is_zero():
    """In single precision that is one in 17 million, met every few hundred sounds."""
    for dtype, limit in ((torch.float32, 18), (torch.float64, 38)):
        ends = torch.tensor([0.0, 1 - torch.finfo(dtype).eps / 2], dtype=dtype)
        drawn = distributions.standard_logistic.finite_logit(ends)
        assert drawn.isfinite().all()
        assert 16 < -drawn[0] < limit
        assert 15 < drawn[1] < limit


def test_the_standard_logistic_is_pyro_s():
    base, theirs = distributions.StandardLogistic(3), dist.Logistic(torch.zeros(3), torch.ones(3)).to_event(1)
    x = 10 * torch.randn(7, 3)
    torch.testing.assert_close(base.log_prob(x), theirs.log_prob(x))
    torch.testing.assert_close(base.entropy(), theirs.entropy())
    torch.testing.assert_close(base.variance, theirs.variance)
    # A true sampler fails once in a million.
    assert stats.kstest(base.sample((20_000,)).flatten().numpy(), "logistic").pvalue > 1e-6


def test_blurred_logistics_are_what_they_say():
    loc, log_scale, half = torch.tensor([0.3, -1.0]), torch.tensor([-1.0, 0.5]), 0.7
    blurred = distributions.BlurredLogistic(loc, log_scale, half)
    x = torch.linspace(-4, 4, 33)[:, None]
    shifts = torch.linspace(-half, half, 2001)[:, None, None]
    averaged = dist.Logistic(loc, log_scale.exp()).log_prob(x - shifts).exp()
    averaged = torch.trapezoid(averaged, shifts.flatten(), dim=0) / (2 * half)
    torch.testing.assert_close(blurred.log_prob(x).exp(), averaged, rtol=1e-6, atol=1e-9)
    value = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(blurred.log_prob(value).sum(), value)
    numeric = (blurred.log_prob(x + 1e-6) - blurred.log_prob(x - 1e-6)).sum(-1, keepdim=True) / 2e-6
    torch.testing.assert_close(gradient, numeric, rtol=1e-5, atol=1e-7)
    # 50,000 draws, six standard errors: a true sampler fails once in 10^8.
    draws = blurred.sample((50_000,))
    assert ((draws.mean(0) - loc).abs() < 6 * (blurred.variance / 50_000).sqrt()).all()
    spread = (draws - loc).square()
    assert ((spread.mean(0) - blurred.variance).abs() < 6 * spread.std(0) / 50_000**0.5).all()


def test_the_relaxed_head_says_of_levels_what_the_head_over_levels_says():
    levels, relaxed = heads.DiscretizedLogisticMixture(4, 17), heads.RelaxedLogisticMixture(4, 17)
    params, inner = 2 * torch.randn(15, 12), torch.arange(1.0, 16.0)
    width = 2 / 16
    density = relaxed.log_prob(params, inner * width - 1)
    torch.testing.assert_close(density + math.log(width), levels.log_prob(params, inner))


def test_a_relaxed_model_says_of_levels_what_the_model_says():
    head = heads.DiscretizedLogisticMixture(3, 33)
    model = testing.perturb(ar.wavenet(6, 2, num_levels=33, num_layers=3, num_channels=6, head=head), 0.2)
    relaxed, context = ar.relaxed(model), torch.randn(5, 2)
    x = torch.randint(1, 32, (5, 6)).double()
    log_prob = relaxed(context).log_prob(x / 16 - 1) + 6 * math.log(2 / 32)
    torch.testing.assert_close(log_prob, model(context).log_prob(x))
    assert {id(p) for p in relaxed.parameters()} == {id(p) for p in model.parameters()}
    draws = [relaxed_draw(relaxed, context, strategy) for strategy in (ar.Incremental(), ar.Sequential())]
    torch.testing.assert_close(*draws)


def relaxed_draw(model, context, strategy):
    torch.manual_seed(1)
    return model.sample((3,), context, strategy=strategy)


def test_a_student_follows_a_normal_base():
    flow = student(4, base=Fixed(distributions.StandardNormal(4)))
    x, loc, scale = flow.steps(torch.randn(5, 4))
    torch.testing.assert_close(dist.Normal(loc, scale).log_prob(x).sum(-1), flow().log_prob(x.detach()))
