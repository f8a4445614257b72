import copy
import math
import pickle
import re

import pyro
import pyro.distributions as dist
import pyro.poutine as poutine
import pytest
import torch
from pyro.infer import SVI, Predictive, Trace_ELBO
from pyro.infer.autoguide import AutoDelta, AutoNormal
from pyro.nn import PyroModule, PyroSample
from pyro.nn.module import to_pyro_module_

from pyrodgm import Conditional, Neural, flows, heads, infer, models, nn
from pyrodgm import autoregressive as ar
from pyrodgm.infer.energy import Energy
from pyrodgm.infer.flat_weights import FlatWeights
from pyrodgm.infer.nuts import Potential

COMPONENTS = {
    "Neural": lambda: Neural(nn.MLP(2, 6, hidden_dims=(4,)), heads.Normal(3)),
    "maf": lambda: flows.maf(3, 2, num_layers=2, hidden_dims=(4,)),
    "realnvp": lambda: flows.realnvp(3, num_layers=2, hidden_dims=(4,)),
    "MADE": lambda: ar.made(3, hidden_dims=(4,)),
    "decoder": lambda: models.vae(3, 2, hidden_dims=(4,)).likelihood,
}


def rows(component, num=7):
    context = torch.randn(num, *component.context_shape) if component.context_shape else None
    return component(context).sample(() if component.context_shape else (num,)), context


@pytest.fixture(params=COMPONENTS)
def component(request):
    return COMPONENTS[request.param]()


def test_the_weights_are_sites_and_the_log_probability_repeats(component):
    x, context = rows(component)
    bayes = infer.bayesian(component, 1.0)
    trace = poutine.trace(bayes.model).get_trace(x, context)
    names = [name for name, _ in component.named_parameters()]
    assert set(names) <= set(trace.nodes)
    scores = []
    for _ in range(3):
        trace.nodes["x"].pop("log_prob_sum", None)
        scores.append(trace.nodes["x"]["fn"].log_prob(x).sum())
    assert scores[0] == scores[1] == scores[2]
    weights = {name: trace.nodes[name]["value"] for name in names}
    # A copy whose parameters are the draws has the same density, by no trick at all.
    plain = copy.deepcopy(component).eval()
    plain.load_state_dict(weights | {k: v for k, v in component.state_dict().items() if k not in weights})
    torch.testing.assert_close(plain(context).log_prob(x).sum(), scores[0])
    prior = sum(dist.Normal(0.0, 1.0).log_prob(value).sum() for value in weights.values())
    torch.testing.assert_close(trace.log_prob_sum(), prior + scores[0])
    torch.testing.assert_close(bayes.log_prior(weights), prior)
    torch.testing.assert_close(bayes.log_likelihood(weights, x, context).sum(), scores[0])


def test_the_module_is_left_as_it_was(component):
    x, context = rows(component)
    before = copy.deepcopy(component.state_dict())
    training = [part.training for part in component.modules()]
    bayes = infer.bayesian(component, 1.0)
    own = list(component.parameters())
    SVI(bayes.model, AutoNormal(bayes.model), pyro.optim.Adam({"lr": 0.1}), Trace_ELBO()).step(x, context)
    for method in (infer.map_estimate, infer.mean_field, infer.low_rank, infer.ensemble):
        method(bayes, x, context, num_steps=2)
    infer.nuts(bayes, x, context, num_samples=4, num_warmup=1, max_tree_depth=2, progress=False)
    bayes(context).sample()
    assert all(one is other for one, other in zip(component.parameters(), own, strict=True))
    assert all(torch.equal(before[name], value) for name, value in component.state_dict().items())
    assert all(parameter.grad is None for parameter in component.parameters())
    assert [part.training for part in component.modules()] == training


def test_draws_and_densities_are_of_the_same_weights(component):
    x, context = rows(component)
    bayes = infer.bayesian(component, 1.0)
    p = bayes(context)
    wide = p.expand((4, *p.batch_shape)) if context is not None else p.expand((4,))
    assert wide.log_prob(wide.sample()).shape == wide.batch_shape
    torch.testing.assert_close(wide.log_prob(x.expand(4, *x.shape) if context is not None else x[:4]).flatten()[:4],
                               p.log_prob(x).expand(4, 7).flatten()[:4])  # fmt: skip
    if p.has_rsample:
        weights = {name: value.requires_grad_() for name, value in p.weights.items()}
        q = bayes.at(weights, context)
        drawn = q.rsample()
        remembered = q.log_prob(drawn)
        torch.testing.assert_close(remembered, q.log_prob(drawn.clone()), atol=1e-8, rtol=1e-6)
        gradients = torch.autograd.grad(drawn.sum(), list(weights.values()), allow_unused=True)
        assert any(one is not None and one.abs().sum() > 0 for one in gradients)


def test_gradients_reach_the_draws(component):
    x, context = rows(component)
    bayes = infer.bayesian(component, 1.0)
    weights = {name: value.requires_grad_() for name, value in bayes(context).weights.items()}
    gradients = torch.autograd.grad(bayes.log_likelihood(weights, x, context).sum(), list(weights.values()))
    assert all(one.isfinite().all() for one in gradients)


def test_a_network_samples_its_weights_before_it_returns():
    net = nn.MLP(3, 2, hidden_dims=(4,))
    bayes = infer.bayesian(net, {"*weight": 0.1, "*bias": dist.Laplace(0.0, 1.0)}, prefix="net.")
    x = torch.randn(5, 3)

    def program():
        with pyro.plate("data", 5):
            return bayes(x)

    trace = poutine.trace(program).get_trace()
    assert "net.layers.0.weight" in trace.nodes
    weights = {name: trace.nodes[f"net.{name}"]["value"] for name, _ in net.named_parameters()}
    out = torch.func.functional_call(net, weights, (x,))
    torch.testing.assert_close(trace.nodes["_RETURN"]["value"], out)
    likelihood = Neural(bayes, heads.Normal(1))
    assert likelihood(x).sample().shape == (5, 1)


class Tied(Conditional):
    """Two layers of one weight, a buffer that training changes, a constant."""

    def __init__(self):
        super().__init__()
        self.event_shape, self.context_shape = torch.Size([3]), (3,)
        self.first, self.second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.norm = torch.nn.BatchNorm1d(3)
        self.fixed = torch.nn.Parameter(torch.ones(3), requires_grad=False)

    def distribution(self, context):
        return dist.Normal(self.norm(self.second(self.first(context).tanh())), self.fixed).to_event(1)


def test_tied_weights_are_one_site_and_buffers_stay():
    module = Tied()
    x, context = torch.randn(6, 3), torch.randn(6, 3)
    bayes = infer.bayesian(module, {"second.weight": 0.5, "*.bias": 1.0})
    before = copy.deepcopy(module.state_dict())
    p = bayes(context)
    assert set(p.weights) == {"first.weight", "first.bias", "second.bias", "norm.bias"}
    inner = torch.nn.functional.linear(context, p.weights["first.weight"], p.weights["first.bias"]).tanh()
    outer = torch.nn.functional.linear(inner, p.weights["first.weight"], p.weights["second.bias"])
    expected = outer / math.sqrt(1 + module.norm.eps) + p.weights["norm.bias"]  # with the running statistics
    torch.testing.assert_close(p.mean, expected)
    posterior = infer.mean_field(bayes, x, context, num_steps=3)
    assert posterior.flat.num_weights == 18
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert module.norm.training


def test_priors_by_pattern_function_and_shape():
    net = nn.MLP(3, 2, hidden_dims=(4,))
    by_function = infer.bayesian(net, lambda name, p: 2.0 / p.shape[1] if p.dim() == 2 else None)
    assert by_function.weights.names == ("layers.0.weight", "layers.1.weight")
    assert by_function.weights.priors()["layers.1.weight"].base_dist.scale.unique() == 0.5
    rows_of = infer.bayesian(net, {"layers.0.weight": dist.MultivariateNormal(torch.zeros(3), torch.eye(3))})
    assert rows_of.weights.priors()["layers.0.weight"].event_shape == (4, 3)
    first = infer.bayesian(net, {"*.0.*": 1.0, "*": 3.0}).weights.priors()
    assert first["layers.0.bias"].base_dist.scale.unique() == 1.0
    assert first["layers.1.bias"].base_dist.scale.unique() == 3.0


def test_single_precision_and_copies():
    flow = flows.maf(2, num_layers=2, hidden_dims=(4,)).float()
    bayes = infer.bayesian(flow, {"*.weight": 0.5, "*": dist.Normal(0.0, 1.0)})
    assert bayes().sample((3,)).dtype == torch.float32
    posterior = infer.mean_field(bayes, torch.randn(5, 2).float(), num_steps=2)
    assert infer.predictive(posterior, num_draws=3).log_prob(torch.zeros(2).float()).dtype == torch.float32
    for other in (copy.deepcopy(bayes), pickle.loads(pickle.dumps(bayes))):
        assert other.weights.runner.module is other.module
        assert other.module is not flow
        assert other.model.bayesian is other
        assert other.double()().sample((3,)).dtype == torch.float64


class Both(PyroModule):
    """A guide of the weights and one of the latents."""

    def __init__(self, weights, latents):
        super().__init__()
        self.weights, self.latents = weights, latents

    def forward(self, x):
        self.weights(x)
        self.latents(x)


def test_a_vae_with_a_bayesian_likelihood_learns():
    vae = models.vae(4, 2, hidden_dims=(8,))
    bayes = infer.bayesian(vae.likelihood, 1.0)
    model = models.VAE(vae.prior, bayes, vae.posterior)
    x = (torch.rand(30, 4) < 0.3).double()
    trace = poutine.trace(model.model).get_trace(x)
    assert {f"net.layers.{k}.{kind}" for k in (0, 1) for kind in ("weight", "bias")} <= set(trace.nodes)
    assert trace.nodes["net.layers.0.weight"]["value"].shape == (8, 2)
    assert not trace.nodes["net.layers.0.weight"]["cond_indep_stack"]
    trace.compute_log_prob()
    scores = [trace.nodes["x"]["fn"].log_prob(x).sum() for _ in range(3)]
    assert scores[0] == scores[1] == scores[2]
    guide = Both(AutoNormal(poutine.block(model.model, hide=["z", "x", "data"]), init_scale=0.01), model.guide)
    svi = SVI(model.model, guide, pyro.optim.Adam({"lr": 0.02}), Trace_ELBO())
    losses = [svi.step(x) for _ in range(150)]
    assert sum(losses[-20:]) < sum(losses[:20]) - 20 * 5.0
    assert all(parameter.grad is None for parameter in bayes.module.parameters())


def test_pyro_s_autoguides_reach_the_same_optimum():
    x, context = torch.randn(20), torch.randn(20, 2)
    line = Neural(torch.nn.Linear(2, 1), FixedNoise())
    bayes = infer.bayesian(line, 1.0)
    ours = infer.mean_field(bayes, x, context, num_steps=500, lr=0.03, num_particles=2)
    guide = AutoNormal(bayes.model, init_scale=0.1)
    elbo = Trace_ELBO(num_particles=2)(bayes.model, guide)
    elbo(x, context)
    optimizer = torch.optim.Adam(guide.parameters(), lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
    for _ in range(300):
        optimizer.zero_grad()
        elbo(x, context).backward()
        optimizer.step()
        schedule.step()
    theirs = torch.cat([guide.median()[name].flatten() for name in ("net.weight", "net.bias")]).detach()
    scales = torch.cat([guide.scales.net.weight.flatten(), guide.scales.net.bias]).detach()
    torch.testing.assert_close(theirs, ours.loc, rtol=0, atol=0.05)
    torch.testing.assert_close(scales, ours.log_scale.exp(), rtol=0.15, atol=0)


class FixedNoise(heads.Normal):
    """``N(params, 0.5**2)``."""

    num_params = 1

    def make(self, params):
        return dist.Normal(params[..., 0], 0.5)


def test_the_potential_is_that_of_the_program():
    x, context = torch.randn(9), torch.randn(9, 2)
    bayes = infer.bayesian(
        Neural(torch.nn.Linear(2, 1), FixedNoise()), {"*weight": 1.0, "*bias": dist.Normal(1.0, 2.0)}
    )
    flat = FlatWeights(bayes)
    with Energy(bayes, flat, x, context) as energy:
        u = torch.randn(3)
        potential = Potential(energy)({"u": u})
    conditioned = poutine.condition(bayes.model, flat.weights(u))
    trace = poutine.trace(conditioned).get_trace(x, context)
    torch.testing.assert_close(-potential, trace.log_prob_sum())


def test_batches_scale_up():
    x, context = torch.randn(9), torch.randn(9, 2)
    bayes = infer.bayesian(Neural(torch.nn.Linear(2, 1), FixedNoise()), 1.0)
    trace = poutine.trace(bayes.model).get_trace(x, context, size=90)
    trace.compute_log_prob()
    site = trace.nodes["x"]
    torch.testing.assert_close(site["log_prob_sum"], 10 * site["unscaled_log_prob"].sum())
    assert trace.nodes["net.weight"]["scale"] == 1.0


def test_pyro_predictive_takes_the_draws_one_by_one():
    bayes = infer.bayesian(Neural(torch.nn.Linear(2, 1), FixedNoise()), 1.0)
    x, context = torch.randn(9), torch.randn(9, 2)
    posterior = infer.mean_field(bayes, x, context, num_steps=2)
    drawn = Predictive(bayes.model, posterior_samples=posterior.draw(5))(None, context)
    assert drawn["x"].shape == (5, 9)
    AutoDelta(bayes.model)(x, context)


def test_samples_of_pyro_inside_are_refused():
    message = re.compile(r"Expected parameters; got the PyroSample 'weight' .* infer\.bayesian\(module, prior\)")
    flow = flows.maf(2, num_layers=1, hidden_dims=(4,))
    net = next(part for part in flow.modules() if isinstance(part, nn.MaskedMLP))
    to_pyro_module_(net.layers)
    net.layers[0].weight = PyroSample(dist.Normal(0.0, 1.0).expand([4, 2]).to_event(2))
    with pytest.raises(ValueError, match=message):
        flow()
    with pytest.raises(ValueError, match=message):
        infer.bayesian(flow, 1.0)
    likelihood = Neural(nn.MLP(2, 4, hidden_dims=(4,)), heads.Normal(2))
    to_pyro_module_(likelihood.net)
    likelihood.net.layers[0].weight = PyroSample(dist.Normal(0.0, 1.0).expand([4, 2]).to_event(2))
    with pytest.raises(ValueError, match=message):
        likelihood(torch.randn(3, 2))
