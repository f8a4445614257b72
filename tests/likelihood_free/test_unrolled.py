import copy

import pytest
import torch

from pyrodgm import likelihood_free as lf
from pyrodgm.likelihood_free.pure_optimizers import adam_state
from tests.likelihood_free.small_gans import same, vector_gan, weights
from tests.likelihood_free.test_packed import trained


def test_no_steps_is_the_plain_step():
    plain, unrolled = trained(lf.NonSaturating()), trained(lf.Unrolled(lf.NonSaturating(), 0))
    assert same(plain[0], unrolled[0])
    assert plain[1] == unrolled[1]


def test_one_step_changes_the_generator_and_not_the_discriminator_s_own_step():
    plain, unrolled = trained(lf.NonSaturating(), steps=1), trained(lf.Unrolled(lf.NonSaturating(), 1), steps=1)
    judged = [name for name in plain[0] if name.startswith("discriminator")]
    drawn = [name for name in plain[0] if name.startswith("generator")]
    assert judged
    assert all(torch.equal(plain[0][name], unrolled[0][name]) for name in judged)
    assert any(not torch.equal(plain[0][name], unrolled[0][name]) for name in drawn)


def loss_after_a_step(gan, game, optimizer, x, z, pure):
    """The generator's loss against the discriminator after one real step, by hand."""
    fake = gan.generator(z).v
    judge, ahead = copy.deepcopy(gan.discriminator), copy.deepcopy(optimizer.state_dict())
    real_step = (torch.optim.SGD if pure is lf.pure_sgd else torch.optim.Adam)(judge.parameters(), lr=0.3)
    if pure is lf.pure_adam:
        real_step.load_state_dict(ahead)
        real_step.param_groups[0]["lr"] = 0.3
    real_step.zero_grad()
    game.discriminator_loss(judge(x).squeeze(-1), judge(fake.detach()).squeeze(-1)).backward()
    real_step.step()
    return game.generator_loss(judge(fake.detach()).squeeze(-1)).item()


@pytest.mark.parametrize("pure", [lf.pure_sgd, lf.pure_adam])
def test_one_step_is_the_finite_difference_through_a_step_of_the_discriminator(pure):
    gan, game, x = vector_gan(), lf.NonSaturating(), torch.randn(6, 2)
    adversary = lf.Adversary(gan, lf.Unrolled(game, 1, lr=0.3, update=pure), lr_discriminator=1e-2)
    for _ in range(3):  # so that Adam remembers something
        adversary.step(torch.randn(6, 2))
    z = torch.randn(6, 3)
    optimizer = adversary.discriminator_optimizer
    loss = adversary.generator_loss(x, gan.generator(z).rsample())
    assert loss.item() == pytest.approx(loss_after_a_step(gan, game, optimizer, x, z, pure), rel=1e-10)
    parameters = list(gan.generator.parameters())
    gradients = torch.autograd.grad(loss, parameters)
    eps = 1e-6
    for parameter, gradient in zip(parameters, gradients, strict=True):
        for index in torch.randperm(parameter.numel())[:6].tolist():
            ends = []
            for sign in (1, -1):
                parameter.data.view(-1)[index] += sign * eps
                ends.append(loss_after_a_step(gan, game, optimizer, x, z, pure))
                parameter.data.view(-1)[index] -= sign * eps
            difference = (ends[0] - ends[1]) / (2 * eps)
            assert gradient.reshape(-1)[index].item() == pytest.approx(difference, rel=1e-5, abs=1e-8)


def test_the_gradient_is_not_that_of_the_discriminator_held_where_it_arrives():
    gan, x = vector_gan(), torch.randn(6, 2)
    adversary = lf.Adversary(gan, lf.Unrolled(lf.NonSaturating(), 1, lr=1.0, update=lf.pure_sgd))
    fake = gan.generate(6)
    (through,) = torch.autograd.grad(adversary.generator_loss(x, fake), fake)
    adversary.game.look_ahead = lambda *args: {
        name: value.detach() for name, value in lf.Unrolled.look_ahead(adversary.game, *args).items()
    }
    (held,) = torch.autograd.grad(adversary.generator_loss(x, fake), fake)
    assert (through - held).norm() > 0.01 * held.norm()


def test_several_steps_are_several_steps_of_the_optimiser():
    gan, x = vector_gan(), torch.randn(6, 2)
    adversary = lf.Adversary(gan, lf.Unrolled(lf.LeastSquares(), 4, lr=0.1, update=lf.pure_sgd))
    fake = gan.generate(6)
    before = weights(gan)
    loss = adversary.generator_loss(x, fake)
    assert same(before, weights(gan))
    judge = copy.deepcopy(gan.discriminator)
    sgd = torch.optim.SGD(judge.parameters(), lr=0.1)
    for _ in range(4):
        sgd.zero_grad()
        lf.LeastSquares().discriminator_loss(judge(x).squeeze(-1), judge(fake.detach()).squeeze(-1)).backward()
        sgd.step()
    assert loss.item() == pytest.approx(lf.LeastSquares().generator_loss(judge(fake.detach()).squeeze(-1)).item())


@pytest.mark.parametrize("num_scores", [0, 1, 3])
def test_cost_is_linear_in_the_steps(num_scores):
    calls = []
    gan = vector_gan()
    gan.discriminator.register_forward_hook(lambda *args: calls.append(1))
    adversary = lf.Adversary(gan, lf.Unrolled(lf.Hinge(), num_scores))
    adversary.generator_loss(torch.randn(6, 2), gan.generate(6))
    assert len(calls) == 2 * num_scores + 1


def test_regularizers_act_in_the_steps_ahead_and_batch_norm_keeps_its_statistics():
    judge = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    gan, x = vector_gan(judge=judge), torch.randn(6, 2)
    fake = gan.generate(6)
    adversary = lf.Adversary(gan, lf.Unrolled(lf.Hinge(), 2))
    before = weights(judge)
    adversary.generator_loss(x, fake)
    assert same(before, weights(judge))
    gan = vector_gan()
    free, held = (
        lf.Adversary(gan, lf.Unrolled(lf.Hinge(), 1, lr=0.5, update=lf.pure_sgd), regularizers=parts)
        for parts in ([], [lf.R1(1.0)])
    )
    assert free.generator_loss(x, fake) != held.generator_loss(x, fake)


def test_pure_steps_are_torch_s():
    parameters = {"a": torch.randn(3), "b": torch.randn(2, 2)}
    for pure, kind, settings in ((lf.pure_sgd, torch.optim.SGD, {}), (lf.pure_adam, torch.optim.Adam, {})):
        values = [value.clone().requires_grad_() for value in parameters.values()]
        optimizer = kind(values, lr=0.05, **settings)
        ahead, state = dict(parameters), None
        for _ in range(4):
            gradients = [torch.randn_like(value) for value in values]
            gradients[0][0] = 0.0  # never moves
            for value, gradient in zip(values, gradients, strict=True):
                value.grad = gradient.clone()
            optimizer.step()
            ahead, state = pure(ahead, dict(zip(ahead, gradients, strict=True)), state, lr=0.05)
        assert all(torch.allclose(a, v, rtol=1e-12) for a, v in zip(ahead.values(), values, strict=True))


def test_pure_adam_goes_on_from_torch_s_adam():
    value = torch.randn(5, requires_grad=True)
    optimizer = torch.optim.Adam([value], lr=0.1, betas=(0.5, 0.9), fused=True)
    for _ in range(3):
        value.grad = torch.randn(5)
        optimizer.step()
    gradient = torch.randn(5)
    after, state = lf.pure_adam({"w": value.detach()}, {"w": gradient}, adam_state(optimizer, {"w": value}), lr=0.1)
    value.grad = gradient
    optimizer.step()
    assert state.step == 4
    assert torch.allclose(after["w"], value, rtol=1e-12)


def test_a_gradient_of_zero_has_no_nan_behind_it():
    gradient = torch.zeros(3, requires_grad=True)
    after, _ = lf.pure_adam({"w": torch.ones(3)}, {"w": gradient}, lr=0.1)
    (derivative,) = torch.autograd.grad(after["w"].sum(), gradient)
    assert torch.equal(after["w"], torch.ones(3))
    assert torch.equal(derivative, torch.zeros(3))
