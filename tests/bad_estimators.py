"""Bad input to objectives and estimators of latent-variable models: a part of the table in tests/test_bad_input.py."""

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule

from pyrodgm import Fixed, Neural, flows, heads, infer, models, nn

X = torch.zeros(5, 4, dtype=torch.float64)  # as in the tests, which set it after this file is read


def pair(**kwargs):
    vae = models.vae(4, 2, hidden_dims=(8,), **kwargs)
    return vae.model, vae.guide


def program(latent, num_latent=None, scale=1.0, **kwargs):
    """A program with one latent site, of rows or of another number, and an observed one."""

    class Program(PyroModule):
        def forward(self, x):
            with pyro.poutine.scale(scale=scale), pyro.plate("data", num_latent or len(x), dim=-1):
                pyro.sample("z", latent, **kwargs)
            with pyro.plate("rows", len(x), dim=-1):
                pyro.sample("x", dist.Normal(torch.zeros(()), 1.0), obs=x.sum(-1))

    return Program()


def guide_of(latent, **kwargs):
    return pyro.poutine.block(program(latent, **kwargs), hide=["x"])


NORMAL = dist.Normal(X[0, 0], 1.0)


def annealed(model, **kwargs):
    return infer.annealed_log_evidence(model, X, num_steps=2, num_chains=2, **kwargs)


CASES = {
    "no draws of many": (
        lambda: infer.ImportanceWeightedELBO(0),
        r"Expected num_particles of at least 1; got 0\. Give a positive number\.",
    ),
    "negative order": (
        lambda: infer.ImportanceWeightedELBO(alpha=-0.5),
        r"Expected alpha of at least 0; got -0\.5\. Below 0 there is no lower bound\.",
    ),
    "order that is no number": (
        lambda: infer.ImportanceWeightedELBO(alpha=float("nan")),
        r"Expected alpha of at least 0; got nan\.",
    ),
    "unknown gradient": (
        lambda: infer.ImportanceWeightedELBO(gradient="dreg"),
        r"Expected gradient among \('reparameterized', .*\); got 'dreg'\. Choose one\.",
    ),
    "doubly reparameterized Renyi": (
        lambda: infer.ImportanceWeightedELBO(alpha=0.5, gradient="doubly_reparameterized"),
        r"Expected alpha=0 with a doubly reparameterized gradient; got 0\.5\. Take the reparameterized gradient",
    ),
    **{
        f"discrete guide, {gradient}": (
            lambda gradient=gradient: infer.ImportanceWeightedELBO(3, gradient=gradient).differentiable_loss(
                program(dist.Bernoulli(0.5)), guide_of(dist.Bernoulli(torch.tensor(0.5, requires_grad=True))), X
            ),
            r"Expected reparameterized draws at site 'z'; got Bernoulli without rsample\. Use infer\.ScoreFunctionELBO",
        )
        for gradient in ("reparameterized", "sticking_the_landing")
    },
    "held parameters of a function": (
        lambda: infer.ImportanceWeightedELBO(gradient="sticking_the_landing").differentiable_loss(
            program(NORMAL), guide_of(NORMAL), X
        ),
        r"Expected a guide that is a module, to hold its parameters; got .*\. Write it as a PyroModule",
    ),
    **{
        f"two scales, {type(objective).__name__}": (
            lambda objective=objective: objective.differentiable_loss(
                program(NORMAL, scale=0.5), guide_of(NORMAL, scale=0.5), X
            ),
            r"Expected one scale for all sites of a datum; got 1\.0 at site 'x' after 0\.5\. Give model and guide one",
        )
        for objective in (infer.ImportanceWeightedELBO(2), infer.ScoreFunctionELBO(2))
    },
    **{
        f"latent out of the plate, {name}": (
            lambda call=call: call(program(NORMAL, num_latent=3), guide_of(NORMAL, num_latent=3)),
            r"Expected site 'z' inside the plate 'data' of 5 rows, and no other; got log-densities of shape \([26], 3",
        )
        for name, call in {
            "bound of many draws": lambda p, q: infer.ImportanceWeightedELBO(2).differentiable_loss(p, q, X),
            "score function": lambda p, q: infer.ScoreFunctionELBO(2).differentiable_loss(p, q, X),
            "naive": lambda p, q: infer.naive_monte_carlo(p, X, num_samples=2),
            "annealed": lambda p, q: annealed(p),
            "gap": lambda p, q: infer.inference_gap(p, q, X, num_particles=2),
            "surgery": lambda p, q: infer.elbo_surgery(p, q, X, num_particles=2),
        }.items()
    },
    **{
        f"guide without a twin, {name}": (
            lambda call=call: call(program(NORMAL), lambda x: None),
            r"Expected a guide for every latent site of the model; got none for \['z'\]\.",
        )
        for name, call in {
            "bound of many draws": lambda p, q: infer.ImportanceWeightedELBO(2).differentiable_loss(p, q, X),
            "score function": lambda p, q: infer.ScoreFunctionELBO(2).differentiable_loss(p, q, X),
            "annealed": lambda p, q: annealed(p, guide=q),
            "surgery": lambda p, q: infer.elbo_surgery(p, q, X),
        }.items()
    },
    "no draws, scores": (lambda: infer.ScoreFunctionELBO(0), r"Expected num_particles of at least 1; got 0\."),
    "leaving out the only draw": (
        lambda: infer.ScoreFunctionELBO(baseline="leave_one_out"),
        r"Expected num_particles of at least 2 with baseline='leave_one_out'; got 1\. Draw more\.",
    ),
    "unknown baseline": (
        lambda: infer.ScoreFunctionELBO(baseline="mean"),
        r"Expected baseline None, 'average' or 'leave_one_out'; got 'mean'\. Choose one\.",
    ),
    "variance of one gradient": (
        lambda: infer.gradient_variance(*pair(), X, num_samples=1),
        r"Expected num_samples of at least 2; got 1\. A variance takes two\.",
    ),
    "no objectives": (
        lambda: infer.gradient_variance(*pair(), X, objectives={}),
        r"Expected at least one objective; got none\. Leave objectives out for the usual ones\.",
    ),
    "gradients of nothing": (
        lambda: infer.gradient_variance(program(NORMAL), program(NORMAL), X),
        r"Expected a guide with parameters to train; Program has none\.",
    ),
    "no draws of the prior": (
        lambda: infer.naive_monte_carlo(pair()[0], X, num_samples=0),
        r"Expected num_samples of at least 1; got 0\.",
    ),
    "no data, naive": (
        lambda: infer.naive_monte_carlo(pair()[0], X[:0]),
        r"Expected at least one row of x; got an empty tensor\. Pass data\.",
    ),
    "no data, annealed": (
        lambda: infer.annealed_log_evidence(pair()[0], X[:0]),
        r"Expected at least one row of x; got an empty tensor\. Pass data\.",
    ),
    **{
        f"no {name}": (
            lambda name=name: infer.annealed_log_evidence(pair()[0], X, **{name: 0}),
            rf"Expected {name} of at least 1; got 0\.",
        )
        for name in ("num_steps", "num_chains", "num_leapfrog")
    },
    "chains that stand still": (
        lambda: infer.annealed_log_evidence(pair()[0], X, step_size=0.0),
        r"Expected step_size > 0; got 0\.0\. It is where the search for one starts\.",
    ),
    **{
        f"chains over {kind}": (
            lambda latent=latent: annealed(program(latent)),
            rf"Expected real-valued latent sites; got site 'z' of {kind} with support .*use infer\.log_evidence\.",
        )
        for kind, latent in {
            "Bernoulli": dist.Bernoulli(0.5),
            "Gamma": dist.Gamma(2.0, 1.0),
            "Uniform": dist.Uniform(-1.0, 1.0),
            "Dirichlet": dist.Dirichlet(torch.ones(3)),
            "Categorical": dist.Categorical(torch.ones(3)),
        }.items()
    },
    "chains without latents": (
        lambda: annealed(models.Density(flows.maf(4)).model),
        r"Expected a model with latent sites; got none\. Its log-density is the evidence\.",
    ),
    "chains from a guide with a part of its own": (
        lambda: annealed(program(NORMAL), guide=guide_of(NORMAL, infer={"is_auxiliary": True})),
        r"Expected a guide without auxiliary sites; got 'z'\. Start from the prior: guide=None\.",
    ),
    "nothing to refine": (
        lambda: infer.SemiAmortized(models.vae(4, 2, posterior=flows.iaf(2, 4))),
        r"Expected a posterior of Neural\(net, head\) or Embedded\(net, conditional\); got Flow\. The net's output is",
    ),
    "refining without gradients": (
        lambda: infer.SemiAmortized(
            models.vae(4, 2, prior=bits(), posterior=Neural(nn.MLP(4, 2), heads.Bernoulli(2)))
        ).refine(X),
        r"Expected a posterior with reparameterized draws; got .* without rsample\. Use a continuous one\.",
    ),
    "refining in no steps": (
        lambda: infer.SemiAmortized(models.vae(4, 2), num_steps=0),
        r"Expected num_steps of at least 1; got 0\.",
    ),
    "refining by no draws": (
        lambda: infer.SemiAmortized(models.vae(4, 2), num_particles=0),
        r"Expected num_particles of at least 1; got 0\.",
    ),
    "refining at no rate": (
        lambda: infer.SemiAmortized(models.vae(4, 2), lr=0.0),
        r"Expected lr > 0; got 0\.0\. It is the rate of Adam at the start\.",
    ),
    "refining other data": (
        lambda: infer.SemiAmortized(models.vae(4, 2))(torch.zeros(5, 3)),
        r"Expected x of shape \(num_rows, 4\); got \(5, 3\)\.",
    ),
    "gap of one datum": (
        lambda: infer.inference_gap(*pair(), X[:1]),
        r"Expected at least two rows of x; got 1\. A standard error takes two\.",
    ),
    "gap without draws": (
        lambda: infer.inference_gap(*pair(), X, num_particles=0),
        r"Expected num_particles of at least 1; got 0\.",
    ),
    "evidence of other data": (
        lambda: infer.inference_gap(*pair(), X, evidence=torch.zeros(4)),
        r"Expected evidence of shape \(5,\), one number a row of x; got \(4,\)\. Estimate it for the same data\.",
    ),
    "surgery on one datum": (
        lambda: infer.elbo_surgery(*pair(), X[:1]),
        r"Expected at least two rows of x; got 1\. A single posterior has no average\.",
    ),
    "surgery without latents": (
        lambda: infer.elbo_surgery(*density(), X),
        r"Expected a guide that samples latent variables; got none\. There is no bound to take apart\.",
    ),
    **{
        f"surgery with no {name}": (
            lambda name=name: infer.elbo_surgery(*pair(), X, **{name: 0}),
            rf"Expected {name} of at least 1; got 0\.",
        )
        for name in ("num_particles", "num_components", "batch_size", "max_pairs")
    },
}


def density():
    found = models.Density(flows.maf(4))
    return found.model, found.guide


def bits():
    return Fixed(dist.Bernoulli(torch.full((2,), 0.5)).to_event(1))
