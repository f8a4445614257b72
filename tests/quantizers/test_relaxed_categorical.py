import itertools
import math

import pyro.distributions as dist
import pytest
import torch

from pyrodgm.quantizers import RelaxedCategorical

PROBS = torch.tensor([0.5, 0.3, 0.15, 0.04, 0.01], dtype=torch.float64)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("temperature", [0.1, 1.0, 50.0])
def test_frequencies_are_the_probabilities(training, temperature):
    """Five frequencies at 5 standard errors: fails once in 3.5e5 seeds, six such tests once in 6e4."""
    num = 200_000
    quantizer = RelaxedCategorical(5, temperature=temperature).train(training)
    quantized = quantizer(PROBS.log().add(3.0).expand(num, 5))
    frequencies = torch.bincount(quantized.indices, minlength=5) / num
    assert ((frequencies - PROBS).abs() < 5 * (PROBS * (1 - PROBS) / num).sqrt()).all()
    assert torch.equal(quantized.codes.argmax(-1), quantized.indices)
    torch.testing.assert_close(quantized.codes.sum(-1), torch.ones(num))
    shares = frequencies / frequencies.sum()
    torch.testing.assert_close(quantized.perplexity, (-(shares * shares.log()).sum()).exp())


def test_codes_become_one_hot_as_the_temperature_falls():
    """The last line fails where two scores of a row differ by less than 3e-8: in 3e-5 of seeds (1000 rows)."""
    logits, largest = torch.randn(1000, 7), []
    for temperature in (10.0, 1.0, 0.1, 0.01, 1e-9):
        torch.manual_seed(3)
        codes, indices, *_ = RelaxedCategorical(7, temperature=temperature)(logits)
        largest.append(codes.amax(-1))
        assert torch.equal(codes.argmax(-1), indices)
    for hot, cold in itertools.pairwise(largest):
        assert (cold >= hot).all()
    assert largest[0].mean() < 0.25
    torch.testing.assert_close(codes, torch.nn.functional.one_hot(indices, 7).to(codes), rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.3, 0.7, 2.0])
def test_relaxed_draws_have_the_concrete_density(temperature):
    """Of two categories: the density integrates to 1, and draws have its distribution.

    The largest deviation of 20,000 draws exceeds 0.019 in 1e-6 of seeds (Dvoretzky-Kiefer-Wolfowitz).
    """
    logits = torch.tensor([0.4, -0.5])
    concrete = dist.RelaxedOneHotCategorical(torch.tensor(temperature), logits=logits)
    u = torch.linspace(-40.0, 40.0, 40_001)  # y = sigmoid(u), so that both ends are resolved
    y, other = u.sigmoid(), (-u).sigmoid()
    points = torch.stack((y, other), -1)
    density = concrete.log_prob(points / points.sum(-1, keepdim=True)).exp() * y * other
    torch.testing.assert_close(torch.trapezoid(density, u), torch.tensor(1.0), rtol=1e-4, atol=1e-4)

    draws = RelaxedCategorical(2, temperature=temperature)(logits.expand(20_000, 2)).codes
    u_drawn = (draws[:, 0].log() - draws[:, 1].log()).sort().values
    cumulative = torch.cumulative_trapezoid(density, u)
    expected = cumulative[torch.searchsorted(u, u_drawn).clamp(1, len(u) - 1) - 1]
    assert (expected - torch.arange(20_000) / 20_000).abs().max() < 0.019


@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_straight_through_is_one_hot_with_the_relaxed_gradient(temperature):
    logits, weights = torch.randn(50, 4, requires_grad=True), torch.randn(50, 4)
    gradients = []
    for straight_through in (False, True):
        torch.manual_seed(2)
        codes, indices, *_ = RelaxedCategorical(4, temperature=temperature, straight_through=straight_through)(logits)
        gradients.append(torch.autograd.grad((codes * weights).sum(), logits)[0])
    assert torch.equal(codes, torch.nn.functional.one_hot(indices, 4).to(codes))
    assert torch.equal(*gradients)
    torch.manual_seed(2)
    gumbel = -torch.empty(50, 4).exponential_().log()
    y = ((logits + gumbel) / temperature).softmax(-1).detach()
    by_hand = y * (weights - (weights * y).sum(-1, keepdim=True)) / temperature
    torch.testing.assert_close(gradients[0], by_hand)


def test_the_temperature_falls_geometrically_over_training_calls():
    quantizer = RelaxedCategorical(3, temperature=2.0, final_temperature=0.5, anneal_steps=4)
    logits, seen = torch.zeros(2, 3), []
    for _ in range(6):
        seen.append(float(quantizer.temperature))
        quantizer.eval()(logits)
        quantizer.train()(logits)
    expected = [2.0 * 0.25 ** (i / 4) for i in (0, 1, 2, 3, 4, 4)]
    torch.testing.assert_close(torch.tensor(seen), torch.tensor(expected))
    other = RelaxedCategorical(3, temperature=2.0, final_temperature=0.5, anneal_steps=8)
    other.load_state_dict(quantizer.state_dict())
    assert float(other.temperature) == pytest.approx(2.0 * 0.25 ** (6 / 8))
    assert float(RelaxedCategorical(3, temperature=0.7).temperature) == pytest.approx(0.7)


def test_the_temperature_of_a_call_is_the_one_read_before():
    quantizer = RelaxedCategorical(3, temperature=2.0, final_temperature=0.5, anneal_steps=4)
    logits = torch.randn(5, 3)
    for _ in range(3):
        temperature = quantizer.temperature
        torch.manual_seed(4)
        codes = quantizer(logits).codes
        torch.manual_seed(4)
        gumbel = -torch.empty(5, 3).exponential_().log()
        torch.testing.assert_close(codes, ((logits + gumbel) / temperature).softmax(-1))


@pytest.mark.parametrize("training", [True, False])
def test_a_category_may_be_ruled_out(training):
    quantizer = RelaxedCategorical(3).train(training)
    logits = torch.tensor([0.0, -math.inf, 1.0]).repeat(1000, 1).requires_grad_()
    codes, indices, commitment, _, dead_fraction = quantizer(logits)
    assert (codes[:, 1] == 0).all()
    assert (indices != 1).all()
    assert dead_fraction == pytest.approx(1 / 3)
    assert commitment == 0
    if training:
        (gradient,) = torch.autograd.grad(codes[:, 0].sum(), logits)
        assert gradient.isfinite().all()


def test_every_draw_is_another():
    quantizer = RelaxedCategorical(3)
    logits = torch.zeros(20, 3)
    assert not torch.equal(quantizer(logits).codes, quantizer(logits).codes)


@pytest.mark.parametrize("straight_through", [False, True])
def test_indices_of_what_was_drawn_are_the_drawn_ones_until_it_changes(straight_through):
    quantizer = RelaxedCategorical(5, straight_through=straight_through)
    quantized = quantizer(torch.randn(20, 5))
    assert quantizer.indices_of(quantized.codes) is quantized.indices
    assert quantizer.indices_of(quantized.codes.movedim(-1, 0).movedim(0, -1)) is quantized.indices
    codes = quantized.codes.clone()
    assert torch.equal(quantizer.indices_of(codes), quantized.indices)
    quantized.codes.copy_(codes.roll(1, 0))
    assert torch.equal(quantizer.indices_of(quantized.codes), quantized.indices.roll(1, 0))


def test_one_hot_codes_follow_the_dtype_of_the_module():
    quantizer = RelaxedCategorical(5)
    assert quantizer.float().lookup(torch.tensor([1, 4])).dtype == torch.float32
    assert torch.equal(quantizer.double().lookup(torch.tensor([1])), torch.eye(5)[1:2])
    assert "_zero" not in quantizer.state_dict()
