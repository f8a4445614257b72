import math

import pytest
import torch

from pyrodgm import likelihood_free as lf

REAL, FAKE = (torch.tensor(scores, dtype=torch.float64) for scores in ([0.5, -1.0, 3.0], [-2.0, 0.25]))


def log_sigmoid(v):
    return -math.log(1 + math.exp(-v))


def mean(terms):
    return sum(terms) / len(terms)


R, V = REAL.tolist(), FAKE.tolist()
BY_HAND = {  # game: (discriminator's loss, generator's loss)
    lf.Minimax: (
        -mean([log_sigmoid(v) for v in R]) - mean([log_sigmoid(-v) for v in V]),
        mean([log_sigmoid(-v) for v in V]),
    ),
    lf.NonSaturating: (
        -mean([log_sigmoid(v) for v in R]) - mean([log_sigmoid(-v) for v in V]),
        -mean([log_sigmoid(v) for v in V]),
    ),
    lf.LeastSquares: ((0.25 + 4 + 4) / 3 / 2 + (4 + 0.0625) / 2 / 2, (9 + 0.5625) / 2 / 2),
    lf.Hinge: ((0.5 + 2 + 0) / 3 + (0 + 1.25) / 2, 1.75 / 2),
    lf.Wasserstein: (-1.75 / 2 - 2.5 / 3, 1.75 / 2),
}


@pytest.mark.parametrize("game", BY_HAND)
def test_losses_by_hand(game):
    by_discriminator, by_generator = BY_HAND[game]
    assert game().discriminator_loss(REAL, FAKE).item() == pytest.approx(by_discriminator, abs=1e-14)
    assert game().generator_loss(FAKE).item() == pytest.approx(by_generator, abs=1e-14)


@pytest.mark.parametrize(
    "game", [*BY_HAND, lambda: lf.FDivergence("jensen_shannon"), lambda: lf.FDivergence("pearson")]
)
def test_large_scores_leave_losses_and_gradients_finite(game):
    real = torch.tensor([-1e4, 0.0, 1e4], dtype=torch.float32, requires_grad=True)
    fake = torch.tensor([1e4, 0.0, -1e4], dtype=torch.float32, requires_grad=True)
    (game().discriminator_loss(real, fake) + game().generator_loss(fake)).backward()
    assert real.grad.isfinite().all()
    assert fake.grad.isfinite().all()


def test_the_saturated_generator_has_a_gradient_in_one_game_only():
    scores = torch.full((4,), -40.0, requires_grad=True)
    (saturating,) = torch.autograd.grad(lf.Minimax().generator_loss(scores), scores)
    (other,) = torch.autograd.grad(lf.NonSaturating().generator_loss(scores), scores)
    assert saturating.abs().max() < 1e-16
    assert torch.allclose(other, torch.full((4,), -0.25))


def test_accuracy_counts_each_side():
    assert [a.item() for a in lf.Minimax().accuracy(REAL, FAKE)] == pytest.approx([2 / 3, 1 / 2])
    assert [a.item() for a in lf.LeastSquares().accuracy(REAL, FAKE)] == pytest.approx([1 / 3, 1])
    # Between the means 2.5 / 3 and -1.75 / 2 lies -0.0208.
    assert [a.item() for a in lf.Wasserstein().accuracy(REAL, FAKE)] == pytest.approx([2 / 3, 1 / 2])


P, Q = (torch.tensor(p, dtype=torch.float64) for p in ([0.1, 0.6, 0.3], [0.5, 0.2, 0.3]))


def jensen_shannon(p, q):
    middle = (p + q) / 2
    return ((p * (p / middle).log()).sum() + (q * (q / middle).log()).sum()) / 2


DIVERGENCES = {  # name: (the divergence of P from Q, the best score, of the ratio p / q)
    "kl": ((P * (P / Q).log()).sum(), lambda r: 1 + r.log()),
    "reverse_kl": ((Q * (Q / P).log()).sum(), torch.log),
    "jensen_shannon": (2 * jensen_shannon(P, Q), torch.log),
    "pearson": (((P - Q).square() / Q).sum(), lambda r: 2 * (r - 1)),
}


def expected_bound(game, scores):
    return (P * game.activation(scores)).sum() - (Q * game.conjugate(scores)).sum()


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_bound_is_the_divergence_at_the_best_scores_and_below_it_elsewhere(name):
    divergence, best = DIVERGENCES[name]
    game, scores = lf.FDivergence(name), best(P / Q)
    assert torch.allclose(expected_bound(game, scores), divergence, atol=1e-14)
    for _ in range(20):
        assert expected_bound(game, scores + 0.3 * torch.randn(3)) < divergence


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_threshold_is_the_best_score_where_the_densities_agree(name):
    assert DIVERGENCES[name][1](torch.tensor(1.0)).item() == lf.FDivergence(name).threshold


@pytest.mark.parametrize("name", DIVERGENCES)
def test_losses_are_the_bound(name):
    game = lf.FDivergence(name)
    loss = game.discriminator_loss(REAL, FAKE)
    assert torch.allclose(loss, -game.bound(REAL, FAKE))
    assert torch.allclose(game.generator_loss(FAKE), -loss - game.activation(REAL).mean())


def test_jensen_shannon_is_the_minimax_game_but_for_a_constant():
    f, plain = lf.FDivergence("jensen_shannon"), lf.Minimax()
    assert torch.allclose(f.discriminator_loss(REAL, FAKE) + 2 * math.log(2), plain.discriminator_loss(REAL, FAKE))
