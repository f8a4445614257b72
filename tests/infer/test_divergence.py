"""Each method against the others and against closed forms; bounds, supports, gradients; MLE is forward KL."""

import math

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import Fixed, Neural, data, distributions, flows, heads, infer, nn
from pyrodgm.infer.divergence import Kind, called, kl_integrand
from pyrodgm.infer.divergence import divergence as by_any

LOG_TWO = math.log(2)
METHODS = {infer.forward_kl: "KL", infer.reverse_kl: "KL", infer.jensen_shannon: "JSD"}


def normal(loc, scale):
    return dist.Normal(torch.tensor(loc), torch.tensor(scale))


def mixture(loc=(-2.0, 1.0), scale=(0.5, 0.02), weights=(0.4, 0.6)):
    return dist.MixtureSameFamily(dist.Categorical(torch.tensor(weights)), normal(loc, scale))


CLOSED = {  # what torch or Pyro knows and the other methods can find too
    "normals": (lambda: normal(0.0, 1.0), lambda: normal(1.5, 0.3), "quadrature"),
    "far apart": (lambda: normal(-10.0, 1.0), lambda: normal(10.0, 1.0), "quadrature"),
    "narrow": (lambda: normal(1000.0, 1e-3), lambda: normal(1000.001, 2e-3), "quadrature"),
    "laplaces": (lambda: dist.Laplace(0.0, 1.0), lambda: dist.Laplace(1.0, 3.0), "quadrature"),
    "gammas": (lambda: dist.Gamma(2.0, 1.0), lambda: dist.Gamma(3.0, 4.0), "quadrature"),
    "Cauchys": (lambda: dist.Cauchy(0.0, 1.0), lambda: dist.Cauchy(1.0, 2.0), "quadrature"),
    "uniform in a normal": (lambda: dist.Uniform(0.0, 1.0), lambda: normal(0.0, 1.0), "quadrature"),
    "uniforms": (lambda: dist.Uniform(0.2, 0.7), lambda: dist.Uniform(0.0, 1.0), "quadrature"),
    "betas": (lambda: dist.Beta(2.0, 3.0), lambda: dist.Beta(0.9, 0.8), "quadrature"),
    "normals, two features": (
        lambda: dist.MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, 0.9], [0.9, 1.0]])),
        lambda: dist.MultivariateNormal(torch.ones(2), torch.eye(2)),
        "quadrature",
    ),
    "normals, a batch": (
        lambda: normal([0.0, 1.0, 2.0], [1.0, 2.0, 0.1]),
        lambda: normal([[0.0], [1.0]], [[1.0], [2.0]]),
        "quadrature",
    ),
    "Bernoulli vectors": (
        lambda: dist.Bernoulli(torch.tensor([0.2, 0.6, 0.9])).to_event(1),
        lambda: dist.Bernoulli(torch.tensor([0.5, 0.1, 0.4])).to_event(1),
        "enumeration",
    ),
    "categoricals, a batch": (
        lambda: dist.Categorical(torch.tensor([[0.2, 0.8, 0.0], [0.1, 0.2, 0.7]])),
        lambda: dist.Categorical(torch.tensor([0.3, 0.3, 0.4])),
        "enumeration",
    ),
    "one of many": (
        lambda: dist.OneHotCategorical(torch.tensor([0.2, 0.8])),
        lambda: dist.OneHotCategorical(torch.tensor([0.7, 0.3])),
        "enumeration",
    ),
    "binomials": (lambda: dist.Binomial(9, 0.2), lambda: dist.Binomial(9, 0.5), "enumeration"),
}


@pytest.mark.parametrize("name", CLOSED)
def test_all_methods_find_the_closed_form(name):
    # Monte Carlo within 5 standard errors, at most 6 numbers a case: a case fails once in 300,000 seeds.
    p, q, method = CLOSED[name]
    p, q = p(), q()
    exact = infer.forward_kl(p, q)
    assert exact.method == "closed form"
    assert (exact.standard_error == 0).all()
    other = infer.forward_kl(p, q, method=method)
    assert other.method == method
    scale = exact.value.abs().clamp_min(1.0)
    assert ((other.value - exact.value).abs() < 1e-6 * scale).all()
    assert ((other.value - exact.value).abs() <= 10 * other.standard_error + 1e-9 * scale).all()
    drawn = infer.forward_kl(p, q, method="Monte Carlo", num_samples=20_000)
    assert ((drawn.value - exact.value).abs() <= 5 * drawn.standard_error + 1e-12).all()
    torch.testing.assert_close(infer.reverse_kl(q, p).value, exact.value)


PAIRS = {  # without a closed form
    "mixture and normal": (mixture, lambda: normal(0.0, 2.0), "quadrature"),
    "heavy tails": (lambda: dist.StudentT(10.0), lambda: normal(0.0, 1.0), "quadrature"),
    "two supports": (lambda: dist.Gamma(0.7, 1.0), lambda: dist.LogNormal(0.0, 1.0), "quadrature"),
    "toy and normal": (
        data.toy.eight_gaussians,
        lambda: normal([0.0, 0.0], [2.0, 2.0]).to_event(1),
        "quadrature",
    ),
    "flows": (
        lambda: flows.spline_coupling(2, num_layers=1, hidden_dims=(8,)),
        lambda: flows.realnvp(2, num_layers=2, hidden_dims=(8,), activation=torch.nn.Tanh),
        "quadrature",
    ),
    "standard normal": (lambda: distributions.StandardNormal(2), lambda: flows.nice(2, num_layers=2), "quadrature"),
    "mixtures of categoricals": (
        lambda: dist.MixtureSameFamily(dist.Categorical(torch.ones(2)), dist.Bernoulli(torch.tensor([0.1, 0.8]))),
        lambda: dist.Bernoulli(0.3),
        "enumeration",
    ),
    "three features": (
        lambda: distributions.StandardNormal(3),
        lambda: dist.Normal(torch.ones(3), 1.0).to_event(1),
        "Monte Carlo",
    ),
    "counts": (lambda: dist.Poisson(3.0), lambda: dist.NegativeBinomial(4, torch.tensor(0.4)), "Monte Carlo"),
    "a batch of flows": (
        lambda: flows.maf(2, 3, num_layers=1, hidden_dims=(8,))(torch.randn(4, 3)),
        lambda: normal([0.0, 0.0], [1.0, 1.5]).to_event(1),
        "quadrature",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("divergence", METHODS, ids=lambda f: f.__name__)
def test_the_method_that_is_chosen_agrees_with_draws(name, divergence):
    # 5 joint standard errors, 60 numbers: fails once in 25,000 seeds.
    p, q, method = PAIRS[name]
    p, q = p(), q()
    with torch.no_grad():
        found = divergence(p, q)
        drawn = divergence(p, q, method="Monte Carlo", num_samples=20_000)
    assert found.method == method
    assert drawn.method == "Monte Carlo"
    error = (found.standard_error.square() + drawn.standard_error.square()).sqrt()
    assert ((found.value - drawn.value).abs() <= 5 * error + 1e-9).all()
    assert (drawn.standard_error < 0.1 * drawn.value.abs().clamp_min(0.5)).all()


def test_integrals_are_exact_where_a_narrow_mode_hides():
    # Between means 10 standard deviations apart the parts of a mixture do not meet: its divergence is known.
    p, q = mixture((-3.0, 3.0), (0.01, 0.6), (0.25, 0.75)), normal(-3.0, 1.0)
    parts = infer.forward_kl(normal([-3.0, 3.0], [0.01, 0.6]), q).value
    weights = torch.tensor([0.25, 0.75])
    wanted = (weights * (parts + weights.log())).sum().item()
    found = infer.forward_kl(p, q)
    assert found.value.item() == pytest.approx(wanted, abs=1e-6)
    assert found.standard_error.item() < 1e-8


@pytest.mark.parametrize(
    ("p", "q", "forward", "shannon"),
    [
        (lambda: dist.Uniform(0.0, 1.0), lambda: dist.Uniform(0.5, 1.5), math.inf, 0.5 * LOG_TWO),
        (lambda: dist.Normal(0.0, 1.0), lambda: dist.Uniform(5.0, 6.0), math.inf, None),
        (lambda: dist.Exponential(1.0), lambda: dist.LogNormal(0.0, 1.0), None, None),
        (lambda: dist.Uniform(0.0, 1.0), lambda: dist.Uniform(2.0, 3.0), math.inf, LOG_TWO),
    ],
)
def test_supports_that_differ(p, q, forward, shannon):
    p, q = p(), q()
    for method in ("quadrature", "Monte Carlo"):
        found = infer.forward_kl(p, q, method=method)
        assert (found.value == forward) if forward else found.value.isfinite()
        found = infer.jensen_shannon(p, q, method=method)
        assert 0 <= found.value.item() <= LOG_TWO + 1e-12
        if shannon:
            assert found.value.item() == pytest.approx(shannon, abs=5 * found.standard_error.item() + 1e-9)


def test_discrete_supports_that_differ():
    p, q = dist.Categorical(torch.tensor([0.5, 0.5, 0.0, 0.0])), dist.Categorical(torch.tensor([0.0, 0.0, 0.5, 0.5]))
    wider = dist.Categorical(torch.ones(6))
    for method in ("enumeration", "Monte Carlo"):
        assert infer.forward_kl(p, q, method=method).value == math.inf
        assert infer.jensen_shannon(p, q, method=method).value.item() == pytest.approx(LOG_TWO)
        assert infer.forward_kl(p, wider, method=method).value.item() == pytest.approx(math.log(3))
        assert infer.reverse_kl(p, wider, method=method).value == math.inf


def test_jensen_shannon_bounds_and_symmetry():
    p, q = mixture(), normal(0.0, 2.0)
    assert infer.jensen_shannon(p, p).value.item() == pytest.approx(0.0, abs=1e-12)
    one, other = infer.jensen_shannon(p, q), infer.jensen_shannon(q, p)
    torch.testing.assert_close(one.value, other.value)
    both = dist.MixtureSameFamily(
        dist.Categorical(torch.tensor([0.2, 0.3, 0.5])), normal([-2.0, 1.0, 0.0], [0.5, 0.02, 2.0])
    )
    wanted = 0.5 * infer.forward_kl(p, both).value + 0.5 * infer.forward_kl(q, both).value
    torch.testing.assert_close(one.value, wanted)
    same = infer.jensen_shannon(p, p, method="Monte Carlo", num_samples=10)
    assert same.value.item() == 0.0


class Unnormalized(dist.MixtureSameFamily):
    def log_prob(self, value):
        return super().log_prob(value) - 3.0


def test_what_is_no_density_is_found_out():
    p, q = Unnormalized(dist.Categorical(torch.ones(1)), normal([0.0], [1.0])), normal(0.5, 1.0)
    with pytest.raises(FloatingPointError, match=r"Expected a Jensen-Shannon divergence in \[0, log 2\]; got -"):
        infer.jensen_shannon(p, q, method="Monte Carlo")
    with pytest.raises(FloatingPointError, match=r"densities that integrate to 1; got an error of 0\.95"):
        infer.forward_kl(p, q, method="quadrature")
    assert infer.forward_kl(p, q).method == "Monte Carlo"


def test_a_conditional_is_called():
    flow = flows.realnvp(2, num_layers=2, hidden_dims=(8,))
    base = Fixed(distributions.StandardNormal(2))
    by_module, by_hand = infer.forward_kl(base, flow), infer.forward_kl(base(), flow())
    assert abs(by_module.value - by_hand.value) <= by_module.standard_error + by_hand.standard_error
    assert called(base) is base()


def test_single_precision():
    p, q = dist.Laplace(torch.zeros(()).float(), 1.0), dist.Normal(torch.zeros(()).float(), 1.0)
    exact = infer.forward_kl(dist.Laplace(torch.zeros(()), 1.0), dist.Normal(torch.zeros(()), 1.0), method="quadrature")
    found = infer.forward_kl(p, q, method="quadrature")
    assert found.value.dtype == torch.float32
    assert found.value.item() == pytest.approx(exact.value.item(), rel=1e-5)


@pytest.mark.parametrize("method", ["closed form", "quadrature", "Monte Carlo"])
def test_gradients_are_those_of_the_closed_form(method):
    # Monte Carlo: 5 standard errors of 40 repeats of 4 numbers, fails once in 1,000 seeds of Student's t with 39 df.
    parameters = [torch.tensor(v, requires_grad=True) for v in (0.3, 0.8, -0.5, 1.3)]

    def gradients(chosen, **kwargs):
        p, q = dist.Normal(*parameters[:2]), dist.Normal(*parameters[2:])
        return torch.stack(torch.autograd.grad(infer.forward_kl(p, q, method=chosen, **kwargs).value, parameters))

    exact = gradients("closed form")
    if method == "Monte Carlo":
        found = torch.stack([gradients(method, num_samples=2000) for _ in range(40)])
        assert ((found.mean(0) - exact).abs() < 5 * found.std(0) / math.sqrt(40)).all()
    else:
        torch.testing.assert_close(gradients(method), exact, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("divergence", METHODS, ids=lambda f: f.__name__)
def test_gradients_by_enumeration_and_quadrature_against_differences(divergence):
    def discrete(t):
        return dist.Categorical(logits=torch.stack((t, 2 * t, -t))), dist.Categorical(torch.tensor([0.2, 0.3, 0.5]))

    def continuous(t):
        return mixture(), dist.Normal(t, 1.0 + t.square())

    for pair in (discrete, continuous):
        t = torch.tensor(0.4, requires_grad=True)
        gradient = torch.autograd.grad(divergence(*pair(t)).value, t)[0].item()
        with torch.no_grad():
            up, down = (divergence(*pair(t + step)).value.item() for step in (1e-4, -1e-4))
        assert gradient == pytest.approx((up - down) / 2e-4, rel=1e-5)


def test_without_reparameterized_draws_the_gradient_is_that_of_the_other():
    rate, other = torch.tensor(3.0, requires_grad=True), torch.tensor(4.0, requires_grad=True)
    value = infer.forward_kl(dist.Poisson(rate), dist.Poisson(other), method="Monte Carlo", num_samples=20_000).value
    first, second = torch.autograd.grad(value, (rate, other), allow_unused=True)
    assert first is None
    assert second.item() == pytest.approx(1 - 3 / 4, abs=5 * math.sqrt(3 / 20_000) / 4)  # fails once in 10 ** 6


def test_mle_is_forward_kl_of_the_empirical_distribution():
    x = torch.randint(0, 4, (50,))
    network = Neural(nn.MLP(2, 4, hidden_dims=(8,)), heads.Categorical(4))
    context = torch.tensor([0.3, -1.0])
    empirical = dist.Categorical(x.bincount(minlength=4) / len(x))
    likelihood = -network(context).log_prob(x).mean()
    divergence = infer.forward_kl(empirical, network(context)).value
    assert likelihood.item() == pytest.approx((divergence + empirical.entropy()).item())
    for one, other in zip(
        *(torch.autograd.grad(v, list(network.parameters())) for v in (likelihood, divergence)), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_mle_is_forward_kl_in_expectation():
    # Gradients of 200 sets of 100 samples within 4.5 standard errors, 8 numbers: fails once in 10,000 seeds.
    target = mixture((-1.0, 2.0), (0.5, 1.0))
    q = Neural(nn.MLP(1, 2, hidden_dims=(2,)), heads.Normal())
    context = torch.ones(1)
    parameters = list(q.parameters())
    exact = infer.forward_kl(target, q(context), method="quadrature").value
    wanted = torch.cat([g.flatten() for g in torch.autograd.grad(exact, parameters)])
    found = []
    for _ in range(200):
        loss = -q(context).log_prob(target.sample((100,))).mean()
        found.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)]))
    found = torch.stack(found)
    assert ((found.mean(0) - wanted).abs() < 4.5 * found.std(0) / math.sqrt(200) + 1e-12).all()
    assert wanted.abs().max() > 0.1


def test_the_first_way_that_can_is_taken():
    kind = Kind(kl_integrand, None, closed_form=False)
    assert by_any(kind, normal(0.0, 1.0), normal(1.0, 1.0), None, 10).method == "quadrature"
    assert str(infer.forward_kl(normal(0.0, 1.0), normal(1.0, 1.0))) == "0.5 +- 0 nats by closed form"
    assert "shape (2,)" in str(infer.forward_kl(normal([0.0, 1.0], 1.0), normal(1.0, 1.0)))
