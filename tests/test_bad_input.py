"""Every kind of bad input with its message: one table.

Files, recipes and killed runs have theirs in tests/train and tests/test_cli.py.
"""

import importlib
import math
import re
from pathlib import Path

import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO

from pyrodgm import Embedded, Fixed, Flow, Neural, data, distributions, flows, heads, infer, models, nn, transforms
from tests.bad_flows import NAN, with_bad_row
from tests.cases import FLOWS

INF = math.inf
FAMILIES = [importlib.import_module(f"tests.{path.stem}") for path in sorted(Path(__file__).parent.glob("bad_*.py"))]


def vae(**kwargs):
    return models.vae(4, 2, hidden_dims=(8,), **kwargs)


def loss(model, *args, **kwargs):
    return Trace_ELBO()(model.model, model.guide)(*args, **kwargs)


def log_density(x):
    return -x.square().sum(-1)


CASES = {
    "context of the wrong width": (
        lambda: flows.maf(4, 2)(torch.randn(7, 3)),
        r"Expected context of shape \(\*batch, 2\); got \(7, 3\)\. Pass a context of that shape, or build with",
    ),
    "context missing": (lambda: flows.maf(4, 2)(), r"Expected context of shape \(\*batch, 2\); got None\. Pass the"),
    "context superfluous": (
        lambda: flows.maf(4)(torch.randn(7, 3)),
        r"Expected no context; got one of shape \(7, 3\)\. Build with context_dim=3, or call without a context\.",
    ),
    "context of no dimension": (
        lambda: flows.maf(4, 2)(torch.tensor(1.0)),
        r"Expected context of shape \(\*batch, 2\)",
    ),
    "context missing in a bijection": (
        lambda: flows.maf(4, 2).bijection.inverse_and_ladj(torch.randn(7, 4)),
        r"Expected context of shape \(\*batch, 2\); got None",
    ),
    "context missing in a VAE": (
        lambda: loss(vae(context_dim=3), torch.zeros(5, 4)),
        r"Expected a context of shape \(num_rows, 3\); got None\. Pass the context\.",
    ),
    "event of the wrong width": (
        lambda: flows.maf(4)().log_prob(torch.randn(7, 3)),
        r"Expected value of shape \(\*batch, 4\); got \(7, 3\)\. The last dimensions are one event\.",
    ),
    **{
        f"event {tuple(x.shape)} of a base": (
            lambda x=x: distributions.StandardNormal(8).log_prob(x),
            rf"Expected value of shape \(\*batch, 8\); got {re.escape(str(tuple(x.shape)))}\. The last dimensions are",
        )
        for x in (torch.zeros(5, 1), torch.zeros(()), torch.zeros(8, 5))
    },
    "grey values into Bernoulli": (
        lambda: loss(vae(), with_bad_row(0.25)),
        r"Expected x in the support Boolean\(\) of Bernoulli; got 0\.25 in row 3\. Transform the data \(binarize",
    ),
    "grey values, checked once": (lambda: vae().check_data(with_bad_row(0.25)), r"Bernoulli; got 0\.25 in row 3\."),
    "value beyond the categories": (
        lambda: vae(likelihood=Neural(nn.MLP(2, 12), heads.Categorical(3, 4))).check_data(with_bad_row(3.0)),
        r"of Categorical; got 3 in row 3\.",
    ),
    "value beyond the levels": (
        lambda: models.Dequantized(flows.maf(4), num_levels=3).check_data(with_bad_row(7.0)),
        r"of Categorical; got 7 in row 3\.",
    ),
    "NaN in data": (
        lambda: loss(vae(), with_bad_row(NAN)),
        r"Expected finite x; got NaN or inf in 1 row\(s\), first in row 3\. Remove or impute such rows\.",
    ),
    "inf in data": (lambda: loss(models.Density(flows.maf(4)), with_bad_row(INF)), r"Expected finite x; .* row 3\."),
    "NaN in a data set": (lambda: data.Dataset(with_bad_row(NAN)), r"(?i)nan.*row 3"),
    "NaN in a context": (
        lambda: models.Density(flows.maf(4, 4)).check_data(torch.zeros(5, 4), with_bad_row(NAN)),
        r"Expected finite context; got NaN or inf in 1 row\(s\), first in row 3",
    ),
    "empty data set": (lambda: loss(vae(), torch.zeros(0, 4)), r"Expected at least one row of x; got an empty tensor"),
    "empty data set, evidence": (
        lambda: infer.log_evidence(vae().model, vae().guide, torch.zeros(0, 4)),
        r"Expected at least one row of x; got an empty tensor\. Pass data\.",
    ),
    "data of the wrong width": (
        lambda: loss(vae(), torch.zeros(5, 3)),
        r"Expected x of shape \(num_rows, 4\); got \(5, 3\)\. Give one datum a row\.",
    ),
    "fewer contexts than rows": (
        lambda: models.Density(flows.maf(4, 2)).check_data(torch.zeros(5, 4), torch.zeros(3, 2)),
        r"Expected one context a row; got 3 for 5 rows\.",
    ),
    "size below the batch": (
        lambda: loss(vae(), torch.zeros(5, 4), size=3),
        r"Expected size of at least 5, the rows of x; got 3\. Pass the data set's size\.",
    ),
    "latent and prior of different size": (
        lambda: vae(prior=flows.realnvp(3)),
        r"Expected prior and posterior over one latent; got a prior of \(3,\) and a posterior of \(2,\)\.",
    ),
    "likelihood of another latent": (
        lambda: vae(likelihood=Neural(nn.MLP(1, 4), heads.Bernoulli(4))),
        r"Expected a likelihood that takes z of shape \(2,\), or wider by the context; got context_shape \(1,\)\.",
    ),
    "two widths of context": (
        lambda: vae(context_dim=3, prior=flows.realnvp(2, 5)),
        r"Expected one width of context; got \[3, 5\]\.",
    ),
    **{
        f"{name} of {dim} features": (
            lambda build=build, dim=dim: build(dim),
            rf"Expected input_dim of at least 1; got {dim}\. Give the number of features of one event\.",
        )
        for name, build in FLOWS.items()
        for dim in (0, -1)
    },
    "flow without layers": (
        lambda: flows.maf(2, num_layers=0),
        r"Expected num_layers of at least 1; got 0\. Give a positive integer\.",
    ),
    "VAE without latents": (lambda: models.vae(4, 0), r"Expected latent_dim of at least 1; got 0\."),
    "negative context": (lambda: flows.maf(2, -1), r"Expected context_dim to be an integer of at least 0; got -1\."),
    "event of no size": (lambda: heads.Bernoulli(0), r"Expected event_shape of positive sizes; got \(0,\)\."),
    "one class": (lambda: heads.Categorical(1), r"Expected num_classes of at least 2; got 1\."),
    "one level": (
        lambda: models.Dequantized(flows.maf(2), num_levels=1),
        r"Expected num_levels of at least 2; got 1\.",
    ),
    "no scale": (lambda: transforms.Affine(max_log_scale=0.0), r"Expected max_log_scale > 0; got 0\.0\."),
    "net too narrow for its head": (
        lambda: Neural(nn.MLP(3, 5), heads.Normal(2))(torch.randn(4, 3)),
        r"Expected params of shape \(\*batch, 4\) for Normal\(event_shape=\(2,\)\); got \(4, 5\)\. Give the net",
    ),
    "net of unknown input": (
        lambda: Neural(torch.nn.Identity(), heads.Normal(2)),
        r"Expected a net with an attribute input_shape; got Identity\. Pass context_shape=\(\.\.\.\) to Neural\.",
    ),
    "fixed batch": (
        lambda: Fixed(dist.Normal(torch.zeros(3), 1.0)),
        r"Expected a distribution with batch_shape \(\); got \(3,\)\. .*distribution\.to_event\(1\)\.",
    ),
    "embedding for nothing": (
        lambda: Embedded(nn.MLP(3, 2), flows.maf(2)),
        r"Expected a conditional with a context; got an unconditional one\.",
    ),
    "base of another context": (
        lambda: Flow(flows.maf(2, 3).bijection, Neural(nn.MLP(4, 4), heads.Normal(2))),
        r"Expected a base with context_shape \(\) or \(3,\); got \(4,\)\. Base and bijection share one context\.",
    ),
    "no particles": (
        lambda: infer.log_evidence(vae().model, vae().guide, torch.zeros(5, 4), num_particles=0),
        r"Expected num_particles of at least 1; got 0\.",
    ),
    "no particles, ELBO": (lambda: infer.ReparameterizedELBO(0), r"Expected num_particles of at least 1; got 0\."),
    "no particles, divergence": (
        lambda: infer.ReverseKL(log_density, num_particles=0),
        r"Expected num_particles of at least 1; got 0\. Give how many draws to average\.",
    ),
    "negative temperature": (
        lambda: infer.ReverseKL(log_density, beta=-0.5),
        r"Expected beta of at least 0; got -0\.5\. 1 is the divergence from the density itself\.",
    ),
    "density that is not summed": (
        lambda: infer.fit_density(flows.realnvp(3), lambda x: -x.square(), num_steps=1),
        r"Expected one log-density a row, shape \(256,\), of rows of shape \(256, 3\); got \(256, 3\)\. Sum over",
    ),
    "density of one number": (
        lambda: infer.importance_diagnostics(flows.realnvp(3), lambda x: -x.square().sum()),
        r"Expected one log-density a row, shape \(10000,\), .*; got \(\)\.",
    ),
    "density of draws without gradients": (
        lambda: infer.ReverseKL(log_density)(Neural(nn.MLP(3, 3), heads.Categorical(3)))(torch.zeros(5, 3)),
        r"Expected a distribution with reparameterized draws; got Categorical without rsample\. Use a continuous",
    ),
    "fit of no steps": (
        lambda: infer.fit_density(flows.realnvp(2), log_density, num_steps=0),
        r"Expected num_steps of at least 1; got 0\.",
    ),
    "annealing without an end": (
        lambda: infer.fit_density(flows.realnvp(2), log_density, num_steps=10, anneal_steps=10),
        r"Expected anneal_steps of 0 \.\. 9; got 10\. Leave steps of num_steps at beta = 1\.",
    ),
    "no learning rate": (
        lambda: infer.fit_density(flows.realnvp(2), log_density, num_steps=1, lr=0.0),
        r"Expected lr > 0; got 0\.0\.",
    ),
    "nothing to fit": (
        lambda: infer.fit_density(Fixed(distributions.StandardNormal(2)), log_density, num_steps=1),
        r"Expected parameters to train; Fixed has none\. Pass a flow\.",
    ),
    "fit without the context": (
        lambda: infer.fit_density(flows.realnvp(2, 3), log_density, num_steps=1),
        r"Expected context of shape \(\*batch, 3\); got None\.",
    ),
    "too few draws for a tail": (
        lambda: infer.importance_diagnostics(flows.realnvp(2), log_density, num_samples=99),
        r"Expected num_samples of at least 100; got 99\.",
    ),
    "diagnosis of several contexts": (
        lambda: infer.importance_diagnostics(flows.realnvp(2, 3), log_density, context=torch.zeros(5, 3)),
        r"Expected one context; got a batch of shape \(5,\)\. Diagnose one context at a time\.",
    ),
    "logit of one": (
        lambda: transforms.LogitTransform(0.0).inverse_and_ladj(torch.tensor([[0.5, 1.0]])),
        r"Expected values inside the open interval \(0, 1\) of LogitTransform\(alpha=0\); got 1\. Dequantize the",
    ),
    "integers into a logit": (
        lambda: flows.extend(flows.maf(4), [transforms.LogitTransform()])().log_prob(torch.full((2, 4), 16.0)),
        r"Expected values inside the open interval .* of LogitTransform\(alpha=0\.05\); got 16\. Scale the data",
    ),
    "margin of a half": (
        lambda: transforms.LogitTransform(0.5),
        r"Expected alpha in \[0, 0\.5\); got 0\.5\. It is the",
    ),
    "noise of another width": (
        lambda: models.Dequantized(flows.maf(4), num_levels=4, guide=models.UniformDequantization(3)),
        r"Expected a guide over noise of shape \(4,\), that of the data; got \(3,\)\. Build both for the same data\.",
    ),
    "noise that sees no integers": (
        lambda: models.VariationalDequantization(flows.realnvp(4), num_levels=4),
        r"Expected a flow with a context; got an unconditional one\. Build it with context_dim",
    ),
    "missing data folder": (
        lambda: data.debd("nltcs", "no_such_folder"),
        r"Expected .*nltcs.*; got no such file\. Put ",
    ),
    "unknown data set": (lambda: data.debd("nltc", "no_such_folder"), r"nltcs"),
}


for family in FAMILIES:
    assert not CASES.keys() & family.CASES.keys(), f"two rows of one name in {family.__name__}"
    CASES |= family.CASES


@pytest.mark.parametrize("name", CASES)
def test_message(name):
    call, message = CASES[name]
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        call()


@pytest.mark.parametrize("build", [flows.nice, flows.realnvp, flows.maf, flows.iaf, flows.spline_coupling])
def test_one_feature_works(build):
    assert build(1)().rsample((5,)).shape == (5, 1)
    assert models.Density(build(1)).sample(3).shape == (3, 1)
    assert distributions.StandardNormal(1).sample().shape == (1,)
