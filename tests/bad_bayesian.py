"""Bad input to priors on parameters and to posteriors: a part of the table in tests/test_bad_input.py."""

import math

import pyro.distributions as dist
import torch
from pyro.infer import Predictive
from pyro.nn import PyroSample
from pyro.nn.module import to_pyro_module_

from pyrodgm import Fixed, Neural, distributions, flows, heads, infer, nn

NAN = math.nan


def net():
    return nn.MLP(2, 2, hidden_dims=(3,))


def bayes(prior=1.0):
    return infer.bayesian(Neural(net(), heads.Normal(1)), prior)


def fit(method=infer.map_estimate, prior=1.0, x=None, context=None, **kwargs):
    x = torch.zeros(5, 1) if x is None else x
    context = torch.zeros(5, 2) if context is None else context
    return method(bayes(prior), x, context, **({"num_steps": 1} | kwargs))


def negative():
    module = net()
    module.layers[0].weight.data.fill_(0.5)
    module.layers[0].weight.data[1, 0] = -0.25
    return module


def off_the_simplex():
    module = torch.nn.Linear(3, 1)
    module.weight.data.copy_(torch.tensor([[0.5, 0.5, 0.5]]))
    return module


def with_sample():
    module = torch.nn.Sequential(torch.nn.Linear(2, 2))
    to_pyro_module_(module)
    module[0].weight = PyroSample(dist.Normal(0.0, 1.0).expand([2, 2]).to_event(2))
    return module


def rows(bad, row):
    x = torch.zeros(5, bad)
    x[row] = NAN
    return x


def in_many_runs_at_once():
    likelihood = bayes()
    return Predictive(likelihood.model, num_samples=3, parallel=True)(None, torch.zeros(5, 2))


CASES = {
    "a prior whose support excludes a parameter": (
        lambda: infer.bayesian(negative(), {"layers.0.weight": dist.LogNormal(0.0, 1.0)}),
        r"Expected the value of 'layers\.0\.weight' in the support GreaterThan\(.*\) of its prior; got -0\.25\. Choo",
    ),
    "a prior over the simplex of what does not sum to one": (
        lambda: infer.bayesian(off_the_simplex(), {"weight": dist.Dirichlet(torch.ones(3))}),
        r"Expected the value of 'weight' in the support Simplex\(\) of its prior; got 0\.5\.",
    ),
    "a pattern that matches no parameter": (
        lambda: infer.bayesian(net(), {"*.wieght": 1.0, "*.bias": 1.0}),
        r"Expected patterns that match parameters; '\*\.wieght' matches none of \['layers\.0\.bias', .*whole names",
    ),
    "a prior without patterns": (
        lambda: infer.bayesian(net(), {}),
        r"Expected a prior for at least one parameter; got none for \['layers\.0\.bias',",
    ),
    "an empty pattern": (lambda: infer.bayesian(net(), {"": 1.0}), r"'' matches none of"),
    "a pattern behind a wider one": (
        lambda: infer.bayesian(net(), {"*": 1.0, "layers.0.*": 2.0}),
        r"'layers\.0\.\*' matches only what '\*', before it, takes\. Put the narrower pattern first\.",
    ),
    "a prior of no scale": (
        lambda: infer.bayesian(net(), 0.0),
        r"Expected a scale > 0 of the prior of 'layers\.0\.weight'; got 0\. math\.inf makes the prior flat\.",
    ),
    "a prior of a scale that is no number": (lambda: infer.bayesian(net(), NAN), r"Expected a scale > 0 .*got nan"),
    "a prior by name": (
        lambda: infer.bayesian(net(), "normal"),
        r"Expected a number, a distribution, a dict of these or a function as the prior; got str\.",
    ),
    "a prior of a pattern by name": (
        lambda: infer.bayesian(net(), {"*": "normal"}),
        r"Expected a number or a distribution as the prior of 'layers\.0\.weight'; got str\.",
    ),
    "a prior over integers": (
        lambda: infer.bayesian(net(), dist.Poisson(3.0)),
        r"Expected a continuous prior of 'layers\.0\.weight'; got Poisson\. Weights are real numbers\.",
    ),
    "a prior of another shape": (
        lambda: infer.bayesian(net(), {"layers.0.weight": dist.Normal(torch.zeros(5), 1.0)}),
        r"Expected a prior that fits 'layers\.0\.weight' of shape \(3, 2\); got Normal of batch_shape \(5,\) and event",
    ),
    "a prior of nothing": (
        lambda: infer.bayesian(Fixed(distributions.StandardNormal(2)), 1.0),
        r"Expected a module with parameters; Fixed has none that require a gradient\. Pass one with weights\.",
    ),
    "a PyroSample in a network": (
        lambda: infer.bayesian(with_sample(), 1.0),
        r"Expected parameters; got the PyroSample 'weight' in PyroLinear, in .*Sequential\. Networks may run when",
    ),
    "a PyroSample in a conditional": (
        lambda: Neural(with_sample(), heads.Normal(1), context_shape=(2,))(torch.zeros(5, 2)),
        r"Expected parameters; got the PyroSample 'weight' in PyroLinear, in Neural\. .*infer\.bayesian\(module",
    ),
    "weights of many runs at once": (
        in_many_runs_at_once,
        r"Expected one value of shape \(3, 2\) at site 'net\.layers\.0\.weight'; got \(3, 1, 3, 2\)\. Take runs one",
    ),
    "initializing a Bayesian component": (
        lambda: bayes().initialize(torch.zeros(5, 1), torch.zeros(5, 2)),
        r"Expected a component set from data before; got a Bayesian one\. Initialize, then bayesian\(\)\.",
    ),
    "NaN in the data of a posterior": (lambda: fit(x=rows(1, 3)), r"Expected finite x; got NaN or inf .*row 3"),
    "NaN in the context of a posterior": (lambda: fit(context=rows(2, 2)), r"Expected finite context; .*row 2"),
    "no data for a posterior": (lambda: fit(x=torch.zeros(0, 1)), r"Expected at least one row of x"),
    "fewer contexts than rows of a posterior": (
        lambda: fit(context=torch.zeros(3, 2)),
        r"Expected one context a row; got 3 for 5 rows\.",
    ),
    "contexts of another width for a posterior": (
        lambda: fit(context=torch.zeros(5, 3)),
        r"Expected context of shape \(\*batch, 2\); got \(5, 3\)\.",
    ),
    "values outside of a posterior's likelihood": (
        lambda: infer.map_estimate(
            infer.bayesian(Neural(net(), heads.Bernoulli(2)), 1.0), torch.full((5, 2), 0.5), torch.zeros(5, 2)
        ),
        r"Expected x in the support Boolean\(\) of Bernoulli; got 0\.5 in row 0\.",
    ),
    "a posterior of no steps": (lambda: fit(num_steps=0), r"Expected num_steps of at least 1; got 0\."),
    "a posterior of no step size": (lambda: fit(lr=0.0), r"Expected lr > 0; got 0\.0\."),
    "a posterior of empty batches": (lambda: fit(batch_size=0), r"Expected batch_size of at least 1; got 0\."),
    "a mean field of no particles": (
        lambda: fit(infer.mean_field, num_particles=0),
        r"Expected num_particles of at least 1; got 0\.",
    ),
    "a mean field of no scale": (
        lambda: fit(infer.mean_field, initial_scale=0.0),
        r"Expected initial_scale > 0; got 0\.0\.",
    ),
    "a covariance of no rank": (
        lambda: fit(infer.low_rank, rank=0),
        r"Expected rank of at least 1; got 0\. mean_field",
    ),
    "a flow over other weights": (
        lambda: fit(infer.flow_posterior, flow=flows.realnvp(3)),
        r"Expected an unconditional flow over \(17,\), the weights; got event_shape \(3,\) and context_shape \(\)\.",
    ),
    "a posterior of unknown structure": (
        lambda: fit(infer.laplace, structure="kron"),
        r"'diagonal' or 'full'; got 'kron'",
    ),
    "a posterior of unknown curvature": (
        lambda: fit(infer.laplace, curvature="ggn"),
        r"'hessian' or 'fisher'; got 'ggn'",
    ),
    "a full matrix of many weights": (
        lambda: infer.laplace(
            infer.bayesian(Neural(nn.MLP(80, 2, hidden_dims=(64,)), heads.Normal(1)), 1.0),
            torch.zeros(5, 1),
            torch.zeros(5, 80),
            structure="full",
        ),
        r"Expected at most 5000 weights for a full matrix; got 5314\. Use structure='diagonal'\.",
    ),
    "a curvature that is not positive": (
        lambda: fit(infer.laplace, math.inf),
        r"Expected a positive curvature in every direction; got -?[0-9.e-]+ in one\. The mode may not have been",
    ),
    "a flat prior that data do not fill": (
        lambda: fit(infer.laplace, math.inf, curvature="fisher"),
        r"Expected a positive curvature in every direction; got 0 in one\. Data do not fix every weight: put a proper",
    ),
    "chains of too few draws": (
        lambda: infer.nuts(bayes(), torch.zeros(5, 1), torch.zeros(5, 2), num_samples=3),
        r"Expected num_samples of at least 4; got 3\.",
    ),
    "no chains": (
        lambda: infer.nuts(bayes(), torch.zeros(5, 1), torch.zeros(5, 2), num_chains=0),
        r"Expected num_chains and max_tree_depth of at least 1; got 0 and 10\.",
    ),
    "an ensemble of nobody": (
        lambda: fit(infer.ensemble, num_members=0),
        r"Expected num_members of at least 1; got 0\.",
    ),
    "an ensemble of other components": (
        lambda: fit(infer.ensemble, num_members=2, build=net),
        r"Expected build\(\) to make the component anew; it has no 'net\.layers\.0\.weight' of the same shape\.",
    ),
    "a predictive density of no draws": (
        lambda: infer.predictive(fit(), torch.zeros(5, 2), num_draws=0),
        r"Expected num_draws of at least 1; got 0\.",
    ),
    "a predictive density without its context": (
        lambda: infer.predictive(fit()),
        r"Expected context of shape \(\*batch, 2\); got None\.",
    ),
    "the evidence by a point": (
        lambda: infer.evidence(fit(), torch.zeros(5, 1), torch.zeros(5, 2)),
        r"Expected a posterior with a density; MAPEstimate has none\. Use laplace, mean_field, low_rank or flow_post",
    ),
    "the evidence under a flat prior": (
        lambda: infer.evidence(fit(infer.mean_field, math.inf), torch.zeros(5, 1), torch.zeros(5, 2)),
        r"Expected a proper prior; got a flat one, under which data have no probability\.",
    ),
    "the evidence by one draw": (
        lambda: infer.evidence(fit(infer.mean_field), torch.zeros(5, 1), torch.zeros(5, 2), num_draws=1),
        r"Expected num_draws of at least 2; got 1\.",
    ),
    "a draw of a flat prior": (
        lambda: bayes(math.inf)(torch.zeros(5, 2)),
        r"Expected a proper prior to draw 'net\.layers\.0\.weight' from; got a flat one\. Give it a scale\.",
    ),
}
