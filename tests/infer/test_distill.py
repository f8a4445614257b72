"""Distillation against closed forms of Gaussians, its noise, what becomes of the teacher, and the spectral loss."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrodgm import Conditional, Fixed, Flow, distributions, flows, heads, infer, models, nn, testing, train, transforms
from pyrodgm import autoregressive as ar
from pyrodgm.infer.distillation import entropy_of, in_one_order

DIM = 3
LOC, SCALE = torch.tensor([0.5, -1.0], dtype=torch.float64), torch.tensor([0.7, 1.6], dtype=torch.float64)


class Linear(nn.CausalNet):
    """Locations linear in the features before, and scales that depend on nothing: whatever it makes is Gaussian."""

    def __init__(self, dim, spread=0.0):
        super().__init__()
        self.grid_shape, self.num_params = (dim,), 2
        self.register_buffer("order", torch.arange(dim), persistent=False)
        self.weight = torch.nn.Parameter(spread * torch.randn(dim, dim))
        self.bias = torch.nn.Parameter(spread * torch.randn(dim))
        self.raw = torch.nn.Parameter(spread * torch.randn(dim))

    def forward(self, x, context=None):
        loc = x @ self.weight.tril(-1).t() + self.bias
        return torch.stack((loc, self.raw.expand_as(loc)), -1)


def linear_student(num_layers=1, spread=0.0):
    layers = [transforms.MaskedAutoregressive(transforms.Affine(), Linear(DIM, spread)) for _ in range(num_layers)]
    return flows.CausalFlow(layers, Fixed(dist.Normal(torch.zeros(DIM), torch.ones(DIM)).to_event(1)))


def linear_teacher(spread=0.0):
    return ar.Autoregressive(Linear(DIM, spread), heads.Normal())


def gaussian_of_student(student):
    """x = L u + b, differentiable in the parameters."""
    loc = student.steps(torch.zeros(DIM)).x
    tril = (student.steps(torch.eye(DIM)).x - loc).t().tril()
    return torch.distributions.MultivariateNormal(loc, scale_tril=tril)


def gaussian_of_teacher(teacher):
    """x = W x + b + s e, so that x = (I - W)^-1 (b + s e)."""
    net = teacher.net
    response = torch.linalg.inv(torch.eye(DIM) - net.weight.tril(-1)).tril().detach()
    scale = teacher.head(net(torch.zeros(DIM))).stddev.detach()
    return torch.distributions.MultivariateNormal(response @ net.bias.detach(), scale_tril=response * scale)


def closed_form(student, teacher):
    return torch.distributions.kl_divergence(gaussian_of_student(student), gaussian_of_teacher(teacher))


def gradients(value, student):
    return torch.cat([g.flatten() for g in torch.autograd.grad(value, list(student.parameters()))])


@pytest.mark.parametrize("num_draws", [0, 1, 8])
def test_the_loss_is_the_closed_divergence(num_draws):
    # Four standard errors over 100 repeats: each fails by chance once in 8,000 seeds.
    student, teacher = linear_student(2, spread=0.4), linear_teacher(spread=0.4)
    loss_of = infer.Distillation(teacher, num_draws=num_draws)(student)
    with torch.no_grad():
        found = torch.stack([loss_of.mean_loss(100) for _ in range(100)])
        wanted = closed_form(student, teacher)
    error = found.std() / 10
    assert wanted > 0.1
    assert error < 0.1 * wanted
    assert (found.mean() - wanted).abs() < 4 * error


@pytest.mark.parametrize("num_draws", [0, 8])
def test_the_gradient_is_the_closed_one(num_draws):
    # Five standard errors over 60 repeats, for 18 numbers: each fails by chance once in 10,000 seeds.
    student, teacher = linear_student(2, spread=0.3), linear_teacher(spread=0.3)
    wanted = gradients(closed_form(student, teacher), student)
    loss_of = infer.Distillation(teacher, num_draws=num_draws)(student)
    found = torch.stack([gradients(loss_of.mean_loss(200), student) for _ in range(60)])
    error = found.std(0) / math.sqrt(60)
    assert ((found.mean(0) - wanted).abs() <= 5 * error + 1e-12).all()
    assert error.norm() < 0.1 * wanted.norm()
    assert (wanted.abs() > 1e-3).sum() >= 12


def test_integrating_over_each_step_takes_most_of_the_noise_away():
    """Unit normals against x_t ~ N(0.3 x_{t-1}, 1): by hand, 16 draws leave a tenth of the gradient's variance.

    Of 400 gradients each, the ratio is measured to about 15 percent of itself: a quarter is ten such errors away.
    """
    student, teacher = linear_student(), linear_teacher()
    with torch.no_grad():
        teacher.net.weight.copy_(torch.diag(torch.full((DIM - 1,), 0.3), -1))
    variances = {}
    for num_draws in (0, 16):
        loss_of = infer.Distillation(teacher, num_draws=num_draws)(student)
        found = torch.stack([gradients(loss_of.mean_loss(1), student) for _ in range(400)])
        variances[num_draws] = found.var(0).sum()
    assert variances[0] > 5
    assert variances[16] < 0.25 * variances[0]


def test_training_reaches_the_teacher():
    student, teacher = linear_student(spread=1.0), linear_teacher(spread=0.5)
    assert closed_form(student, teacher) > 0.5
    losses = infer.distill(student, teacher, num_steps=500, batch_size=64, lr=0.05, num_draws=16)
    assert closed_form(student, teacher) < 0.01
    assert len(losses) == 500
    assert losses[0] > 0.3
    assert abs(sum(losses[-50:]) / 50) < 0.05


def test_any_density_teaches():
    student = Flow(transforms.Elementwise(transforms.Affine(), 2), Fixed(distributions.StandardNormal(2)))
    teacher = Fixed(dist.Normal(LOC, SCALE).to_event(1))
    infer.distill(student, teacher, num_steps=400, batch_size=64, lr=0.03)
    loc = student.bijection.forward_and_ladj(torch.zeros(2))[0]
    scale = student.bijection.forward_and_ladj(torch.ones(2))[0] - loc
    assert torch.distributions.kl_divergence(dist.Normal(loc, scale), dist.Normal(LOC, SCALE)).sum() < 0.01


def test_a_flow_teaches():
    torch.manual_seed(1)
    teacher = testing.perturb(flows.maf(2, num_layers=2, hidden_dims=(8,)), 0.3)
    losses = infer.distill(flows.iaf(2, hidden_dims=(16,)), teacher, num_steps=150, batch_size=64, lr=1e-2)
    assert sum(losses[-20:]) / 20 < 0.5 * sum(losses[:5]) / 5


def wave_pair(context_dim=0, length=6, head=None):
    head = heads.MixtureNormal(2) if head is None else head
    sizes = {"num_layers": 2, "num_channels": 6}
    net = nn.WaveNet(length, head.num_params, num_levels=None, context_dim=context_dim, **sizes)
    teacher = testing.perturb(ar.Autoregressive(net, head), 0.2)
    return testing.perturb(flows.parallel_wavenet(length, context_dim, num_flows=2, **sizes), 0.1), teacher


@pytest.mark.parametrize("context_dim", [0, 3, (2, 6)])
def test_both_estimators_of_a_wavenet_s_divergence_agree(context_dim):
    # The difference of two means within five standard errors: fails by chance once in a million seeds.
    student, teacher = wave_pair(context_dim)
    shape = (context_dim,) if isinstance(context_dim, int) else context_dim
    context = torch.randn(400, *shape) if context_dim else None
    means, errors = [], []
    for num_draws in (0, 8):
        loss_of = infer.Distillation(teacher, num_draws=num_draws)(student)
        with torch.no_grad():
            found = torch.stack([loss_of.mean_loss(400, context) for _ in range(30)])
        means.append(found.mean())
        errors.append(found.var() / 30)
    assert (means[0] - means[1]).abs() < 5 * (errors[0] + errors[1]).sqrt()
    assert means[1] > 0.1


def test_a_model_of_levels_teaches_through_its_relaxation():
    head = heads.DiscretizedLogisticMixture(2, 33)
    model = ar.wavenet(16, num_levels=33, num_layers=3, num_channels=6, head=head)
    student = flows.parallel_wavenet(16, num_flows=2, num_layers=3, num_channels=6)
    losses = infer.distill(student, ar.relaxed(model), num_steps=80, batch_size=8, lr=0.03)
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])


def test_only_one_order_is_integrated_over():
    student, teacher = linear_student(), linear_teacher()
    assert in_one_order(student, teacher)
    other = ar.Autoregressive(nn.MaskedMLP(DIM, 2, order=[2, 0, 1]), heads.Normal())
    assert not in_one_order(student, other)
    pyro.set_rng_seed(0)
    loss = infer.Distillation(other)(student).mean_loss(5)
    pyro.set_rng_seed(0)
    torch.testing.assert_close(loss, infer.Distillation(other, num_draws=0)(student).mean_loss(5))


def test_a_base_without_a_form_of_its_entropy_is_asked_for_its_density():
    noise = torch.randn(5, DIM)
    normal, logistic = distributions.StandardNormal(DIM), distributions.StandardLogistic(DIM)
    torch.testing.assert_close(entropy_of(normal, noise), -normal.log_prob(noise))
    assert entropy_of(logistic, noise).item() == 2 * DIM


@pytest.mark.parametrize("num_draws", [0, 4])
def test_the_teacher_is_as_it_was(num_draws):
    student, teacher = wave_pair()
    teacher.net.hidden.eval()
    teacher.net.output.weight.requires_grad_(False)
    modes = [module.training for module in teacher.modules()]
    trained = [parameter.requires_grad for parameter in teacher.parameters()]
    weights = [parameter.clone() for parameter in teacher.parameters()]
    seen = []
    handle = teacher.net.register_forward_hook(
        lambda net, *_: seen.append((net.training, net.hidden.weight.requires_grad))
    )
    infer.distill(student, teacher, num_steps=2, batch_size=3, num_draws=num_draws)
    handle.remove()
    assert seen == [(False, False)] * 2
    assert all(parameter.grad is not None for parameter in student.parameters())
    with torch.no_grad():
        teacher.net.waves.weight[0] = math.nan
    message = "Expected (finite )?parameter"  # ours, or that of torch, which checks what the head makes
    with pytest.raises((FloatingPointError, ValueError), match=message):
        infer.distill(student, teacher, num_steps=1, num_draws=num_draws)
    assert [module.training for module in teacher.modules()] == modes
    assert [parameter.requires_grad for parameter in teacher.parameters()] == trained
    assert all(parameter.grad is None for parameter in teacher.parameters())
    same = [torch.equal(a, b) for a, b in zip(weights, teacher.parameters(), strict=True)]
    assert same.count(False) == 1  # the one that was made NaN


class Failing(Conditional):
    """A standard normal that from the third call on is no number, or has gradients that are none."""

    def __init__(self, where):
        super().__init__()
        self.event_shape, self.where, self.calls = torch.Size([2]), where, 0

    def distribution(self, context):
        self.calls += 1
        return NotANumber(2, self.where) if self.calls >= 3 else distributions.StandardNormal(2)


class NotANumber(distributions.StandardNormal):
    def __init__(self, dim, where):
        super().__init__(dim)
        self.where = where

    def log_prob(self, value):
        log_prob = super().log_prob(value)
        if self.where == "value":
            return torch.where(torch.arange(len(value)) < 4, math.nan, log_prob)
        return log_prob + (value - value).abs().sqrt().sum(-1)  # 0, with a gradient that is not a number


@pytest.mark.parametrize("where", ["value", "gradient"])
def test_a_bad_density_leaves_the_parameters_finite(where):
    student, teacher = flows.iaf(2, hidden_dims=(8,)), Failing(where)
    message = {
        "value": r"Expected a finite loss; got nan, with .* at 4 of 16 draws.*\(step 2\)",
        "gradient": r"Expected a finite gradient; got a norm of nan at step 2",
    }[where]
    with pytest.raises(FloatingPointError, match=message):
        infer.distill(student, teacher, num_steps=5)
    assert teacher.calls == 3
    assert all(parameter.isfinite().all() for parameter in student.parameters())


def test_draws_that_are_not_finite_are_named_with_their_step():
    student, teacher = wave_pair()
    with torch.no_grad():
        student.layers[0].net.hidden.bias[0] = math.nan
    with pytest.raises(FloatingPointError, match=r"Expected finite draws of the student; .* values\. .*\(step 0\)"):
        infer.distill(student, teacher, num_steps=3)


def test_a_trainer_takes_it_as_an_objective():
    student, teacher = wave_pair(3)
    density = models.Density(student)
    x, context = torch.randn(5, 6), torch.randn(5, 3)
    objective = infer.Distillation(teacher, spectral_weight=0.5)
    module = train.Training(density, objective=objective)
    pyro.set_rng_seed(0)
    found = module.training_step((x, context), 0)
    pyro.set_rng_seed(0)
    torch.testing.assert_close(found, objective(student).mean_loss(5, context, x))
    own = {id(parameter) for parameter in objective(density.model, density.guide).parameters()}
    assert own == {id(parameter) for parameter in student.parameters()}
    with torch.inference_mode():  # as a trainer validates
        assert module.loss(x, context).isfinite()


def test_the_spectral_loss_is_added_with_its_weight():
    student, teacher = wave_pair(length=40)
    reference = torch.randn(7, 40)
    losses = []
    for weight in (0.0, 2.5):
        pyro.set_rng_seed(0)
        losses.append(infer.Distillation(teacher, spectral_weight=weight)(student).mean_loss(5, None, reference))
    pyro.set_rng_seed(0)
    x = student.steps(student.base().rsample((5,))).x
    power = infer.spectral_power_loss(x, reference, paired=False)
    torch.testing.assert_close(losses[1] - losses[0], 2.5 * power)

    def loudness(x, reference):
        return (x.square().mean() - reference.square().mean()).square()

    pyro.set_rng_seed(0)
    objective = infer.Distillation(teacher, spectral_weight=1.0, spectral_loss=loudness)
    own = objective(student).mean_loss(5, None, reference)
    torch.testing.assert_close(own - losses[0], loudness(x, reference))


def test_power_of_a_tone():
    time = torch.arange(6400.0)
    tone = (2 * math.pi * 8 / 64 * time).sin()  # in the middle of a bin of 64 samples: A^2 n / 16, and a quarter beside
    silence = torch.zeros(1, 6400)
    loss = infer.spectral_power_loss(tone[None], silence, window_length=64)
    assert loss.item() == pytest.approx(4**2 + 2 * 1**2, rel=0.05)
    half = infer.spectral_power_loss(0.5 * tone[None], silence, window_length=64)
    torch.testing.assert_close(half, loss / 16)


@pytest.mark.parametrize("paired", [True, False])
def test_equal_sounds_have_no_spectral_loss_and_others_do(paired):
    x = torch.randn(3, 500, requires_grad=True)
    assert infer.spectral_power_loss(x, x.detach().clone(), paired=paired).item() < 1e-25
    loss = infer.spectral_power_loss(x, 0.5 * torch.randn(3, 500), paired=paired)
    assert loss > 0.01
    assert torch.autograd.grad(loss, x)[0].abs().sum() > 0


def test_the_spectral_loss_hears_how_much_and_not_when():
    sound = torch.zeros(1, 1000)
    sound[0, 300:500] = (torch.arange(200.0) / 2).sin()
    later, louder = sound.roll(160, 1), 1.2 * sound
    losses = [infer.spectral_power_loss(other, sound, window_length=64) for other in (later, louder)]
    assert losses[0] < 1e-6 * losses[1]


def test_rows_that_are_not_paired_are_compared_as_a_whole():
    x = torch.randn(4, 300)
    assert infer.spectral_power_loss(x, x.flip(0), paired=False).item() < 1e-25
    assert infer.spectral_power_loss(x, x.flip(0)) > 0.01
    assert infer.spectral_power_loss(x, x.repeat(2, 1), paired=False).item() < 1e-25
