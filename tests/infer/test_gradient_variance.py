"""The measure of noise against noise that is known."""

import math

import pytest
import torch
from torch import nn

from pyrodgm import infer, models
from pyrodgm.infer.gradient_variance import moments
from tests.infer.linear_gaussian import LinearGaussian


class Noisy:
    """An objective whose gradient by the first parameter is drawn from N(3, 0.5^2); the second is not used."""

    def differentiable_loss(self, model, guide, x):
        return guide.weight[0] * (3 + 0.5 * torch.randn(()))


class TwoWeights(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.unused = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(2))


def test_known_noise():
    # 4,000 draws: mean within 6 * 0.008, variance within 6 * 0.0056: fails once in 10^8 seeds.
    report = infer.gradient_variance(None, TwoWeights(), torch.zeros(1), objectives={"a": Noisy()}, num_samples=4000)
    found = report["a"]
    assert found.mean.shape == found.variance.shape == (3,)
    assert found.norm == pytest.approx(3, abs=6 * 0.5 / math.sqrt(4000))
    assert found.total_variance == pytest.approx(0.25, abs=6 * 0.25 * math.sqrt(2 / 4000))
    assert found.mean[1:].tolist() == found.variance[1:].tolist() == [0, 0]
    assert found.standard_error == pytest.approx(math.sqrt(found.total_variance / 4000))
    assert found.signal_to_noise == pytest.approx(found.norm / math.sqrt(found.total_variance))


def test_moments_are_those_of_the_draws():
    draws = torch.randn(50, 3) + 100
    waiting = iter(draws)
    found = moments(lambda: next(waiting), 50)
    torch.testing.assert_close(found.mean, draws.mean(0))
    torch.testing.assert_close(found.variance, draws.var(0))
    assert found.num_samples == 50


def test_no_noise_has_no_end_of_signal():
    class Sure:
        def differentiable_loss(self, model, guide, x):
            return guide.weight.sum()

    found = infer.gradient_variance(None, TwoWeights(), torch.zeros(1), objectives={"a": Sure()}, num_samples=3)["a"]
    assert found.signal_to_noise == math.inf


def test_the_usual_comparison():
    """All four estimate one gradient; ten parameters within 6 standard errors of 40, once in 10^5 seeds."""
    known = LinearGaussian(shift=0.3).repeat(40)
    report = infer.gradient_variance(*known.args, num_samples=40)
    exact = known.guide_gradient()
    for found in report.estimators.values():
        assert ((found.mean - exact).abs() < 6 * (found.variance / found.num_samples).sqrt()).all()
    order = [found.total_variance for found in report.estimators.values()]
    assert next(iter(report.estimators)) == "reparameterized"
    assert min(order) == order[0]
    assert max(order) == order[1]
    lines = str(report).splitlines()
    assert len(lines) == 5
    assert len({len(line) for line in lines}) == 1
    assert lines[2].startswith("score function ")


def test_context_and_frozen_parameters():
    vae = models.vae(4, 2, context_dim=3, hidden_dims=(8,))
    vae.posterior.net.requires_grad_(False)
    first = next(vae.posterior.parameters()).requires_grad_()
    found = infer.gradient_variance(vae.model, vae.guide, torch.rand(5, 4).round(), torch.randn(5, 3), num_samples=2)
    assert all(moments.mean.shape == (first.numel(),) for moments in found.estimators.values())
    assert all(parameter.grad is None for parameter in vae.parameters())


def test_a_running_average_has_started_before_the_first_draw_counts():
    """Its first gradient has no baseline, and would count as noise."""
    known, seen = LinearGaussian(), []

    class Watched(infer.ScoreFunctionELBO):
        def differentiable_loss(self, *args):
            seen.append(self.average)
            return super().differentiable_loss(*args)

    infer.gradient_variance(*known.args, objectives={"a": Watched(baseline="average")}, num_samples=3)
    assert len(seen) == 4
    assert seen[0] is None
