"""Continuous flows as densities: their integral, their draws, their estimates, images and training."""

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import data, distributions, flows, infer, models, testing, transforms

CELL = (18 / 150) ** 2


def moved(flow, scale=0.4):
    """Return the flow far from its start, which is nearly the identity."""
    testing.perturb(flow, scale)
    return flow


def on_grid(distribution):
    """Return the centres of a grid's cells, and the probabilities of these."""
    points = torch.linspace(-9, 9, 151)
    grid = torch.cartesian_prod(points, points)
    with torch.no_grad():
        return grid, distribution.log_prob(grid).exp() * CELL


@pytest.mark.parametrize("adjoint", ["torchdiffeq", "checkpoint"])
def test_a_density_integrates_to_one(adjoint):
    flow = moved(flows.cnf(2, 1, hidden_dims=(16,), adjoint=adjoint, rtol=1e-6, atol=1e-6))
    grid, probabilities = on_grid(flow(torch.randn(1)))
    assert abs(probabilities.sum() - 1) < 1e-3
    base = distributions.StandardNormal(2).log_prob(grid).exp() * CELL
    assert (probabilities - base).abs().sum() > 0.1  # it is another density than the base's


def test_draws_have_the_density():
    flow = moved(flows.cnf(2, hidden_dims=(16,), adjoint="checkpoint"))
    x, log_prob = flow().rsample_and_log_prob((20_000,))
    torch.testing.assert_close(flow().log_prob(x[:50].detach()), log_prob[:50], rtol=1e-3, atol=1e-3)
    grid, probabilities = on_grid(flow())
    for moment in (1, 2):
        powers = x.detach() ** moment
        expected = (grid**moment * probabilities[:, None]).sum(0)
        # Five standard errors: fails once in 400,000.
        assert ((powers.mean(0) - expected).abs() < 5 * powers.std(0) / len(x) ** 0.5 + 1e-3).all()


def test_it_starts_near_the_identity():
    for flow in (flows.cnf(3), flows.ffjord(3, num_blocks=2), flows.ffjord((1, 4, 4))):
        u = torch.randn(5, *flow.event_shape)
        assert (flow.to_data(u) - u).abs().max() < 0.05


def test_evaluations_of_blocks_are_added_up():
    flow = flows.ffjord(3, num_blocks=2, solver="rk4", step_size=0.5, adjoint="checkpoint")
    log_prob = flow().log_prob(torch.randn(5, 3))
    assert flow.bijection.num_evaluations == 2 * 8
    log_prob.sum().backward()
    assert flow.bijection.num_backward_evaluations == 2 * 8
    assert isinstance(flows.cnf(2).bijection, transforms.Continuous)


def test_a_mean_of_estimates_is_the_density():
    flow = moved(flows.ffjord(9, hidden_dims=(16,), adjoint="checkpoint"))
    x = torch.randn(3, 9)
    with torch.no_grad():
        estimates = flow().log_prob(x.expand(2000, 3, 9))
        (block,) = flow.bijection.parts
        block.trace = "exact"
        exact = flow().log_prob(x)
    error = estimates.std(0) / 2000**0.5
    assert (estimates.std(0) > 0).all()
    # Five standard errors: fails once in 600,000.
    assert ((estimates.mean(0) - exact).abs() < 5 * error + 1e-3).all()  # and the solver's tolerance


@pytest.mark.parametrize("adjoint", ["torchdiffeq", "checkpoint", None])
def test_images_of_the_unit_interval_with_a_context(adjoint):
    flow = flows.ffjord(
        (2, 4, 4), 3, hidden_dims=(4,), adjoint=adjoint, solver="rk4", step_size=0.5, logit=0.05, num_probes=2
    )
    context = torch.randn(5, 3)
    x = flow(context).sample((2,))
    assert x.shape == (2, 5, 2, 4, 4)
    low, high = flow.bijection.parts[-1].bounds
    assert low < x.min() < x.max() < high
    testing.perturb(flow, 0.1)
    log_prob = flow(context).log_prob(torch.rand(5, 2, 4, 4))
    assert log_prob.shape == (5,)
    gradients = torch.autograd.grad(log_prob.sum(), list(flow.parameters()))
    assert all(torch.isfinite(gradient).all() and gradient.abs().sum() > 0 for gradient in gradients)


def test_nothing_is_solved_to_start_from_data():
    flow = flows.ffjord((1, 4, 4), logit=0.05)
    flow.initialize(torch.rand(10, 1, 4, 4))
    assert flow.bijection.num_evaluations == 0
    whitened = flows.extend(flows.cnf(2), [transforms.LULinear(2)])
    x = torch.randn(500, 2) @ torch.tensor([[1.2, 0.3], [-0.4, 0.5]]) + 3
    whitened.initialize(x)
    gaussian = dist.MultivariateNormal(x.mean(0), x.T.cov())
    torch.testing.assert_close(whitened().log_prob(x[:20]), gaussian.log_prob(x[:20]), rtol=0, atol=0.1)


def train(model, x, num_steps, objective):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    loss_of = objective(model.model, model.guide)
    losses = []
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss = loss_of(x) / len(x)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach().item())
    return losses


@pytest.mark.parametrize("build", [flows.cnf, flows.ffjord])
def test_training_goes_towards_the_data(build):
    torch.manual_seed(0)
    exact = data.toy.two_moons()
    x, new = exact.sample((256,)), exact.sample((256,))
    flow = build(2, hidden_dims=(32, 32), adjoint="checkpoint", solver="rk4", step_size=0.25)
    before = flow().log_prob(new).mean().detach()
    train(models.Density(flow), x, 40, infer.ReparameterizedELBO())
    assert flow().log_prob(new).mean() > before + 0.1


def test_integers_are_learned():
    flow = flows.ffjord((1, 4, 4), hidden_dims=(8,), adjoint="checkpoint", solver="midpoint", step_size=0.5, logit=0.05)
    model = models.Dequantized(flow, num_levels=4)
    x = (torch.arange(16.0).reshape(1, 4, 4) // 4).expand(32, 1, 4, 4).contiguous()
    model.check_data(x)
    losses = train(model, x, 30, infer.ReparameterizedELBO())
    assert sum(losses[-5:]) < sum(losses[:5])
    assert model.sample(3).shape == (3, 1, 4, 4)


def test_a_value_that_was_just_drawn_is_not_solved_for_again():
    flow = flows.cnf(2)
    distribution = flow()
    x = distribution.rsample((5,))
    flow.bijection._evaluations.forward = -1
    distribution.log_prob(x)
    assert flow.bijection.num_evaluations == -1
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.1)
    distribution.log_prob(x)
    assert flow.bijection.num_evaluations > 0
