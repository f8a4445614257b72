import copy

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import Embedded, Fixed, Neural, distributions, flows, heads, models, nn, priors
from pyrodgm import likelihood_free as lf
from tests.likelihood_free.small_gans import discriminator, generator, same, vector_gan, weights


def test_draws_have_the_shape_of_the_data_and_gradients():
    gan = vector_gan()
    assert gan.sample(5).shape == gan.generate(5).shape == (5, 2)
    assert not gan.sample(5).requires_grad
    assert gan.generate(5).requires_grad
    assert gan.score(gan.sample(5)).shape == (5,)


PRIORS = {
    "standard normal": lambda: Fixed(distributions.StandardNormal(3)),
    "trained mixture": lambda: priors.MixturePrior(3, 4),
    "mixture without rsample": lambda: Fixed(
        dist.MixtureSameFamily(dist.Categorical(torch.ones(2)), dist.Normal(torch.randn(2, 3), 1.0).to_event(1))
    ),
    "flow": lambda: flows.realnvp(3, num_layers=2, hidden_dims=(4,)),
}


@pytest.mark.parametrize("name", PRIORS)
def test_any_prior_is_trained_along(name):
    gan = lf.GAN(PRIORS[name](), generator(), discriminator())
    before = weights(gan.prior)
    lf.train(gan, lf.NonSaturating(), torch.randn(20, 2), 2, batch_size=8, lr_generator=0.01)
    assert gan.sample(5).shape == (5, 2)
    assert before == {} or not same(before, weights(gan.prior))


def test_the_decoder_of_a_vae_is_a_generator():
    vae = models.vae(6, 2, hidden_dims=(8,), likelihood=Neural(nn.MLP(2, 12, hidden_dims=(8,)), heads.Normal(6)))
    gan = lf.GAN(vae.prior, vae.likelihood, discriminator(6))
    before = weights(vae.likelihood)
    lf.train(gan, lf.Hinge(), torch.randn(20, 6), 2, batch_size=8)
    assert gan.sample(3).shape == (3, 6)
    assert not same(before, weights(vae.likelihood))


def test_pictures():
    net = torch.nn.Sequential(nn.ConvDecoder(3, (1, 8, 8), channels=(4,)), torch.nn.Tanh())
    judge = nn.ConvEncoder((1, 8, 8), 1, channels=(4,))
    gan = lf.GAN(Fixed(distributions.StandardNormal(3)), Neural(net, heads.Delta((1, 8, 8))), judge)
    assert gan.value_range == (-1.0, 1.0)
    lf.train(gan, lf.LeastSquares(), torch.rand(10, 1, 8, 8), 2, batch_size=4)
    assert gan.sample(3).shape == (3, 1, 8, 8)


@pytest.mark.parametrize(
    ("net", "found"),
    [
        (torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sigmoid()), (0.0, 1.0)),
        (torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Unflatten(1, (2, 2))), (-1.0, 1.0)),
        (torch.nn.Sequential(torch.nn.Tanh(), torch.nn.Linear(3, 4)), None),
        (nn.MLP(3, 4, activation=torch.nn.Tanh), None),
        (nn.DCGANGenerator(3, (1, 8, 8), num_channels=2), (-1.0, 1.0)),
    ],
)
def test_the_range_is_that_of_the_last_layer(net, found):
    prior = Fixed(distributions.StandardNormal(3))
    assert lf.GAN(prior, Neural(net, heads.Delta(4))).value_range == found
    assert lf.GAN(prior, Neural(net, heads.Delta(4)), value_range=(0, 9)).value_range == (0, 9)


def test_labels_reach_generator_and_discriminator():
    gan = vector_gan(context_dim=4)
    assert gan.context_dim == 4
    labels = torch.tensor([3, 0, 1, 1, 2])
    context = gan.context(labels, 5)
    assert torch.equal(context, torch.eye(4)[labels])
    assert torch.equal(gan.context(context, 5), context)
    assert gan.sample(5, labels).shape == (5, 2)
    x = torch.randn(5, 2)
    assert not torch.equal(gan.score(x, context), gan.score(x, context.roll(1, 0)))
    torch.manual_seed(0)
    first = gan.sample(5, labels)
    torch.manual_seed(0)
    assert torch.equal(first, gan.sample(5, context))
    torch.manual_seed(0)
    assert not torch.equal(first, gan.sample(5, labels.roll(1)))


def test_embedded_labels_and_a_projection_discriminator_learn_which_class_is_where():
    torch.manual_seed(0)
    drawn = Embedded(nn.LabelEmbedding(2, 2, 3), Neural(nn.MLP(5, 2, hidden_dims=(16,)), heads.Delta(2)))
    judge = nn.ProjectionDiscriminator(nn.MLP(2, 16, hidden_dims=(16,)), 16, context_dim=2)
    gan = lf.GAN(Fixed(distributions.StandardNormal(2)), drawn, judge)
    labels = torch.arange(400) % 2
    x = torch.randn(400, 2) * 0.3 + torch.tensor([[-2.0, 0.0], [2.0, 0.0]])[labels]
    lf.train(gan, lf.Hinge(), x, 300, labels=labels, batch_size=64, lr_generator=5e-3, lr_discriminator=5e-3)
    left, right = (gan.sample(200, torch.full((200,), label))[:, 0].mean().item() for label in (0, 1))
    assert left < -1 < 1 < right


def test_the_average_is_what_its_formula_says_and_samples_come_from_it():
    gan = vector_gan(ema_decay=0.3)
    expected = weights(gan.generator)
    adversary = lf.Adversary(gan, lf.Hinge(), lr_generator=0.1)
    for update in range(4):
        adversary.step(torch.randn(8, 2))
        decay = min(0.3, (1 + update) / (10 + update)) if update else 0.0
        expected = {n: decay * expected[n] + (1 - decay) * value for n, value in weights(gan.generator).items()}
    average = weights(gan.generator_average)
    assert all(torch.allclose(average[name], value) for name, value in expected.items())
    assert not same(average, weights(gan.generator))
    torch.manual_seed(0)
    drawn = gan.sample(5)
    torch.manual_seed(0)
    assert torch.equal(drawn, gan.generator_average(gan.prior().sample((5,))).sample())
    torch.manual_seed(0)
    plain = gan.sample(5, average=False)
    torch.manual_seed(0)
    assert torch.equal(plain, gan.generator(gan.prior().sample((5,))).sample())
    assert vector_gan().generator_average is None


def test_a_gan_is_copied_moved_and_saved():
    gan = vector_gan(ema_decay=0.9)
    lf.train(gan, lf.Hinge(), torch.randn(20, 2), 2, batch_size=8)
    copied, fresh = copy.deepcopy(gan), vector_gan(ema_decay=0.9)
    fresh.load_state_dict(gan.state_dict())
    draws = []
    for one in (gan, copied, fresh):
        torch.manual_seed(0)
        draws.append(one.sample(5))
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(draws[0], draws[2])
    assert gan.float().sample(3).dtype == torch.float32
