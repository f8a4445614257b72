import copy

import pytest
import torch

from pyrodgm import likelihood_free as lf
from tests.likelihood_free.small_gans import discriminator, same, vector_gan, weights


def trained(game, judge=None, steps=3):
    torch.manual_seed(1)
    gan = vector_gan(judge=judge, ema_decay=0.9)
    torch.manual_seed(2)
    history = lf.train(gan, game, torch.randn(40, 2), steps, batch_size=8, regularizers=[lf.R1(0.1)])
    return weights(gan), history


def test_packs_of_one_are_the_plain_game():
    plain, packed = trained(lf.NonSaturating()), trained(lf.Packed(lf.NonSaturating(), 1))
    assert same(plain[0], packed[0])
    assert plain[1] == packed[1]


def test_rows_of_a_pack_stand_side_by_side():
    shown = lf.Packed(lf.Hinge(), 2).shown(torch.arange(12.0).reshape(6, 2))
    assert torch.equal(shown, torch.arange(12.0).reshape(3, 4))
    x = torch.randn(6, 1, 3, 3)
    assert torch.equal(lf.Packed(lf.Hinge(), 3).shown(x)[1], x[3:, 0])


def test_the_discriminator_scores_packs_and_the_gradient_reaches_each_datum():
    torch.manual_seed(1)
    judge, x = discriminator(4), torch.randn(8, 2)
    gan = vector_gan(judge=judge)
    adversary = lf.Adversary(gan, lf.Packed(lf.Minimax(), 2))
    fake = gan.generate(8)
    loss = adversary.generator_loss(x, fake)
    by_hand = lf.Minimax().generator_loss(judge(torch.cat((fake[::2], fake[1::2]), 1)).squeeze(-1))
    assert torch.allclose(loss, by_hand)
    (gradient,) = torch.autograd.grad(loss, fake)
    assert (gradient != 0).all()


@pytest.mark.parametrize("wrap", [lambda g: lf.Packed(lf.Unrolled(g, 1), 2), lambda g: lf.Unrolled(lf.Packed(g, 2), 1)])
def test_packs_and_unrolling_compose_in_either_order(wrap):
    torch.manual_seed(1)
    gan, x = vector_gan(judge=discriminator(4)), torch.randn(8, 2)
    fake = gan.generate(8)
    losses = [
        lf.Adversary(copy.deepcopy(gan), game).generator_loss(x, fake)
        for game in (wrap(lf.Minimax()), lf.Unrolled(lf.Packed(lf.Minimax(), 2), 1), lf.Packed(lf.Minimax(), 2))
    ]
    assert torch.equal(losses[0], losses[1])
    assert losses[0] != losses[2]


def test_labels_are_packed_with_their_data():
    gan = vector_gan(context_dim=3, judge=discriminator(4, context_dim=6))
    seen = []
    gan.discriminator.register_forward_hook(lambda module, args, output: seen.append(args[1]))
    context = gan.context(torch.tensor([0, 2, 1, 1]), 4)
    lf.Adversary(gan, lf.Packed(lf.Hinge(), 2)).step(torch.randn(4, 2), context)
    assert torch.equal(seen[0], torch.tensor([[1.0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 1, 0]]))
