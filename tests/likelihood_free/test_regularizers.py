import copy

import pytest
import torch
from torch.nn.utils import parametrize

from pyrodgm import likelihood_free as lf
from pyrodgm import nn
from tests.likelihood_free.small_gans import discriminator, vector_gan, weights


def pictures(num=5):
    return torch.randn(num, 2, 3, 4), torch.randn(num, 2, 3, 4)


def linear_critic(shape=(2, 3, 4), norm=3.0):
    critic = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(torch.Size(shape).numel(), 1))
    with torch.no_grad():
        critic[1].weight.mul_(norm / critic[1].weight.norm())
    return critic


def test_gradient_penalty_of_a_linear_critic_is_of_its_norm_over_all_dimensions():
    assert lf.GradientPenalty(10.0)(linear_critic(norm=3.0), *pictures()).item() == pytest.approx(40.0)
    assert lf.GradientPenalty(10.0)(linear_critic(norm=1.0), *pictures()).item() == pytest.approx(0.0, abs=1e-12)


def test_gradient_penalty_reaches_the_weights_as_the_closed_form_does():
    critic = linear_critic(norm=3.0)
    lf.GradientPenalty(10.0)(critic, *pictures()).backward()
    weight = critic[1].weight
    assert torch.allclose(weight.grad, 20 * (3.0 - 1) * weight.detach() / 3.0)


def test_gradient_penalty_is_taken_between_real_and_fake():
    seen = []
    real, fake = torch.zeros(50, 2), torch.ones(50, 2)

    def critic(x):
        seen.append(x.detach())
        return x.sum(1)

    lf.GradientPenalty(1.0)(critic, real, fake)
    (x,) = seen
    assert (x >= 0).all()
    assert (x <= 1).all()
    assert torch.equal(x[:, 0], x[:, 1])  # one share a datum
    assert len(x[:, 0].unique()) == 50


@pytest.mark.parametrize("penalty", [lf.GradientPenalty(10.0), lf.R1(10.0)])
def test_no_nan_where_the_slope_is_zero(penalty):
    critic = torch.nn.Linear(3, 1)
    torch.nn.init.zeros_(critic.weight)
    value = penalty(critic, torch.randn(5, 3), torch.randn(5, 3))
    value.backward()
    assert value.item() == (10.0 if isinstance(penalty, lf.GradientPenalty) else 0.0)
    assert critic.weight.grad.isfinite().all()


@pytest.mark.parametrize("penalty", [lf.GradientPenalty(10.0), lf.R1(10.0)])
def test_no_nan_where_the_score_does_not_depend_on_the_datum(penalty):
    bias = torch.zeros(1, requires_grad=True)
    value = penalty(lambda x: x.new_ones(len(x)) * bias, torch.randn(5, 3), torch.randn(5, 3))
    value.backward()
    assert value.isfinite()


def test_r1_is_autograd_by_hand():
    critic, x = discriminator(3), torch.randn(5, 3)
    total = 0.0
    for row in x:
        total += torch.func.grad(lambda row: critic(row).squeeze())(row).square().sum().item()
    assert lf.R1(0.7)(critic, x, torch.randn(5, 3)).item() == pytest.approx(0.7 / 2 * total / 5, rel=1e-12)


@pytest.mark.parametrize("penalty", [lf.GradientPenalty(10.0), lf.R1(10.0)])
def test_batch_norm_is_refused_with_the_reason(penalty):
    critic = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    message = r"without batch normalisation; got BatchNorm1d at '1'.*depend on all rows.*LayerNorm"
    with pytest.raises(ValueError, match=message):
        penalty(critic, torch.randn(5, 2), torch.randn(5, 2))
    with pytest.raises(ValueError, match=message):
        lf.Adversary(vector_gan(judge=critic), lf.Wasserstein(), regularizers=[penalty])


def power_iterations(critic):
    """Return the vectors of each layer after one iteration more."""
    copied = copy.deepcopy(critic).train()
    _ = [layer.weight for layer in copied.layers]
    return [layer.parametrizations.weight[0]._u for layer in copied.layers]


def test_spectral_norm_makes_one_power_iteration_a_step():
    gan = vector_gan()
    penalties = [lf.SpectralNorm(), lf.GradientPenalty(1.0)]
    adversary = lf.Adversary(gan, lf.Unrolled(lf.Hinge(), 2), regularizers=penalties)
    layers = gan.discriminator.layers
    for _ in range(3):
        expected = power_iterations(gan.discriminator)
        adversary.step(torch.randn(8, 2))
        assert all(
            torch.equal(layer.parametrizations.weight[0]._u, u) for layer, u in zip(layers, expected, strict=True)
        )
    assert all(part.training for part in gan.discriminator.modules())


@pytest.mark.parametrize("bound", [1.0, 3.0])
def test_spectral_norm_bounds_the_slope(bound):
    gan = vector_gan()
    lf.SpectralNorm(bound).prepare(gan.discriminator)
    lf.SpectralNorm(bound).prepare(gan.discriminator)  # a second time changes nothing
    layers = gan.discriminator.layers
    for _ in range(50):
        largest = [torch.linalg.matrix_norm(layer.weight, 2) for layer in layers]
    assert torch.allclose(torch.stack(largest), torch.full((2,), bound), rtol=1e-4)


def test_spectral_norm_reaches_convolutions_and_embeddings():
    net = nn.ProjectionDiscriminator(nn.ConvEncoder((1, 8, 8), 6, channels=(4,)), 6, context_dim=3)
    lf.SpectralNorm().prepare(net)
    layers = [m for m in net.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv2d)]
    assert len(layers) == 4
    assert all(parametrize.is_parametrized(layer) for layer in layers)


def test_weights_are_clipped_after_each_step():
    gan = vector_gan()
    adversary = lf.Adversary(gan, lf.Wasserstein(), regularizers=[lf.WeightClip(0.01)])
    before = weights(gan.generator)
    adversary.step(torch.randn(8, 2))
    assert max(p.abs().max() for p in gan.discriminator.parameters()) <= 0.01
    assert any((before[name] - value).abs().max() > 0 for name, value in weights(gan.generator).items())


def test_instance_noise_has_its_scale_and_is_shown_to_the_discriminator_alone():
    x = torch.zeros(40_000, 2)
    # The standard error of the deviation is 0.5 / sqrt(2 * 80000), so this fails once in 15,000 seeds.
    assert lf.InstanceNoise(0.5).perturb(x).std().item() == pytest.approx(0.5, abs=4 * 0.5 / 400)
    seen = []
    gan = vector_gan()
    gan.discriminator.register_forward_hook(lambda module, args, output: seen.append(args[0].detach()))
    lf.Adversary(gan, lf.Hinge(), regularizers=[lf.InstanceNoise(0.5)]).step(torch.zeros(8, 2))
    real, fake, fake_again = seen
    assert real.abs().min() > 0
    assert not torch.equal(fake, fake_again)


def test_penalties_add_up_and_weights_scale_them():
    gan = vector_gan()
    x = torch.randn(8, 2)
    one = lf.R1(1.0)(gan.discriminator, x, x).item()
    both = lf.Adversary(gan, lf.Hinge(), regularizers=[lf.R1(1.0), lf.R1(2.0)]).step(x)
    assert both["penalty"].item() == pytest.approx(3 * one)
