"""Bad input to priors, posteriors, hierarchies and imputation: a part of the table in tests/test_bad_input.py."""

import torch

from pyrodgm import Fixed, Neural, distributions, flows, heads, infer, models, nn, plots, priors
from pyrodgm import autoregressive as ar


def normal(width, latent_dim):
    return Neural(nn.MLP(width, 2 * latent_dim, hidden_dims=(4,)), heads.Normal(latent_dim))


def standard(latent_dim):
    return Fixed(distributions.StandardNormal(latent_dim))


def hierarchy(prior=None, conditionals=None, likelihood=None, posteriors=None, **kwargs):
    return models.HierarchicalVAE(
        prior or standard(2),
        [normal(2, 3)] if conditionals is None else conditionals,
        likelihood or Neural(nn.MLP(3, 4, hidden_dims=(4,)), heads.Bernoulli(4)),
        posteriors or [normal(4, 3), normal(3, 2)],
        **kwargs,
    )


def impute(x, observed=None, vae=None, **kwargs):
    vae = vae or models.vae(4, 2, hidden_dims=(8,))
    return infer.impute(vae.model, vae.guide, x, observed, **kwargs)


def vector_vae(input_dim, latent_dim):
    return models.vae(input_dim, latent_dim, hidden_dims=(4,), likelihood=normal(latent_dim, input_dim))


def with_nan():
    x = torch.zeros(5, 4)
    x[3, 1] = torch.nan
    return x


def autoregressive_vae():
    return models.vae(4, 2, likelihood=ar.Autoregressive(nn.MaskedMLP(4, 1, context_dim=2), heads.Bernoulli()))


CASES = {
    "pseudo-inputs of a wrong shape": (
        lambda: priors.VampPrior(normal(4, 2), 3, data=torch.zeros(5, 6)),
        r"Expected data of shape \(num_rows, 4\), the posterior's inputs; got \(5, 6\)\. Give one input a row\.",
    ),
    "pseudo-inputs of one row": (
        lambda: priors.VampPrior(normal(4, 2), 1, data=torch.zeros(4)),
        r"Expected data of shape \(num_rows, 4\), the posterior's inputs; got \(4,\)\.",
    ),
    "pseudo-inputs of no image": (
        lambda: priors.VampPrior(Neural(nn.ConvEncoder((1, 4, 4), 4), heads.Normal(2)), 3, data=torch.zeros(5, 16)),
        r"Expected data of shape \(num_rows, 1, 4, 4\), the posterior's inputs; got \(5, 16\)\.",
    ),
    "fewer rows than pseudo-inputs": (
        lambda: priors.VampPrior(normal(4, 2), 6, data=torch.zeros(5, 4)),
        r"Expected at least num_components=6 rows of data; got 5\. Pass more rows, or ask for fewer components\.",
    ),
    "pseudo-inputs of NaN": (
        lambda: priors.VampPrior(normal(4, 2), 2, data=with_nan()),
        r"Expected finite data; got NaN or inf\. Remove such rows\.",
    ),
    "no pseudo-inputs": (
        lambda: priors.VampPrior(normal(4, 2), 0),
        r"Expected num_components of at least 1; got 0\.",
    ),
    "VampPrior of a prior": (
        lambda: priors.VampPrior(standard(2), 3),
        r"Expected a posterior q\(z \| x\); got Fixed, which takes no context\. Pass the VAE's posterior\.",
    ),
    "VampPrior of another latent": (
        lambda: models.vae(4, 2, prior=priors.VampPrior(normal(4, 3), 3)),
        r"Expected prior and posterior over one latent; got a prior of \(3,\) and a posterior of \(2,\)\.",
    ),
    "VampPrior of another encoder": (
        lambda: models.vae(4, 2, prior=priors.VampPrior(normal(4, 2), 3)),
        r"Expected a VampPrior of the model's own posterior; got one of another encoder, which .* nor save\. Build it",
    ),
    "VampPrior of a layer below": (
        lambda: hierarchy(prior=priors.VampPrior(normal(3, 2), 3)),
        r"Expected a VampPrior of the model's own posterior; got one of another encoder",
    ),
    "a prior and pseudo-inputs": (
        lambda: models.vae(4, 2, prior=standard(2), num_pseudo_inputs=3),
        r"Expected a prior or num_pseudo_inputs; got Fixed and 3\. Leave one out\.",
    ),
    "fewer rows than an aggregated posterior has": (
        lambda: priors.AggregatedPosterior(normal(4, 2), torch.zeros(5, 4), 6),
        r"Expected at least num_components=6 rows of data; got 5\.",
    ),
    "aggregated posterior of nothing": (
        lambda: priors.AggregatedPosterior(normal(4, 2), torch.zeros(0, 4)),
        r"Expected num_components of at least 1; got 0\.",
    ),
    "mixture prior without latents": (
        lambda: priors.MixturePrior(0, 3),
        r"Expected latent_dim to be an integer of at least 1; got 0\.",
    ),
    "mixture prior without components": (
        lambda: priors.MixturePrior(2, 0),
        r"Expected num_components of at least 1; got 0\.",
    ),
    "weights of other components than means": (
        lambda: distributions.DiagonalNormalMixture(torch.zeros(3), torch.zeros(4, 2), torch.ones(4, 2)),
        r"Expected loc of shape \(\*batch, 3, num_features\), .*; got \(4, 2\)\. Give as many weights as means\.",
    ),
    "covariance of no feature": (
        lambda: heads.MultivariateNormal(0),
        r"Expected num_features to be an integer of at least 1; got 0\.",
    ),
    "covariance of no rank": (
        lambda: heads.LowRankNormal(2, 0),
        r"Expected rank to be an integer of at least 1; got 0\.",
    ),
    "negative free bits": (
        lambda: infer.ReparameterizedELBO(free_bits=-1.0),
        r"Expected free_bits of at least 0; got -1\.0\. 0 leaves the bound as it is\.",
    ),
    "latents that disagree at the top": (
        lambda: hierarchy(prior=standard(5)),
        r"Expected one size of z_1 in model and guide; got \(5,\) from the model and \(2,\) from its posterior\.",
    ),
    "latents that disagree below": (
        lambda: hierarchy(conditionals=[normal(2, 5)]),
        r"Expected one size of z_0 in model and guide; got \(5,\) from the model and \(3,\) from its posterior\.",
    ),
    "conditional of another latent": (
        lambda: hierarchy(conditionals=[normal(1, 3)]),
        r"Expected a conditional of z_0 that takes z_1 of shape \(2,\), or wider by the context; got .*\(1,\)\.",
    ),
    "likelihood of another layer": (
        lambda: hierarchy(likelihood=Neural(nn.MLP(2, 4), heads.Bernoulli(4))),
        r"Expected a likelihood that takes z_0 of shape \(3,\), or wider by the context; got context_shape \(2,\)\.",
    ),
    "posterior of the layer above": (
        lambda: hierarchy(posteriors=[normal(4, 3), normal(2, 2)]),
        r"Expected a posterior of z_1 that takes z_0 of shape \(3,\), or wider by the context; got .*\(2,\)\.",
    ),
    "top-down posterior without room for the layer above": (
        lambda: hierarchy(posteriors=[normal(5, 3), normal(4, 2)], inference="top_down"),
        r"Expected a posterior of z_0 that takes x and z_1, 4 \+ 2 wide; got 5\. Build it wide enough, or choose",
    ),
    "two widths of context in a hierarchy": (
        lambda: hierarchy(prior=flows.realnvp(2, 3), posteriors=[normal(5, 3), normal(3, 2)]),
        r"Expected one width of context; got \[1, 3\]\. Build all with one context\.",
    ),
    "fewer conditionals than layers": (
        lambda: hierarchy(conditionals=[]),
        r"Expected one conditional fewer than posteriors; got 0 and 2\.",
    ),
    "unknown inference": (
        lambda: hierarchy(inference="sideways"),
        r"Expected inference to be one of bottom_up, top_down, ladder; got 'sideways'\.",
    ),
    "ladder without normals": (
        lambda: hierarchy(
            posteriors=[Neural(nn.MLP(4, 9), heads.MultivariateNormal(3)), normal(4, 2)], inference="ladder"
        ).guide(torch.zeros(5, 4)),
        r"Expected diagonal normals for ladder inference; got MultivariateNormal\. Use heads\.Normal, or",
    ),
    "context missing in a hierarchy": (
        lambda: models.hierarchical_vae(4, (3, 2), context_dim=2, inference="top_down").guide(torch.zeros(5, 4)),
        r"Expected a context of shape \(num_rows, 2\); got None\. Pass the context\.",
    ),
    "context missing beside the layer above": (
        lambda: hierarchy(posteriors=[normal(8, 3), normal(4, 2)], inference="top_down").guide(torch.zeros(5, 4)),
        r"Expected a context of shape \(num_rows, 2\); got None\. Pass the context\.",
    ),
    "hierarchy of no layer": (
        lambda: models.hierarchical_vae(4, ()),
        r"Expected at least one layer; got latent_dims=\(\)\.",
    ),
    "hierarchy with an empty layer": (
        lambda: models.hierarchical_vae(4, (2, 0)),
        r"Expected latent_dim of at least 1; got 0\.",
    ),
    "hierarchy with a prior and pseudo-inputs": (
        lambda: models.hierarchical_vae(4, (3, 2), prior=standard(2), num_pseudo_inputs=3),
        r"Expected a prior or num_pseudo_inputs; got Fixed and 3\.",
    ),
    "stack of nothing": (
        lambda: models.HierarchicalVAE.from_stack([]),
        r"Expected at least one VAE; got none\. Train the first on the data\.",
    ),
    "stack that does not fit": (
        lambda: models.HierarchicalVAE.from_stack([models.vae(6, 3), vector_vae(4, 2)]),
        r"Expected VAE 1 to model the latents of VAE 0, of shape \(3,\); got \(4,\)\. Train it on encodings\.",
    ),
    "NaN among observed values": (
        lambda: impute(with_nan(), torch.ones(4, dtype=torch.bool)),
        r"Expected observed values that are numbers; got NaN in 1 row\(s\), first in row 3\. Mark these as missing\.",
    ),
    "mask of another width": (
        lambda: impute(torch.zeros(5, 4), torch.ones(5, 3, dtype=torch.bool)),
        r"Expected observed of dtype bool and shape \(5, 4\), or one that expands to it; got torch\.bool and \(5, 3\)",
    ),
    "mask of numbers": (
        lambda: impute(torch.zeros(5, 4), torch.ones(5, 4)),
        r"Expected observed of dtype bool and shape \(5, 4\), or one that expands to it; got torch\.float64",
    ),
    "nothing to impute": (
        lambda: impute(torch.zeros(0, 4)),
        r"Expected at least one row of x; got an empty tensor\. Pass data\.",
    ),
    "imputation by an unknown method": (
        lambda: impute(torch.zeros(5, 4), method="mean"),
        r"Expected method to be one of gibbs, importance; got 'mean'\.",
    ),
    "no step of imputation": (
        lambda: impute(torch.zeros(5, 4), num_steps=0),
        r"Expected num_steps of at least 1; got 0\. Give the length of the chain\.",
    ),
    "no particle of imputation": (
        lambda: impute(torch.zeros(5, 4), method="importance", num_particles=0),
        r"Expected num_particles of at least 1; got 0\.",
    ),
    "importance weights of an autoregressive likelihood": (
        lambda: impute(with_nan(), vae=autoregressive_vae(), method="importance", num_steps=0),
        r"Expected a likelihood that is independent over the values of x; got AutoregressiveDistribution\. Use method",
    ),
    "observed values outside of the support": (
        lambda: impute(torch.full((5, 4), 0.5), torch.tensor([True, True, False, False])),
        r"Expected x in the support Boolean\(\) of Bernoulli; got 0\.5 in row 0\.",
    ),
    "picture of no model's posteriors": (
        lambda: plots.aggregated_posterior({}),
        r"Expected draws of a model, and resolution >= 2; got \[\] and 100\.",
    ),
    "picture of two latent spaces": (
        lambda: plots.aggregated_posterior({"a": (torch.zeros(5, 3), torch.zeros(5, 2))}),
        r"Expected draws of shape \(num >= 2, latent_dim\) of posteriors and prior for 'a'; got \(5, 3\) and \(5, 2",
    ),
    "picture of one latent variable": (
        lambda: plots.aggregated_posterior({"a": (torch.zeros(5, 1), torch.zeros(5, 1))}),
        r"Expected two of the latent variables of 'a'; got None of 1\.",
    ),
    "picture of latent variables that are not there": (
        lambda: plots.aggregated_posterior({"a": (torch.zeros(5, 3), torch.zeros(5, 3))}, dims=(0, 3)),
        r"Expected two of the latent variables of 'a'; got \(0, 3\) of 3\.",
    ),
}
