"""The lean objective against Pyro's, on programs with all that plates can do."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from pyro.nn import PyroModule, PyroParam

from pyrodgm import infer


class Regression(PyroModule):
    """A plain Pyro program: global latent, nested plate, mini-batch, scale and mask."""

    def forward(self, x):
        weight = pyro.sample("weight", dist.Normal(torch.zeros(3), 1.0).to_event(1))
        with pyro.plate("rows", 100, subsample=torch.arange(len(x)), dim=-1), pyro.poutine.scale(scale=0.5):
            z = pyro.sample("z", dist.Normal(x @ weight, 1.0))
            with pyro.poutine.mask(mask=x[:, 0] > 0):
                pyro.sample("y", dist.Normal(z, 1.0), obs=x.sum(-1))


class Guide(PyroModule):
    """Its guide, with parameters of its own."""

    def __init__(self):
        super().__init__()
        self.loc = PyroParam(torch.zeros(3))
        self.scale = PyroParam(torch.ones(3), constraint=dist.constraints.positive)

    def forward(self, x):
        weight = pyro.sample("weight", dist.Normal(self.loc, self.scale).to_event(1))
        with pyro.plate("rows", 100, subsample=torch.arange(len(x)), dim=-1), pyro.poutine.scale(scale=0.5):
            pyro.sample("z", dist.Normal(x @ weight, 0.5))


@pytest.mark.parametrize("num_particles", [1, 3])
def test_equals_trace_elbo(num_particles):
    model, guide, x = Regression(), Guide(), torch.randn(5, 3)
    results = []
    for objective in (Trace_ELBO(num_particles), infer.ReparameterizedELBO(num_particles)):
        pyro.set_rng_seed(0)
        loss = objective(model, guide)(x)
        results.append((loss.detach(), *torch.autograd.grad(loss, list(guide.parameters()))))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_refuses_draws_without_gradients():
    def guide(x):
        pyro.sample("weight", dist.Bernoulli(torch.tensor(0.5, requires_grad=True)))

    objective = infer.ReparameterizedELBO()
    with pytest.raises(ValueError, match="Expected reparameterized draws at site 'weight'"):
        objective.differentiable_loss(lambda x: None, guide, torch.zeros(2))


def standard(*names, **kwargs):
    """A program of standard normals, each in the plate, and an observed one."""

    def program(x):
        with pyro.plate("data", len(x), dim=-1):
            for name in names:
                pyro.sample(name, dist.Normal(torch.zeros(()), 1.0), **kwargs)
            pyro.sample("x", dist.Normal(torch.zeros(()), 1.0), obs=x)

    return program


OBJECTIVES = [infer.log_evidence, infer.ReparameterizedELBO().differentiable_loss]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_names_sites_without_a_twin(objective):
    x = torch.randn(4)
    with pytest.raises(ValueError, match=r"for every latent site of the model; got none for \['b', 'c'\]\. Sample"):
        objective(standard("a", "b", "c"), pyro.poutine.block(standard("a"), hide=["x"]), x)
    with pytest.raises(ValueError, match=r"over latent sites of the model; got \['b'\] besides\. Remove"):
        objective(standard("a"), pyro.poutine.block(standard("a", "b"), hide=["x"]), x)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_auxiliary_sites_need_no_twin(objective):
    objective(standard(), pyro.poutine.block(standard("a", infer={"is_auxiliary": True}), hide=["x"]), torch.randn(4))


def test_leaves_the_parameter_store_alone():
    from pyrodgm import models

    vae = models.vae(4, 2, hidden_dims=(8,))
    infer.ReparameterizedELBO()(vae.model, vae.guide)(torch.ones(3, 4))
    assert not list(pyro.get_param_store().keys())


def test_beta_weighs_the_latent_sites():
    model, guide, x = Regression(), Guide(), torch.randn(5, 3)
    losses = []
    for beta in (0.0, 1.0, 0.25):
        pyro.set_rng_seed(0)
        losses.append(infer.ReparameterizedELBO(beta=beta)(model, guide)(x))
    torch.testing.assert_close(losses[2], losses[0] + 0.25 * (losses[1] - losses[0]))
    assert losses[0] != losses[1]
    with pytest.raises(ValueError, match="Expected beta of at least 0; got -1"):
        infer.ReparameterizedELBO(beta=-1)
