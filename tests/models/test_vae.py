"""The variational autoencoder: traps of Pyro, contexts, images, reconstructions."""

import copy
import pickle

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, JitTrace_ELBO, Predictive, RenyiELBO, Trace_ELBO, TraceMeanField_ELBO
from pyro.optim import Adam, ClippedAdam

from pyrodgm import Fixed, Neural, flows, heads, infer, models, nn
from pyrodgm import autoregressive as ar
from pyrodgm.testing import average_loss


def small(**kwargs):
    return models.vae(6, 2, hidden_dims=(16,), **kwargs)


# Pyro's JitTrace_ELBO calls it.
@pytest.mark.filterwarnings("ignore:.torch.jit.trace. is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    "make",  # anew for each model: a JitTrace_ELBO keeps the program that it compiled first
    [
        Trace_ELBO,
        TraceMeanField_ELBO,
        lambda: RenyiELBO(alpha=0.5, num_particles=3),
        lambda: JitTrace_ELBO(ignore_jit_warnings=True),
        lambda: Trace_ELBO(num_particles=3, vectorize_particles=True),
    ],
    ids=["Trace", "TraceMeanField", "Renyi", "JitTrace", "vectorized"],
)
@pytest.mark.parametrize("prior", [None, "flow"])
def test_learns_under_each_of_pyros_objectives(make, prior):
    vae = small(prior=flows.realnvp(2, num_layers=2, hidden_dims=(8,)) if prior else None)
    x = torch.rand(8, 6).round()
    svi = SVI(vae.model, vae.guide, ClippedAdam({"lr": 1e-2}), make())
    before = average_loss(vae, (x,))
    for _ in range(60):
        svi.step(x)
    assert average_loss(vae, (x,)) < before


def test_predictive_of_prior_and_posterior():
    vae, x = small(), torch.rand(5, 6).round()
    for parallel in (False, True):
        prior = Predictive(vae.model, num_samples=7, parallel=parallel)(num=5)
        assert prior["x"].reshape(7, 5, 6).shape == (7, 5, 6)
        posterior = Predictive(vae.model, guide=vae.guide, num_samples=7, parallel=parallel)(x)
        assert posterior["z"].reshape(7, 5, 2).shape == (7, 5, 2)


def test_component_shared_by_model_and_guide_gets_the_joint_gradient():
    """One decoder-side net that the posterior uses too."""
    net = torch.nn.Linear(2, 4)
    shared = Neural(net, heads.Normal(2))
    vae = models.VAE(Fixed(dist.Normal(torch.zeros(2), torch.ones(2)).to_event(1)), shared, shared)
    x = torch.randn(6, 2)
    svi = SVI(vae.model, vae.guide, Adam({"lr": 1e-2}), Trace_ELBO())
    before = net.weight.detach().clone()
    for _ in range(5):
        svi.step(x)
    assert not torch.equal(net.weight, before)
    assert sum(value.numel() for value in vae.state_dict().values()) == 3 * sum(
        p.numel() for p in net.parameters()
    ) - sum(p.numel() for p in net.parameters())


def test_copies_are_independent():
    vae = small()
    for twin in (copy.deepcopy(vae), pickle.loads(pickle.dumps(vae))):
        assert twin.model.likelihood is twin.likelihood
        assert twin.guide.posterior is twin.posterior
        assert twin.likelihood is not vae.likelihood
        assert twin.model._pyro_name != vae.model._pyro_name


def test_an_assigned_component_reaches_the_programs():
    vae = small()
    vae.prior, vae.posterior = flows.realnvp(2), Neural(nn.MLP(6, 4), heads.Normal(2))
    assert vae.model.prior is vae.prior
    assert vae.guide.posterior is vae.posterior
    loss = infer.ReparameterizedELBO()(vae.model, vae.guide)
    loss(torch.rand(4, 6).round()).backward()
    assert all(p.grad is not None for p in vae.parameters())
    assert {id(p) for p in vae.parameters()} == {id(p) for p in loss.parameters()}


def test_moves_as_one():
    vae = small().float()
    assert vae.sample(3).dtype == torch.float32
    x = torch.rand(4, 6).round().float()
    assert Trace_ELBO()(vae.model, vae.guide)(x).dtype == torch.float32


def test_context_reaches_each_component():
    vae = small(context_dim=3, prior=flows.realnvp(2, 3, num_layers=2))
    x, context = torch.rand(4, 6).round(), torch.randn(4, 3)
    trace = pyro.poutine.trace(vae.guide).get_trace(x, context)
    q = trace.nodes["z"]["fn"]
    other = pyro.poutine.trace(vae.guide).get_trace(x, context + 1).nodes["z"]["fn"]
    assert not torch.equal(q.mean, other.mean)
    z = trace.nodes["z"]["value"]
    replayed = pyro.poutine.replay(vae.model, trace)
    p = pyro.poutine.trace(replayed).get_trace(x, context).nodes["x"]["fn"]
    changed = pyro.poutine.trace(replayed).get_trace(x, context + 1).nodes["x"]["fn"]
    assert not torch.equal(p.mean, changed.mean)
    assert not torch.equal(vae.prior(context).log_prob(z), vae.prior(context + 1).log_prob(z))
    assert vae.sample(4, context).shape == (4, 6)
    assert vae.reconstruct(x, context).shape == (4, 6)


def test_images_and_a_context_as_channels():
    shape = (1, 8, 8)
    decoder = nn.ConvDecoder(2 + 3, shape, channels=(8, 4))
    encoder = nn.ConvEncoder((1 + 3, 8, 8), 4, channels=(4, 8))
    prior = Fixed(dist.Normal(torch.zeros(2), torch.ones(2)).to_event(1))
    vae = models.VAE(prior, Neural(decoder, heads.Bernoulli(shape)), Neural(encoder, heads.Normal(2)))
    x, context = torch.rand(5, *shape).round(), torch.randn(5, 3)
    assert Trace_ELBO()(vae.model, vae.guide)(x, context).isfinite()
    assert infer.log_evidence(vae.model, vae.guide, x, context, num_particles=10).shape == (5,)
    assert vae.reconstruct(x, context).shape == x.shape
    with pytest.raises(ValueError, match=r"Expected a context of shape \(num_rows, 3\); got None"):
        vae.guide(x)


def test_reconstructs_categories_by_their_mean():
    likelihood = Neural(nn.MLP(2, 6 * 5), heads.Categorical(5, 6))
    vae = small(likelihood=likelihood)
    x = torch.randint(0, 5, (4, 6)).double()
    mean = vae.reconstruct(x)
    assert mean.shape == (4, 6)
    assert ((mean >= 0) & (mean <= 4)).all()
    p = likelihood(vae.encode(x))
    torch.testing.assert_close(mean, (p.base_dist.probs * torch.arange(5)).sum(-1).detach())


def test_reconstructs_through_a_posterior_without_a_mean():
    vae = small(posterior=flows.iaf(2, 6, num_layers=2))
    assert vae.reconstruct(torch.rand(4, 6).round()).shape == (4, 6)


def test_sampling_leaves_the_parameter_store_alone():
    small().sample(3)
    assert not list(pyro.get_param_store().keys())


def test_elbo_of_a_linear_gaussian_model_is_the_evidence_at_the_true_posterior():
    """x = z + e with unit variances: the posterior is N(x / 2, 1 / 2), and the ELBO has no gap and no variance."""
    likelihood, posterior = (
        Neural(torch.nn.Linear(1, 2), heads.Normal(1)),
        Neural(torch.nn.Linear(1, 2), heads.Normal(1)),
    )
    half = torch.log(torch.expm1(torch.tensor(0.5**0.5 - 1e-4))) - heads.normal.UNIT_SCALE
    one = torch.log(torch.expm1(torch.tensor(1 - 1e-4))) - heads.normal.UNIT_SCALE
    with torch.no_grad():
        likelihood.net.weight.copy_(torch.tensor([[1.0], [0.0]]))
        likelihood.net.bias.copy_(torch.tensor([0.0, one]))
        posterior.net.weight.copy_(torch.tensor([[0.5], [0.0]]))
        posterior.net.bias.copy_(torch.tensor([0.0, half]))
    vae = models.VAE(Fixed(dist.Normal(torch.zeros(1), torch.ones(1)).to_event(1)), likelihood, posterior)
    x = torch.randn(5, 1)
    evidence = dist.Normal(0.0, 2.0**0.5).log_prob(x).sum()
    for _ in range(3):
        torch.testing.assert_close(-infer.ReparameterizedELBO()(vae.model, vae.guide)(x).detach(), evidence)


def test_an_autoregressive_decoder_reconstructs_by_a_draw():
    decoder = ar.Autoregressive(nn.MaskedMLP(6, 1, hidden_dims=(16,), context_dim=2), heads.Bernoulli())
    x = models.vae(6, 2, likelihood=decoder, hidden_dims=(8,)).reconstruct(torch.rand(5, 6).round())
    assert x.shape == (5, 6)
    assert ((x == 0) | (x == 1)).all()
