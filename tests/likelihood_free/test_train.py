import copy

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import data
from pyrodgm import likelihood_free as lf
from pyrodgm.likelihood_free import adversary as adversary_module
from tests.likelihood_free.small_gans import same, vector_gan, weights

KEYS = {
    *("discriminator_loss", "generator_loss", "penalty", "real_accuracy", "fake_accuracy"),
    *("discriminator_gradient_norm", "generator_gradient_norm"),
}
GAMES = {
    "minimax": lf.Minimax(),
    "non-saturating": lf.NonSaturating(),
    "least squares": lf.LeastSquares(),
    "hinge": lf.Hinge(),
    "Wasserstein": lf.Wasserstein(),
    "Jensen-Shannon": lf.FDivergence("jensen_shannon"),
    "unrolled": lf.Unrolled(lf.NonSaturating(), 2),
}


@pytest.mark.parametrize("name", GAMES)
def test_every_game_moves_both_players_and_says_how_it_went(name):
    gan = vector_gan()
    before = weights(gan)
    history = lf.train(gan, GAMES[name], torch.randn(50, 2), 25, batch_size=8)
    assert history.keys() == KEYS
    assert {len(values) for values in history.values()} == {25}
    assert all(0 <= share <= 1 for share in history["real_accuracy"] + history["fake_accuracy"])
    # A constant added to all scores changes nothing in some games, so the last bias may stay where it is.
    moved = {key for key, value in weights(gan).items() if not torch.equal(before[key], value)}
    assert moved >= before.keys() - {"discriminator.layers.1.bias"}


def by_hand(gan, game, batches, lr):
    """The step of the usual example: the discriminator on real and fake, then the generator on the same fake data."""
    judge = torch.optim.Adam(gan.discriminator.parameters(), lr=lr, betas=(0.5, 0.999))
    drawer = torch.optim.Adam(gan.generator.parameters(), lr=lr, betas=(0.5, 0.999))
    for x in batches:
        fake = gan.generator(torch.randn(len(x), 3)).v
        judge.zero_grad()
        game.discriminator_loss(gan.discriminator(x)[:, 0], gan.discriminator(fake.detach())[:, 0]).backward()
        judge.step()
        drawer.zero_grad()
        game.generator_loss(gan.discriminator(fake)[:, 0]).backward()
        drawer.step()


def test_a_step_is_that_of_the_usual_example():
    gan, batches = vector_gan(), torch.randn(5, 8, 2)
    other = copy.deepcopy(gan)
    adversary = lf.Adversary(gan, lf.NonSaturating(), lr_generator=1e-2, lr_discriminator=1e-2)
    torch.manual_seed(3)
    for x in batches:
        adversary.step(x)
    torch.manual_seed(3)
    by_hand(other, lf.NonSaturating(), batches, 1e-2)
    ours, theirs = weights(gan), weights(other)
    assert all(torch.allclose(ours[name], value, rtol=1e-9, atol=1e-12) for name, value in theirs.items())


def test_the_discriminator_is_frozen_while_the_generator_moves():
    gan = vector_gan()
    adversary = lf.Adversary(gan, lf.Hinge())
    seen = []
    gan.discriminator.register_forward_hook(
        lambda module, args, output: seen.append([p.requires_grad for p in module.parameters()])
    )
    adversary.step(torch.randn(8, 2))
    assert [all(flags) for flags in seen] == [True, True, False]
    gradients = [p.grad.clone() for p in gan.discriminator.parameters()]
    fake = gan.generate(8)
    adversary.generator_step(torch.randn(8, 2), fake)
    assert all(torch.equal(p.grad, g) for p, g in zip(gan.discriminator.parameters(), gradients, strict=True))
    assert all(p.requires_grad for p in gan.discriminator.parameters())


def test_parameters_that_the_user_froze_stay_frozen():
    gan = vector_gan()
    layer = gan.discriminator.layers[0].requires_grad_(False)
    before = weights(layer)
    lf.train(gan, lf.Unrolled(lf.Hinge(), 1), torch.randn(20, 2), 3, batch_size=8)
    assert same(before, weights(layer))
    assert not layer.weight.requires_grad


def test_several_steps_of_the_critic_for_each_of_the_generator():
    gan = vector_gan()
    drawn, judged = [], []
    gan.generator.register_forward_hook(lambda *args: drawn.append(torch.is_grad_enabled()))
    gan.discriminator.register_forward_hook(lambda *args: judged.append(1))
    history = lf.train(gan, lf.Wasserstein(), torch.randn(20, 2), 2, batch_size=8, num_critic_steps=3)
    assert drawn == [False, False, True] * 2
    assert len(judged) == 2 * (3 * 2 + 1)
    assert len(history["generator_loss"]) == 2


def test_two_time_scales():
    moved = {}
    for rates in ((1e-3, 1e-1), (1e-1, 1e-3)):
        gan = vector_gan()
        before = weights(gan)
        lf.train(gan, lf.Hinge(), torch.randn(20, 2), 1, lr_generator=rates[0], lr_discriminator=rates[1])
        for part in ("generator", "discriminator"):
            changes = [(v - before[n]).abs().max() for n, v in weights(gan).items() if n.startswith(part)]
            moved[part, rates] = torch.stack(changes).max().item()
    # The first step of Adam moves by its step size.
    assert moved == pytest.approx({key: key[1][key[0] == "discriminator"] for key in moved}, rel=1e-3)


def test_a_distribution_gives_fresh_data():
    gan = vector_gan()
    lf.train(gan, lf.NonSaturating(), data.toy.eight_gaussians(), 3, batch_size=8)
    assert gan.sample(2).shape == (2, 2)


@pytest.mark.parametrize("bad_step", [0, 33])
def test_nan_stops_with_the_last_good_weights_and_says_when(bad_step):
    gan = vector_gan(ema_decay=0.9)
    batches, kept = [], {}

    class Poisoned(dist.Normal):
        def sample(self, sample_shape=()):
            batches.append(1)
            if len(batches) == 22:  # one look at the data comes first, so here 20 steps are done
                kept.update(weights(gan))
            value = super().sample(sample_shape)
            return value * torch.nan if len(batches) > bad_step + 1 else value

    if bad_step == 0:
        kept.update(weights(gan))
    noise = Poisoned(torch.zeros(2), 1.0).to_event(1)
    good = 20 if bad_step else 0
    with pytest.raises(
        FloatingPointError, match=rf"a discriminator loss of nan at step {bad_step}\..* after {good} steps"
    ):
        lf.train(gan, lf.Hinge(), noise, 100, batch_size=8)
    assert same(weights(gan), kept)


def test_divergence_stops():
    gan = vector_gan()
    with pytest.raises(
        FloatingPointError, match=r"Expected finite losses, gradients and weights; got .* at step \d+\."
    ):
        lf.train(gan, lf.FDivergence("kl"), torch.randn(50, 2), 500, batch_size=8, lr_discriminator=100.0)
    assert all(value.isfinite().all() for value in weights(gan).values())


def test_an_adversary_goes_on_where_it_was_bit_for_bit():
    def build():
        torch.manual_seed(5)
        gan = vector_gan(ema_decay=0.9)
        return lf.Adversary(gan, lf.Unrolled(lf.Hinge(), 1), regularizers=[lf.SpectralNorm()], num_critic_steps=2)

    batches = torch.randn(10, 8, 2)
    whole, first, second = build(), build(), build()
    torch.manual_seed(6)
    for x in batches:
        whole.step(x)
    torch.manual_seed(6)
    for x in batches[:5]:
        first.step(x)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for x in batches[5:]:
        second.step(x)
    assert same(weights(whole.gan), weights(second.gan))


def test_a_trainer_s_backward_takes_the_place_of_ours():
    losses = []
    adversary = adversary_module.Adversary(vector_gan(), lf.Hinge())
    adversary.backward = lambda loss: (losses.append(loss.item()), loss.backward())
    metrics = adversary.step(torch.randn(8, 2))
    assert losses == pytest.approx([metrics["discriminator_loss"].item(), metrics["generator_loss"].item()])


def test_a_gan_learns_a_gaussian():
    torch.manual_seed(0)
    gan = vector_gan(ema_decay=0.99)
    target = dist.Normal(torch.tensor([2.0, -1.0]), torch.tensor([0.5, 1.0])).to_event(1)
    lf.train(gan, lf.NonSaturating(), target, 1500, regularizers=[lf.R1(0.5)], lr_generator=2e-3, lr_discriminator=4e-3)
    x = gan.sample(4000)
    assert torch.allclose(x.mean(0), target.mean, atol=0.2)
    assert torch.allclose(x.std(0), torch.tensor([0.5, 1.0]), atol=0.25)
