"""Binary variables of one event: probabilities, gradients and errors are those of Pyro's, far logits included."""

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import distributions
from pyrodgm.distributions import independent_bernoulli


@pytest.mark.parametrize("event", [(4,), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize(("batch", "sample"), [((), ()), ((5,), ()), ((), (7,)), ((7, 1), (5,)), ((5,), (7, 5))])
def test_the_log_probability_and_its_gradient_are_those_of_pyro(event, batch, sample):
    logits = torch.randn(*batch, *event).mul(3).requires_grad_()
    x = torch.randint(2, (*sample, *event)).double()
    ours = distributions.IndependentBernoulli(logits, len(event)).log_prob(x)
    theirs = dist.Bernoulli(logits=logits).to_event(len(event)).log_prob(x)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(value.sum(), logits)[0] for value in (ours, theirs)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_far_out_lose_nothing(dtype):
    logits = torch.tensor([-1000.0, -50.0, -30.0, 0.0, 30.0, 50.0, 1000.0], dtype=dtype, requires_grad=True)
    for value, expected in (
        (0.0, -torch.nn.functional.softplus(logits.detach().double(), threshold=800)),
        (1.0, torch.nn.functional.logsigmoid(logits.detach().double())),
    ):
        each = distributions.IndependentBernoulli(logits.unsqueeze(-1), 1).log_prob(torch.full((7, 1), value).to(dtype))
        resolution = 2 * torch.finfo(dtype).eps * logits.detach().abs().clamp_min(1)  # of the two terms
        assert ((each.double() - expected).abs() <= resolution).all()
        (gradient,) = torch.autograd.grad(each.sum(), logits)
        torch.testing.assert_close(gradient, value - logits.detach().sigmoid())


def test_copies_stay_what_they_are():
    p = distributions.IndependentBernoulli(torch.randn(3, 4), 1)
    expanded = p.expand((5, 3))
    assert isinstance(expanded, distributions.IndependentBernoulli)
    x = expanded.sample()
    assert (x.shape, expanded.event_shape) == ((5, 3, 4), (4,))
    torch.testing.assert_close(expanded.log_prob(x), p.log_prob(x))
    torch.testing.assert_close(p.mean, p.base_dist.probs)


def test_values_that_are_no_bits_are_refused():
    p = distributions.IndependentBernoulli(torch.zeros(4), 1)
    with pytest.raises(ValueError, match="within the support"):
        p.log_prob(torch.full((4,), 0.5))
    with pytest.raises(ValueError, match="logits"):
        distributions.IndependentBernoulli(torch.full((4,), torch.nan), 1)
    infinite = distributions.IndependentBernoulli(torch.tensor([torch.inf, -torch.inf]), 1)  # as torch takes them
    assert infinite.sample().tolist() == [1, 0]


def test_checks_are_left_out_where_they_are_switched_off():
    p = distributions.IndependentBernoulli(torch.full((4,), torch.nan), 1, validate_args=False)
    assert p.log_prob(torch.full((4,), 0.5)).isnan()


def test_integers_and_booleans_are_values():
    p = distributions.IndependentBernoulli(torch.randn(4), 1)
    x = torch.tensor([0, 1, 1, 0])
    torch.testing.assert_close(p.log_prob(x), p.log_prob(x.double()))
    torch.testing.assert_close(p.log_prob(x.bool()), p.log_prob(x.double()))


@pytest.mark.parametrize("shape", [(300, 8, 77), (3, 500, 784), (1, 2, 5, 130, 101), (140_001,), (0, 784)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_large_ones_without_a_gradient_are_scored_as_with_one(shape, dtype, monkeypatch):
    monkeypatch.setattr(independent_bernoulli, "PIECE", 2**15)  # so that all of these are large
    logits = (torch.randn(shape) * 5).to(dtype)
    event_dim = min(len(shape), 2) if len(shape) != 3 else 1
    x = torch.randint(2, shape[-event_dim:]).to(dtype)
    ours = distributions.IndependentBernoulli(logits, event_dim).log_prob(x)
    theirs = dist.Bernoulli(logits=logits.double()).to_event(event_dim).log_prob(x.double())
    torch.testing.assert_close(ours, theirs.to(dtype), rtol=2e-6 if dtype == torch.float32 else 1e-13, atol=0)
    large = torch.full((2, 100_000), 300.0, dtype=dtype) * torch.tensor([[1], [-1]])
    far = distributions.IndependentBernoulli(large, 1).log_prob(torch.ones(100_000, dtype=dtype))
    torch.testing.assert_close(far, torch.tensor([0.0, -3e7], dtype=dtype))
