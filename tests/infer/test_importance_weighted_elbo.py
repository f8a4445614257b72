"""Bounds of many draws against closed forms, Pyro's, and gradients written out by hand."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import RenyiELBO
from pyro.nn import PyroModule, PyroParam

from pyrodgm import flows, infer, models
from pyrodgm.testing.expectations import perturb
from tests.infer.linear_gaussian import LinearGaussian, expect_mean

GRADIENTS = ["reparameterized", "sticking_the_landing", "doubly_reparameterized"]


def value_and_gradients(objective, model, guide, *args, seed=0, **kwargs):
    pyro.set_rng_seed(seed)
    loss_of = objective(model, guide)
    loss = loss_of(*args, **kwargs)
    return loss.detach(), torch.autograd.grad(loss, list(loss_of.parameters()))


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
def test_one_draw_is_the_elbo(alpha):
    known = LinearGaussian()
    ours = value_and_gradients(infer.ImportanceWeightedELBO(1, alpha=alpha), *known.args, size=60)
    elbo = value_and_gradients(infer.ReparameterizedELBO(), *known.args, size=60)
    torch.testing.assert_close(ours, elbo)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0])
def test_equals_pyros(alpha):
    known = LinearGaussian(shift=0.5)
    parameters = list(known.vae.parameters())
    value, gradients = value_and_gradients(infer.ImportanceWeightedELBO(7, alpha=alpha), *known.args)
    pyro.set_rng_seed(0)
    theirs = RenyiELBO(alpha, num_particles=7, max_plate_nesting=1, vectorize_particles=True)
    assert theirs.loss_and_grads(*known.args) == pytest.approx(float(value))
    ours = dict(zip(infer.ImportanceWeightedELBO()(*known.args[:2]).parameters(), gradients, strict=True))
    for parameter in parameters:
        torch.testing.assert_close(ours[parameter], parameter.grad)


def test_rises_with_draws_to_the_evidence():
    # Means of 40 runs of 10 copies of 6 data; within 6 standard errors (t of 39): fails once in 10^6 seeds.
    known = LinearGaussian().repeat(10)
    means = []
    for num in (1, 3, 10, 100):
        objective = infer.ImportanceWeightedELBO(num)
        runs = torch.stack([-objective.differentiable_loss(*known.args).detach() for _ in range(40)]) / 10
        if num == 1:
            expect_mean(runs, known.elbo().sum().detach() / 10)
        means.append(runs.mean().item())
    assert means == sorted(means)
    assert means[-1] < known.evidence.sum() + 0.02
    assert means[-1] > known.evidence.sum() - 0.1


def test_falls_with_alpha_on_the_same_draws():
    known = LinearGaussian(shift=0.5)

    def bound(alpha):
        return -value_and_gradients(infer.ImportanceWeightedELBO(20, alpha=alpha), *known.args)[0]

    bounds = torch.stack([bound(alpha) for alpha in (0.0, 0.3, 0.9, 1.0, 1.1, 3.0)])
    assert (bounds.diff() < 0).all()
    torch.testing.assert_close(bound(1 - 1e-6), bound(1.0), atol=1e-3, rtol=0)


def test_renyi_bound_by_quadrature():
    # 6 standard errors of 200 runs: fails once in 10^8 seeds. With 3,000 draws the logarithm's own bias is below 1e-4.
    known, alpha = LinearGaussian(latent_dim=1, num_rows=1), 0.5
    z = torch.linspace(-12, 12, 20001).unsqueeze(-1)
    with torch.no_grad():
        log_q = known.vae.posterior(known.x).log_prob(z)
        log_p = known.vae.prior().log_prob(z) + known.vae.likelihood(z).log_prob(known.x)
    integrand = log_q + (1 - alpha) * (log_p - log_q)
    exact = (integrand.logsumexp(0) + math.log(24 / 20000)) / (1 - alpha)
    objective = infer.ImportanceWeightedELBO(3000, alpha=alpha)
    expect_mean([-objective.differentiable_loss(*known.args).detach() for _ in range(200)], exact, 6.0)


def gradient_moments(known, num_samples, *gradients, num_particles=5):
    objectives = {name: infer.ImportanceWeightedELBO(num_particles, gradient=name) for name in gradients}
    return infer.gradient_variance(*known.args, objectives=objectives, num_samples=num_samples)


def errors_apart(first, second):
    """How many standard errors two mean gradients are apart, parameter by parameter."""
    error = ((first.variance + second.variance) / first.num_samples).sqrt()
    return (first.mean - second.mean).abs() / error.clamp_min(1e-12)  # some parameters are never used


def test_doubly_reparameterized_has_no_bias_and_less_noise():
    # Ten parameters within 6 standard errors of 50 draws of 40 copies of 6 data: fails once in 10^5 seeds.
    known = LinearGaussian(shift=0.3).repeat(40)
    found = gradient_moments(known, 50, *GRADIENTS)
    plain, sticking, doubly = (found[name] for name in GRADIENTS)
    assert (errors_apart(plain, doubly) < 6).all()
    assert doubly.total_variance < 0.5 * plain.total_variance
    # Sticking the landing weighs the path by w, not w^2: its expectation is another one.
    assert (errors_apart(plain, sticking) > 12).any()


def test_sticking_the_landing_has_no_bias_at_one_draw():
    # Ten parameters within 6 standard errors of 50 draws of 40 copies of 6 data: fails once in 10^5 seeds.
    known = LinearGaussian(shift=0.3).repeat(40)
    found = gradient_moments(known, 50, "sticking_the_landing", num_particles=1)["sticking_the_landing"]
    error = (found.variance / found.num_samples).sqrt()
    assert ((found.mean - known.guide_gradient()).abs() < 6 * error).all()


@pytest.mark.parametrize("gradient", GRADIENTS[1:])
def test_no_noise_at_the_posterior(gradient):
    known = LinearGaussian(latent_dim=1, widen=1.0)
    found = gradient_moments(known, 3, gradient, "reparameterized")
    assert found[gradient].mean.abs().max() < 1e-9
    assert found["reparameterized"].total_variance > 0.1


@pytest.mark.parametrize("gradient", GRADIENTS[1:])
def test_the_value_and_the_models_gradient_stay_the_same(gradient):
    known = LinearGaussian(shift=0.3)
    results = []
    for name in ("reparameterized", gradient):
        value, _ = value_and_gradients(infer.ImportanceWeightedELBO(4, gradient=name), *known.args, size=60)
        pyro.set_rng_seed(0)
        loss = infer.ImportanceWeightedELBO(4, gradient=name)(*known.args[:2])(known.x, size=60)
        results.append((value, *torch.autograd.grad(loss, list(known.vae.likelihood.parameters()))))
    torch.testing.assert_close(*results)


class Part(PyroModule):
    """A part of a guide whose parameter Pyro keeps in its store."""

    def __init__(self):
        super().__init__()
        self.scale = PyroParam(torch.tensor(0.7), constraint=dist.constraints.positive)

    def forward(self, loc):
        return dist.Normal(loc, self.scale)


class Chain(PyroModule):
    """z_0 ~ q(z_0 | x), z_1 ~ q(z_1 | z_0): the second draw depends on the first."""

    def __init__(self):
        super().__init__()
        self.loc = PyroParam(torch.tensor(0.4))
        self.slope = torch.nn.Parameter(torch.tensor(0.8))
        self.lower, self.upper = Part(), Part()

    def forward(self, x):
        with pyro.plate("data", len(x), dim=-1):
            z_0 = pyro.sample("z_0", self.lower(self.loc * x))
            pyro.sample("z_1", self.upper(self.slope * z_0))


def chain_model(x):
    with pyro.plate("data", len(x), dim=-1):
        z_1 = pyro.sample("z_1", dist.Normal(0.0, 1.0))
        z_0 = pyro.sample("z_0", dist.Normal(z_1, 1.0))
        pyro.sample("x", dist.Normal(z_0, 0.5), obs=x)


class ChainModel(PyroModule):
    def forward(self, x):
        chain_model(x)


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_gradients_of_a_chain_of_draws_by_hand(gradient):
    """Weights multiply the whole path once, however many draws lie on it, and held parameters are held in the store."""
    guide, x, num = Chain(), torch.tensor([0.5, -1.0, 2.0]), 4
    objective = infer.ImportanceWeightedELBO(num, gradient=gradient)(ChainModel(), guide)
    objective(x)  # puts the parameters into the store
    pyro.set_rng_seed(3)
    loss = objective(x)
    parameters = list(guide.parameters())
    found = torch.autograd.grad(loss, parameters)

    pyro.set_rng_seed(3)
    noise_0, noise_1 = torch.randn(num, 3), torch.randn(num, 3)
    named = {"loc": guide.loc, "slope": guide.slope, "lower": guide.lower.scale, "upper": guide.upper.scale}
    held = {name: value.detach() for name, value in named.items()}

    def log_q(z_0, z_1, own):
        first = dist.Normal(own["loc"] * x, own["lower"]).log_prob(z_0)
        return first + dist.Normal(own["slope"] * z_0, own["upper"]).log_prob(z_1)

    z_0 = named["loc"] * x + named["lower"] * noise_0
    z_1 = named["slope"] * z_0 + named["upper"] * noise_1
    log_p = dist.Normal(0.0, 1.0).log_prob(z_1) + dist.Normal(z_1, 1.0).log_prob(z_0)
    log_p = log_p + dist.Normal(z_0, 0.5).log_prob(x)
    log_w = log_p - log_q(z_0, z_1, named if gradient == "reparameterized" else held)
    shares = log_w.detach().softmax(0)
    power = 2 if gradient == "doubly_reparameterized" else 1
    expected = torch.autograd.grad(-(shares**power * log_w).sum(), parameters)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(loss, -(log_w.logsumexp(0) - math.log(num)).sum())


def test_an_encoder_that_is_in_the_prior_too():
    """A VampPrior scores draws by the guide's own encoder, which is not held there; the bias would be of its size."""
    # 23 parameters within 6 standard errors of 60 draws of 40 copies of 3 data: fails once in 10^5 seeds.
    vae = models.vae(4, 1, num_pseudo_inputs=3, hidden_dims=(3,))
    perturb(vae, 0.5)
    x = torch.rand(3, 4).round().repeat(40, 1)
    objectives = {name: infer.ImportanceWeightedELBO(4, gradient=name) for name in GRADIENTS[::2]}
    found = infer.gradient_variance(vae.model, vae.guide, x, objectives=objectives, num_samples=60)
    assert (errors_apart(*found.estimators.values()) < 6).all()


def test_leaves_the_parameter_store_alone():
    known = LinearGaussian()
    for gradient in GRADIENTS:
        infer.ImportanceWeightedELBO(3, gradient=gradient)(*known.args[:2])(known.x).backward()
    assert not list(pyro.get_param_store().keys())


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_flows_contexts_and_masks(gradient):
    vae = models.vae(4, 2, context_dim=3, prior=flows.realnvp(2, 3), hidden_dims=(8,))
    x, context = torch.rand(5, 4).round(), torch.randn(5, 3)
    loss = infer.ImportanceWeightedELBO(3, gradient=gradient)(vae.model, vae.guide)(x, context)
    gradients = torch.autograd.grad(loss, list(vae.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients)

    class Masked(PyroModule):
        def __init__(self, program):
            super().__init__()
            self.program = program

        def forward(self, x, context):
            with pyro.poutine.mask(mask=torch.arange(5) < 2):
                self.program.forward(x, context)

    pyro.set_rng_seed(0)
    objective = infer.ImportanceWeightedELBO(1, gradient=gradient)
    loss = objective(Masked(vae.model), Masked(vae.guide))(x, context)
    pyro.set_rng_seed(0)
    torch.testing.assert_close(loss, infer.ReparameterizedELBO()(Masked(vae.model), Masked(vae.guide))(x, context))


def test_a_density_has_one_bound():
    density, x = models.Density(flows.maf(3)), torch.randn(7, 3)
    loss = infer.ImportanceWeightedELBO(50)(density.model, density.guide)(x)
    torch.testing.assert_close(loss, -density.conditional().log_prob(x).sum())


def test_a_vae_learns_by_each_gradient():
    """Fifty steps on four rows, of 30 log 2 = 21 nats at first, gain 5 nats a row."""
    x = torch.rand(4, 30).round()
    for gradient in GRADIENTS:
        vae = models.vae(30, 2, hidden_dims=(16,))
        loss_of = infer.ImportanceWeightedELBO(5, gradient=gradient)(vae.model, vae.guide)
        optimizer = torch.optim.Adam(loss_of.parameters(), lr=1e-2)
        losses = []
        for _ in range(50):
            optimizer.zero_grad()
            loss = loss_of(x)
            loss.backward()
            optimizer.step()
            losses.append(loss.item() / 4)
        assert losses[-1] < losses[0] - 5
