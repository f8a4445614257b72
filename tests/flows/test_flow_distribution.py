"""What a flow returns: the memory of draws, broadcasting, and the bugs of others that it must not have."""

import copy
import itertools
import pickle

import pyro
import pytest
import torch
from pyro.optim import Adam
from torch import nn

from pyrodgm import Embedded, Fixed, Flow, Neural, distributions, flows, heads, models, transforms
from pyrodgm import nn as nets
from pyrodgm.testing import perturb

BUILDERS = [flows.nice, flows.realnvp, flows.maf, flows.iaf, flows.spline_coupling, flows.spline_autoregressive]


class Counter:
    """Counts calls of the networks inside a module."""

    def __init__(self, module):
        self.calls = 0
        for part in module.modules():
            if isinstance(part, (transforms.Coupling, transforms.MaskedAutoregressive)):
                net = part.conditioner if isinstance(part, transforms.Coupling) else part.net
                net.register_forward_hook(self.count)

    def count(self, *_):
        self.calls += 1


@pytest.mark.parametrize("build", [flows.realnvp, flows.iaf])
def test_density_of_a_draw_costs_no_network(build):
    flow = perturb(build(4, 2, num_layers=3))
    counter = Counter(flow)
    distribution = flow(torch.randn(5, 2))
    x = distribution.rsample((7,))
    assert counter.calls == 3
    remembered = distribution.log_prob(x)
    assert counter.calls == 3
    torch.testing.assert_close(remembered, distribution.log_prob(x.clone()))
    assert counter.calls > 3 or build is flows.iaf  # an IAF inverts itself by its stepper, not by passes


@pytest.mark.parametrize("build", BUILDERS)
def test_one_network_call_a_layer_and_direction(build):
    """The conditioner runs once for value and log-determinant (in the cheap direction of each flow)."""
    flow = build(4, num_layers=3)
    counter = Counter(flow)
    with torch.no_grad():
        if build is flows.iaf:
            flow().rsample_and_log_prob((5,))
        else:
            flow().log_prob(torch.randn(5, 4))
    assert counter.calls == 3


def optimisers(flow):
    parameters = list(flow.parameters())
    return [
        torch.optim.Adam(parameters, lr=0.1, fused=True),
        torch.optim.Adam(parameters, lr=0.1, foreach=True),
        torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
        torch.optim.AdamW(parameters, lr=0.1),
    ]


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("build", [flows.realnvp, flows.iaf, flows.maf])
def test_no_stale_density_after_an_optimiser_step(build, index):
    flow = perturb(build(3, num_layers=2))
    optimiser = optimisers(flow)[index]
    distribution = flow()
    x = distribution.rsample((5,))
    distribution.log_prob(x).sum().backward()
    x = distribution.sample((5,))
    with torch.no_grad():
        optimiser.step()
        torch.testing.assert_close(distribution.log_prob(x), flow().log_prob(x))


def test_no_stale_density_after_any_other_change():
    context = torch.randn(5, 2)
    flow = perturb(flows.realnvp(3, 2, num_layers=2))
    changes = [
        lambda x: x.add_(1.0),
        lambda x: context.add_(1.0),
        lambda x: flow.load_state_dict({k: v + 0.1 for k, v in flow.state_dict().items()}),
        lambda x: [p.data.copy_(p.data.clone()) for p in flow.parameters()],
        lambda x: flow.float().double(),
    ]
    for change in changes:
        distribution = flow(context)
        with torch.no_grad():
            x = distribution.sample()
            change(x)
            torch.testing.assert_close(distribution.log_prob(x), flow(context).log_prob(x))


def test_no_stale_pair_after_a_change_of_the_module():
    coupling = transforms.Coupling(4, transforms.Affine(), nets.MLP(2, 4))
    dropping = transforms.Coupling(4, transforms.Affine(), nn.Sequential(nets.MLP(2, 4), nn.Dropout(0.5)))
    dropping.conditioner.forward = lambda x, context: dropping.conditioner[1](dropping.conditioner[0](x, context))
    norm, permute = transforms.BatchNorm(4), transforms.Permute([1, 0, 3, 2])
    compose = transforms.Compose([transforms.Flip(), transforms.Elementwise(transforms.Affine(), 4)])
    changes = [
        (norm, norm.eval),
        (dropping, dropping.eval),
        (coupling, lambda: setattr(coupling, "conditioner", perturb(nets.MLP(2, 4)))),
        (compose, lambda: compose.bijections.__setitem__(0, permute)),
        (compose, lambda: compose.bijections.append(transforms.Flip())),
        (permute, lambda: permute.load_state_dict(transforms.Permute([3, 2, 1, 0]).state_dict())),
    ]
    y = torch.randn(5, 4)
    for bijection, change in changes:
        perturb(bijection)
        with torch.no_grad():
            before = bijection.inv(y)
            change()
            torch.testing.assert_close(bijection.inv(y), bijection.inverse_and_ladj(y)[0])
            assert not torch.equal(bijection.inv(y), before)


def test_a_context_made_in_inference_mode():
    flow = perturb(flows.realnvp(3, 2, num_layers=2))
    with torch.inference_mode():
        context = torch.randn(5, 2)
    with torch.no_grad():
        x = flow(context).sample()
        torch.testing.assert_close(flow(context).log_prob(x), flow(context.clone()).log_prob(x.clone()))


def test_parts_without_a_context_get_none():
    flow = flows.extend(flows.realnvp(3), [transforms.Planar(3, 2)])
    x, context = torch.randn(5, 3), torch.randn(5, 2)
    flow.initialize(x, context)
    assert flow(context).sample().shape == (5, 3)
    assert flow(context).log_prob(x).shape == (5,)


def test_memory_knows_the_grad_mode():
    flow = perturb(flows.realnvp(3))
    distribution = flow()
    x = distribution.sample((5,))
    assert distribution.log_prob(x).requires_grad  # drawn without gradients, scored with them


def test_copies_start_empty():
    flow = perturb(flows.realnvp(3))
    flow.bijection(torch.randn(5, 3))
    assert flow.bijection._memory._pair is not None
    for twin in (copy.deepcopy(flow), pickle.loads(pickle.dumps(flow))):
        assert twin.bijection._memory._pair is None


def test_inference_mode_and_later_gradients():
    flow = flows.realnvp(3)
    with torch.inference_mode():
        distribution = flow()
        x = distribution.sample((5,))
        distribution.log_prob(x)
    flow().log_prob(torch.randn(5, 3)).sum().backward()


@pytest.mark.parametrize("build", BUILDERS)
def test_sample_shapes_precede_batch_and_event(build):
    flow = build(3, 2)
    for sample_shape, batch in itertools.product([(), (4,), (4, 6)], [(), (5,), (2, 5)]):
        distribution = flow(torch.randn(*batch, 2))
        x, log_prob = distribution.rsample_and_log_prob(sample_shape)
        assert x.shape == (*sample_shape, *batch, 3)
        assert log_prob.shape == (*sample_shape, *batch)
    assert flow(torch.randn(5, 2)).log_prob(torch.randn(3)).shape == (5,)  # a value smaller than the batch


@pytest.mark.parametrize("build", BUILDERS)
def test_gradients_through_draws_match_finite_differences(build):
    flow = perturb(build(2, 1, num_layers=2, hidden_dims=(3,), activation=nn.Tanh))
    context = torch.randn(2, 1, requires_grad=True)
    u = torch.randn(2, 2, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u, c: flow.bijection.forward_and_ladj(u, c), (u, context), atol=1e-4)
    if build not in (flows.maf, flows.iaf):  # the others' parameters have plain autograd paths
        return
    parameters = list(flow.parameters())

    def of_parameters(*values):
        names = [name for name, _ in flow.named_parameters()]
        state = {f"flow.{name}": value for name, value in zip(names, values, strict=True)}
        return torch.func.functional_call(_Draw(flow), state, (u.detach(), context.detach()))

    copies = tuple(p.detach().clone().requires_grad_() for p in parameters)
    assert torch.autograd.gradcheck(of_parameters, copies, atol=1e-4)


class _Draw(nn.Module):
    def __init__(self, flow):
        super().__init__()
        self.flow = flow

    def forward(self, u, context):
        return self.flow.bijection.forward_and_ladj(u, context)


def test_gradients_of_a_draw_survive_an_ill_conditioned_net():
    """Where rounds of products overflow, the triangular system is solved feature by feature."""
    flow = flows.maf(12, num_layers=1, hidden_dims=(32,))
    perturb(flow, 8.0)
    u = (100 * torch.randn(3, 12)).requires_grad_()
    x = flow.bijection.forward_and_ladj(u)[0]
    (gradient,) = torch.autograd.grad(x[:, -1].sum(), u)
    assert torch.isfinite(gradient).all()


def test_many_layers_stay_finite():
    flow = flows.realnvp(19, num_layers=32, hidden_dims=(32,)).float()
    optimiser = torch.optim.Adam(flow.parameters(), lr=1e-2)
    data = 5 * torch.randn(64, 19) + 3
    for _ in range(30):
        optimiser.zero_grad()
        loss = -flow().log_prob(data.float()).mean()
        loss.backward()
        optimiser.step()
        assert torch.isfinite(loss)


def test_conditional_base():
    base = Neural(nn.Linear(4, 6), heads.Normal(3))
    flow = Flow(flows.iaf(3, 4, num_layers=2).bijection, base)
    posterior = Embedded(nn.Linear(7, 4), flow)
    x = posterior(torch.randn(5, 7)).rsample((2,))
    assert x.shape == (2, 5, 3)
    with pyro.plate("data", 5, dim=-1):
        assert pyro.sample("z", posterior(torch.randn(5, 7))).shape == (5, 3)


def test_base_and_bijection_share_one_context():
    base = Neural(nn.Linear(4, 6), heads.Normal(3))
    with pytest.raises(ValueError, match=r"Expected a base with context_shape \(\) or \(2,\); got \(4,\)"):
        Flow(flows.realnvp(3, 2).bijection, base)


def test_a_base_with_a_context_of_two_dimensions():
    base = Neural(nn.Sequential(nn.Flatten(-2), nn.Linear(4, 6)), heads.Normal(3), context_shape=(2, 2))
    flow = Flow(flows.realnvp(3).bijection, base)
    assert flow.context_shape == (2, 2)
    assert flow(torch.randn(5, 2, 2)).sample((7,)).shape == (7, 5, 3)
    with pytest.raises(ValueError, match=r"context_shape \(\) or \(4,\); got \(2, 2\)"):
        Flow(flows.realnvp(3, 4).bijection, base)


def test_a_base_is_initialized_from_what_reaches_it():
    base, x = flows.extend(flows.realnvp(3), [transforms.LULinear(3)]), 5 + 3 * torch.randn(100, 3)
    flow = Flow(transforms.Flip(), base)
    flow.initialize(x)
    u = base.bijection.inverse_and_ladj(x.flip(-1))[0]
    torch.testing.assert_close(u.mean(0), torch.zeros(3), atol=1e-2, rtol=0)


def test_a_distribution_moves_with_its_inverses():
    fixed = Fixed(pyro.distributions.Gumbel(torch.zeros(3).float(), torch.ones(3).float()).to_event(1)).double()
    x = torch.randn(5, 3)
    expected = pyro.distributions.Gumbel(torch.zeros(3), torch.ones(3)).to_event(1)
    torch.testing.assert_close(fixed().log_prob(x), expected.log_prob(x))


@pytest.mark.parametrize("build", BUILDERS)
def test_samples_have_the_density(build):
    """Mean of p(x)^-1 * N(x) over draws is one: six standard errors, so one failure in about 10^9 runs."""
    flow = perturb(build(2, num_layers=2, hidden_dims=(16,)), 0.2)
    reference = distributions.StandardNormal(2)
    with torch.no_grad():
        x = flow().sample((20000,))
        ratio = (reference.log_prob(x * 1.3) + 2 * torch.tensor(1.3).log() - flow().log_prob(x)).exp()
    assert (ratio.mean() - 1).abs() < 6 * ratio.std() / len(ratio) ** 0.5


def test_compiled_flow_is_equal():
    flow = perturb(flows.realnvp(4, num_layers=2))
    x = torch.randn(6, 4)
    explanation = torch.compile(lambda v: flow().log_prob(v), backend="eager")
    torch.testing.assert_close(explanation(x), flow().log_prob(x))


def test_flow_in_a_plain_function_learns_under_svi():
    """A flow inside a user's own function, registered by pyro.module."""
    flow = flows.realnvp(2)
    x = torch.randn(20, 2) + 4

    def model(x):
        pyro.module("flow", flow)
        with pyro.plate("data", len(x)):
            pyro.sample("x", flow(), obs=x)

    svi = pyro.infer.SVI(model, lambda x: None, Adam({"lr": 1e-2}), pyro.infer.Trace_ELBO())
    losses = [svi.step(x) for _ in range(30)]
    assert losses[-1] < losses[0]


def test_standard_normal_equals_pyros():
    ours = distributions.StandardNormal(3, batch_shape=(5,))
    theirs = pyro.distributions.Normal(torch.zeros(5, 3), torch.ones(5, 3)).to_event(1)
    x = torch.randn(7, 5, 3)
    torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x))
    torch.testing.assert_close(ours.mean, theirs.mean)
    torch.testing.assert_close(ours.variance, theirs.variance)
    assert Fixed(distributions.StandardNormal(3)).float()().sample().dtype == torch.float32
    assert models.Density(Fixed(distributions.StandardNormal(3))).sample(4).shape == (4, 3)


@pytest.mark.parametrize("build", [flows.maf, flows.realnvp])
def test_the_density_of_a_draw_costs_no_inverse(build, monkeypatch):
    flow = perturb(build(3))
    distribution = flow()
    x = distribution.rsample((5,))
    expected = flow().log_prob(x.clone())

    def inverse(*args):
        raise AssertionError("an inverse for what was just drawn")

    monkeypatch.setattr(flow.bijection, "inverse_and_ladj", inverse)
    torch.testing.assert_close(distribution.log_prob(x), expected)
