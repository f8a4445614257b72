import math

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import Fixed, Neural, flows, heads, nn
from pyrodgm import likelihood_free as lf

P, Q = (lambda: dist.Normal(0.0, 1.0), lambda: dist.Normal(1.5, 0.7))


def grid():
    return torch.linspace(-12, 12, 20_001)


def integral(values):
    return torch.trapezoid(values, grid()).item()


def jensen_shannon():
    p, q = (d().log_prob(grid()) for d in (P, Q))
    middle = torch.logaddexp(p, q) - math.log(2)
    return 0.5 * integral(p.exp() * (p - middle)) + 0.5 * integral(q.exp() * (q - middle))


def test_the_optimal_discriminator_is_the_share_of_the_data_s_density():
    best, x = lf.optimal_discriminator(P(), Q()), torch.randn(9)
    p, q = (d().log_prob(x).exp() for d in (P, Q))
    assert torch.allclose(best(x), p / (p + q))
    assert torch.allclose(best.logit(x).sigmoid(), best(x))


def test_logits_stay_finite_where_probabilities_do_not_tell_and_are_zero_where_nothing_is_known():
    best = lf.optimal_discriminator(dist.Normal(0.0, 1.0), dist.Normal(60.0, 1.0))
    assert best.logit(torch.tensor([0.0])).item() == pytest.approx(1800)
    uniform = (dist.Uniform(0.0, high, validate_args=False) for high in (1.0, 2.0))
    logits = lf.optimal_discriminator(*uniform).logit(torch.tensor([0.5, 1.5, 3.0]))
    assert torch.allclose(logits, torch.tensor([math.log(2), -torch.inf, 0.0]))


def test_the_value_of_the_best_discriminator_is_twice_the_divergence_less_two_log_two():
    best, x = lf.optimal_discriminator(P(), Q()), grid()
    p, q = (d().log_prob(x).exp() for d in (P, Q))
    exact = integral(
        p * torch.nn.functional.logsigmoid(best.logit(x)) + q * torch.nn.functional.logsigmoid(-best.logit(x))
    )
    assert exact == pytest.approx(2 * jensen_shannon() - 2 * math.log(2), abs=1e-10)
    found = lf.value(best, P(), Q())
    # Beyond four standard errors once in 15,000 seeds.
    assert abs(found.estimate - exact) < 4 * found.standard_error
    assert 0 < found.standard_error < 0.01


def test_the_value_is_the_minimax_loss_and_its_error_that_of_the_means():
    judge, real, fake = nn.MLP(2, 1), torch.randn(30, 2), torch.randn(40, 2)
    found = lf.value(judge, real, fake)
    scores = [judge(x).squeeze(-1).detach() for x in (real, fake)]
    assert found.estimate == pytest.approx(-lf.Minimax().discriminator_loss(*scores).item())
    terms = torch.nn.functional.logsigmoid(scores[0]), torch.nn.functional.logsigmoid(-scores[1])
    assert found.standard_error == pytest.approx((terms[0].var() / 30 + terms[1].var() / 40).sqrt().item())


def test_no_discriminator_beats_the_best():
    best = lf.optimal_discriminator(P(), Q())
    x, y = P().sample((50_000,)), Q().sample((50_000,))
    top = lf.value(best, x, y)
    for shift in (-1.0, 0.3, 1.0):
        other = lf.value(lambda rows, shift=shift: best.logit(rows) + shift, x, y)
        assert other.estimate < top.estimate


def test_equal_densities_are_worth_minus_two_log_two():
    found = lf.value(lf.optimal_discriminator(P(), P()), P(), P())
    assert found.estimate == pytest.approx(-2 * math.log(2))
    assert found.standard_error == 0


def test_conditionals_are_densities_too():
    flow = flows.realnvp(2, num_layers=2, hidden_dims=(4,))
    normal = Fixed(dist.Normal(torch.zeros(2), 1.0).to_event(1))
    assert lf.optimal_discriminator(normal, flow)(torch.randn(5, 2)).shape == (5,)


def test_a_trained_discriminator_is_the_best_one():
    torch.manual_seed(0)
    judge = nn.MLP(1, 1, hidden_dims=(32, 32), activation=torch.nn.SiLU)
    p, q = (dist.Normal(torch.tensor([loc]), scale).to_event(1) for loc, scale in ((0.0, 1.0), (1.5, 0.7)))
    fixed = Neural(nn.MLP(1, 1), heads.Delta(1))
    adversary = lf.Adversary(lf.GAN(Fixed(q), fixed, judge), lf.Minimax(), lr_discriminator=5e-3, betas=(0.9, 0.999))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adversary.discriminator_optimizer, 800)
    for _ in range(800):
        adversary.discriminator_step(p.sample((512,)), q.sample((512,)))
        schedule.step()
    best = lf.optimal_discriminator(p, q)
    x = torch.cat((p.sample((2000,)), q.sample((2000,))))
    assert (judge(x).sigmoid().squeeze(-1) - best(x)).abs().mean() < 0.02
