"""Integers under a continuous density: the change of variables, exactly, whatever the noise."""

import json
import math

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO

from pyrodgm import Conditional, Fixed, data, flows, infer, models, nn, train, transforms
from pyrodgm.testing import perturb


def cube(dim):
    return Fixed(dist.Uniform(torch.zeros(dim), torch.ones(dim)).to_event(1))


def bins(pmf):
    """A density that is constant on each of L bins of each variable; pmf (D, L)."""
    edges = torch.linspace(0, 1, pmf.shape[1] + 1)
    components = dist.Uniform(edges[:-1], edges[1:], validate_args=False).expand(pmf.shape)
    mixture = dist.MixtureSameFamily(dist.Categorical(probs=pmf), components, validate_args=False)
    return Fixed(mixture.to_event(1))


def elbo(model, x, num_draws=1):
    """The ELBO of each datum, (num,), averaged over draws."""
    repeated = x.repeat(num_draws, 1)
    bound = infer.log_evidence(model.model, model.guide, repeated, num_particles=1, batch_size=len(repeated))
    return bound.reshape(num_draws, -1).mean(0)


def log_joint(model, x, u):
    """``log p(x, u)`` of each row, as the program has it."""
    trace = pyro.poutine.trace(pyro.poutine.condition(model.model, {"u": u})).get_trace(x)
    trace.compute_log_prob()
    return trace.nodes["x"]["log_prob"] + trace.nodes["u"]["log_prob"]


def level_moments(model, num_nodes=400):
    """Of each level in 1-D, by quadrature: mean and mean square of ``w = p(x, u) / q(u | x)``, then of ``log w``."""
    nodes, weights = (torch.as_tensor(a) for a in np.polynomial.legendre.leggauss(num_nodes))
    grid = torch.cartesian_prod(torch.arange(float(model.num_levels)), (nodes + 1) / 2)
    x, u = grid[:, :1], grid[:, 1:]
    with torch.no_grad():
        log_q = model.dequantization(x).log_prob(u)
        log_w = log_joint(model, x, u) - log_q
    q = log_q.exp()
    integrands = (q * log_w.exp(), q * (2 * log_w).exp(), q * log_w, q * log_w.square())
    return [f.reshape(model.num_levels, -1) @ (weights / 2) for f in integrands]


class OptimalNoise(Conditional):
    """The noise q(u | x) proportional to x + u, which is that of the density 2 y, for each variable."""

    def __init__(self, dim):
        super().__init__()
        self.context_shape, self.event_shape = (dim,), torch.Size((dim,))

    def distribution(self, context):
        x = context
        to_noise = dist.transforms.ComposeTransform(
            [
                dist.transforms.AffineTransform(x.square(), 2 * x + 1),
                dist.transforms.PowerTransform(torch.tensor(0.5)),
                dist.transforms.AffineTransform(-x, 1.0),
            ]
        )
        return dist.TransformedDistribution(dist.Uniform(torch.zeros_like(x), 1.0), [to_noise]).to_event(1)


def test_uniform_density_gives_the_uniform_distribution_over_the_integers():
    model = models.Dequantized(cube(5), num_levels=17)
    x = torch.randint(0, 17, (6, 5)).double()
    estimate = infer.log_evidence(model.model, model.guide, x, num_particles=3)
    torch.testing.assert_close(estimate, torch.full((6,), -5 * math.log(17.0)))


def test_a_discrete_model_of_known_entropy():
    """Under a density constant on each bin, one draw of uniform noise gives log p(x), and the mean the entropy."""
    pmf = torch.distributions.Dirichlet(torch.ones(5)).sample((3,))
    model = models.Dequantized(bins(pmf), num_levels=5)
    x = torch.cartesian_prod(*[torch.arange(5.0)] * 3)
    exact = pmf.log().gather(1, x.long().t()).sum(0)
    torch.testing.assert_close(exact.exp().sum(), torch.ones(()))
    bound = elbo(model, x)
    torch.testing.assert_close(bound, exact)
    torch.testing.assert_close(-Trace_ELBO()(model.model, model.guide)(x), exact.sum())
    entropy = dist.Categorical(probs=pmf).entropy().sum()
    nll = -(exact.exp() * bound).sum()
    torch.testing.assert_close(nll, entropy)
    bits_per_dim = nll / (3 * math.log(2))
    torch.testing.assert_close(bits_per_dim, -(pmf * pmf.log2()).sum() / 3)


@pytest.mark.parametrize("levels", [2, 256])
def test_bits_per_dimension_of_uniform_integers_are_the_bits_of_a_level(levels):
    model = models.Dequantized(cube(4), num_levels=levels)
    x = torch.randint(0, levels, (50, 4)).double()
    torch.testing.assert_close(-elbo(model, x) / (4 * math.log(2)), torch.full((50,), math.log2(levels)))


def test_importance_weighting_reaches_a_known_discrete_distribution():
    """Under the density 2y on [0, 1], P(x) = ((x + 1)^2 - x^2) / L^2 for each variable."""
    density = Fixed(dist.Beta(torch.full((2,), 2.0), torch.ones(2)).to_event(1))
    model = models.Dequantized(density, num_levels=4)
    x = torch.cartesian_prod(torch.arange(4), torch.arange(4)).double()
    exact = ((2 * x + 1) / 16).log().sum(-1)
    torch.testing.assert_close(exact.exp().sum(), torch.ones(()))
    estimate = infer.log_evidence(model.model, model.guide, x, num_particles=20000, chunk_size=5000)
    torch.testing.assert_close(estimate, exact, atol=0.05, rtol=0)
    bound = -infer.ReparameterizedELBO(num_particles=500)(model.model, model.guide)(x)
    assert bound < exact.sum()


def test_the_optimal_guide_makes_the_bound_tight():
    density = Fixed(dist.Beta(torch.full((2,), 2.0), torch.ones(2)).to_event(1))
    model = models.Dequantized(density, num_levels=4, guide=OptimalNoise(2))
    x = torch.cartesian_prod(torch.arange(4), torch.arange(4)).double()
    exact = ((2 * x + 1) / 16).log().sum(-1)
    for _ in range(5):
        torch.testing.assert_close(elbo(model, x), exact)
    torch.testing.assert_close(-infer.ReparameterizedELBO()(model.model, model.guide)(x), exact.sum())


def spline_density(alpha):
    """A flow over the unit interval with bumps, widened by alpha."""
    flow = flows.spline_autoregressive(1, num_layers=2, hidden_dims=(8,))
    return flows.extend(perturb(flow, 0.2), [transforms.LogitTransform(alpha)])


@pytest.mark.parametrize("variational", [False, True])
def test_evidence_is_the_integral_over_a_bin_and_the_bound_lies_below(variational):
    num, levels = 20000, 5
    flow = perturb(flows.realnvp(1, 1, num_layers=2, hidden_dims=(8,), base=flows.logistic_base(1)))
    guide = models.VariationalDequantization(flow, num_levels=levels) if variational else None
    model = models.Dequantized(spline_density(0.05), num_levels=levels, guide=guide)
    x = torch.arange(float(levels))[:, None]
    mean, square, bound, log_square = level_moments(model)
    estimate = infer.log_evidence(model.model, model.guide, x, num_particles=num, chunk_size=num)
    # Six standard errors of the mean, here and below: fails once in about 10^8 runs.
    error = (square / mean.square() - 1).clamp_min(0).div(num).sqrt()
    assert error.max() < 0.02
    assert ((estimate - mean.log()).abs() <= 6 * error + 1e-4).all()
    assert (bound < mean.log()).all()
    error = (log_square - bound.square()).clamp_min(0).div(5000).sqrt()
    assert ((elbo(model, x, 5000) - bound).abs() <= 6 * error + 1e-4).all()


@pytest.mark.parametrize("alpha", [0.0, 0.05, 0.3])
def test_levels_sum_to_one_or_to_what_does_not_leak(alpha):
    density = spline_density(alpha)
    total = level_moments(models.Dequantized(density, num_levels=7))[0].sum()
    if alpha == 0:
        torch.testing.assert_close(total, torch.ones(()), atol=1e-3, rtol=0)  # of the quadrature, at steep ends
    else:
        assert total < 1 - 1e-3
        # 0.02 is more than six standard errors of a proportion of 30,000 draws: fails once in about 10^9 runs.
        y = density().sample((30000,))
        inside = ((y >= 0) & (y <= 1)).double().mean()
        torch.testing.assert_close(total, inside, atol=0.02, rtol=0)


def test_variational_noise_fills_the_unit_cube_with_a_density():
    flow = perturb(flows.maf(2, 2, num_layers=2, hidden_dims=(8,)), 0.2)
    q = models.VariationalDequantization(flow, num_levels=3)(torch.tensor([2.0, 0.0]))
    grid = torch.sigmoid(torch.linspace(-20, 20, 601))  # even before the sigmoid, so that it is fine at both ends
    volume = (grid * (1 - grid) * 40 / 600).log()
    with torch.no_grad():
        log_prob = q.log_prob(torch.cartesian_prod(grid, grid))
    total = (log_prob + torch.cartesian_prod(volume, volume).sum(-1)).logsumexp(0).exp()
    torch.testing.assert_close(total, torch.ones(()), atol=2e-3, rtol=0)
    u = q.sample((1000,))
    assert ((u > 0) & (u < 1)).all()


def test_variational_noise_over_a_logistic_base_is_uniform_where_the_flow_is_the_identity():
    flow = flows.realnvp(3, 8, hidden_dims=(8,), base=flows.logistic_base(3))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.zero_()
    dequantization = models.VariationalDequantization(flow, num_levels=17, net=nn.MLP(3, 8, hidden_dims=(8,)))
    q = dequantization(torch.randint(0, 17, (5, 3)))
    u, log_prob = q.rsample_and_log_prob((4,))
    torch.testing.assert_close(log_prob, torch.zeros(4, 5))
    torch.testing.assert_close(q.log_prob(torch.rand(4, 5, 3)), torch.zeros(4, 5))
    assert u.requires_grad


def test_density_of_noise_just_drawn_costs_no_inverse(monkeypatch):
    guide = models.VariationalDequantization(perturb(flows.iaf(3, 3)), num_levels=4)
    model = models.Dequantized(cube(3), num_levels=4, guide=guide)

    def inverse_and_ladj(self, y, context=None):
        raise RuntimeError("inverted")

    monkeypatch.setattr(transforms.Compose, "inverse_and_ladj", inverse_and_ladj)
    x = torch.randint(0, 4, (6, 3)).double()
    for objective in (infer.ReparameterizedELBO(), Trace_ELBO()):
        objective(model.model, model.guide)(x).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in guide.parameters())
    infer.log_evidence(model.model, model.guide, x, num_particles=5)
    with pytest.raises(RuntimeError, match="inverted"):
        guide(x).log_prob(torch.rand(6, 3))


def test_a_trained_guide_comes_closer_to_the_evidence_than_uniform_noise():
    """A normal density of scale 0.1 in two bins: uniform noise loses 2.8 nats a dimension."""
    density = Fixed(dist.Normal(torch.full((2,), 0.5), torch.full((2,), 0.1)).to_event(1))
    x = torch.cartesian_prod(torch.arange(2.0), torch.arange(2.0))
    flow = flows.realnvp(2, 2, num_layers=4, hidden_dims=(16,), base=flows.logistic_base(2))
    guide = models.VariationalDequantization(flow, num_levels=2)
    model = models.Dequantized(density, num_levels=2, guide=guide)
    evidence = torch.full((4,), 2 * math.log(0.5))  # half of the mass in each bin, to 1e-6
    before = elbo(model, x, 400)
    loss_fn = infer.ReparameterizedELBO()(model.model, model.guide)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(300):
        optimizer.zero_grad()
        (loss_fn(x.repeat(32, 1)) / 128).backward()
        optimizer.step()
    after = elbo(model, x, 400)
    assert (before < evidence - 4).all()
    assert (after > evidence - 0.5).all()
    assert (after < evidence + 0.02).all()


def test_guide_with_the_density_s_context():
    density = flows.realnvp(3, 2, hidden_dims=(8,))
    guide = models.VariationalDequantization(
        perturb(flows.realnvp(3, 5, hidden_dims=(8,))), num_levels=4, net=nn.MLP(5, 5, hidden_dims=(8,))
    )
    model = models.Dequantized(density, num_levels=4, guide=guide)
    x, context = torch.randint(0, 4, (6, 3)).double(), torch.randn(6, 2)
    torch.testing.assert_close(guide.scaled(torch.cat((x, context), -1)), torch.cat((x * (2 / 3) - 1, context), -1))
    assert infer.log_evidence(model.model, model.guide, x, context, num_particles=3).shape == (6,)
    assert model.sample(6, context).shape == (6, 3)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_single_precision_never_reaches_the_ends_of_the_unit_interval(levels):
    """(L - 1 + u) / L rounds to 1 about once in 10^6 draws, where a density on the open interval has no value."""
    base = flows.logistic_base(2).float()
    density = flows.extend(flows.nice(2, base=base), [transforms.LogitTransform(0.0)]).float()
    model = models.Dequantized(density, num_levels=levels)
    top = torch.finfo(torch.float32).eps
    for x, u in ((levels - 1.0, 1 - top / 2), (0.0, top / 4), (0.0, 0.0)):
        x, u = (torch.full((1, 2), value, dtype=torch.float32) for value in (x, u))
        assert torch.isfinite(log_joint(model, x, u)).all()
    draws = models.UniformDequantization(2)(torch.zeros(200, 2, dtype=torch.float32)).sample((100,))
    assert draws.dtype == torch.float32
    assert ((draws > 0) & (draws < 1)).all()


@pytest.mark.parametrize("learned", [False, True])
def test_noise_for_integers_is_of_the_densitys_type(learned):
    guide = models.VariationalDequantization(flows.realnvp(3, context_dim=3), num_levels=17) if learned else None
    model = models.Dequantized(flows.maf(3), num_levels=17, guide=guide).float()
    x = torch.randint(0, 17, (5, 3))
    model.initialize(torch.randint(0, 17, (50, 3)))
    assert pyro.poutine.trace(model.model).get_trace(x).nodes["u"]["value"].dtype == torch.float32
    assert infer.ReparameterizedELBO()(model.model, model.guide)(x).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.uint8, torch.long])
def test_integers_of_integer_type(dtype):
    model = models.Dequantized(flows.maf(3), num_levels=17)
    x = torch.randint(0, 17, (5, 3))
    pyro.set_rng_seed(1)
    expected = infer.log_evidence(model.model, model.guide, x.double(), num_particles=50)
    pyro.set_rng_seed(1)
    estimate = infer.log_evidence(model.model, model.guide, x.to(dtype), num_particles=50)
    torch.testing.assert_close(estimate, expected)


def test_draws_are_integers_of_the_support():
    draws = models.Dequantized(cube(3), num_levels=5).sample(500)
    assert set(draws.unique().tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}


class Seen(Conditional):
    """Keeps what it is initialised from."""

    def __init__(self, conditional):
        super().__init__()
        self.conditional = conditional
        self.context_shape, self.event_shape = conditional.context_shape, conditional.event_shape

    def distribution(self, context):
        return self.conditional(context)

    def initialize(self, x, context=None):
        self.data, self.context = x, context


def test_initialize_passes_on_dequantized_data():
    density, guide = Seen(flows.maf(3, 2)), Seen(models.UniformDequantization(3))
    model = models.Dequantized(density, num_levels=4, guide=guide)
    x, context = torch.randint(0, 4, (50, 3)).double(), torch.randn(50, 2)
    model.initialize(x, context)
    assert torch.equal((density.data * 4).floor(), x)
    assert density.context is context
    torch.testing.assert_close(density.data * 4 - x, guide.data)
    assert torch.equal(guide.context, x)
    assert guide.data.unique().numel() == guide.data.numel()


def test_evaluate_reports_bits_per_dimension_of_the_digits(tmp_path):
    """A standard normal density gives integer x the probability Phi((x + 1) / 17) - Phi(x / 17) a pixel."""
    digits = {"class_path": "pyrodgm.data.digits", "init_args": {"num_levels": 17}}
    flow = {"class_path": "pyrodgm.flows.maf", "init_args": {"input_dim": 64, "num_layers": 1, "hidden_dims": [64]}}
    config = {"class_path": "pyrodgm.models.Dequantized", "init_args": {"conditional": flow, "num_levels": 17}}
    model = train.build(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    train.export(config, model, tmp_path)
    (tmp_path / "config.yaml").write_text(json.dumps({"data": digits, "model": config}))  # JSON is YAML
    result = train.evaluate(tmp_path, num_particles=20, chunk_size=20, limit=100)
    x = data.digits(num_levels=17).test.x[:100].double()
    normal = dist.Normal(0.0, 1.0)
    exact = -(normal.cdf((x + 1) / 17) - normal.cdf(x / 17)).log().sum(-1).mean().item()
    assert result["num_dims"] == 64
    assert result["nll_nats"] == pytest.approx(exact, abs=0.05)
    assert result["bits_per_dim"] == pytest.approx(exact / (64 * math.log(2)), abs=0.002)
    assert result["bits_per_dim"] == pytest.approx(result["nll_nats"] / 64 / math.log(2), abs=1e-12)


REFUSED = {
    "another event": (
        lambda: models.Dequantized(cube(3), num_levels=4, guide=models.UniformDequantization(2)),
        r"Expected a guide over noise of shape \(3,\), that of the data; got \(2,\)\. Build both",
    ),
    "no integers in its context": (
        lambda: models.Dequantized(cube(3), num_levels=4, guide=cube(3)),
        r"Expected a guide that takes x of shape \(3,\), or wider by the context; got context_shape \(\)\.",
    ),
    "another context": (
        lambda: models.Dequantized(cube(3), num_levels=4, guide=flows.maf(3, 5)),
        r"Expected a guide whose context beside x is the density's, of width 0; got 2\. Build both with one context\.",
    ),
    "a flow without context": (
        lambda: models.VariationalDequantization(flows.maf(3), num_levels=4),
        r"Expected a flow with a context; got an unconditional one\. Build it with context_dim",
    ),
    "a flow with too narrow a context": (
        lambda: models.VariationalDequantization(flows.maf(3, 2), num_levels=4),
        r"Expected a dequantization that takes x of shape \(3,\).*got context_shape \(2,\)",
    ),
    "one level": (
        lambda: models.VariationalDequantization(flows.maf(3, 3), num_levels=1),
        r"Expected num_levels of at least 2; got 1\. Give the number of values\.",
    ),
    "an event of no dimension": (lambda: models.UniformDequantization(()), r"Expected event_shape of positive sizes"),
    "an event of no size": (lambda: models.UniformDequantization(0), r"Expected event_shape of positive sizes; got"),
    "noise outside of the unit cube": (
        lambda: elbo(models.Dequantized(cube(3), num_levels=4, guide=flows.maf(3, 3)), torch.ones(50, 3)),
        r"within the support",
    ),
    "data between integers": (
        lambda: elbo(models.Dequantized(cube(3), num_levels=4), torch.full((5, 3), 0.5)),
        r"of Categorical; got 0\.5 in row 0\.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_a_draw_at_the_upper_end_is_the_last_level():
    # A sigmoid in single precision is one where its argument is large.
    model = models.Dequantized(Fixed(dist.Delta(torch.ones(3), event_dim=1)), num_levels=4)
    assert model.sample(2).tolist() == [[3.0] * 3] * 2
