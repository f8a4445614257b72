"""Bad input to likelihood-free learning: a part of the table in tests/test_bad_input.py."""

import pyro.distributions as dist
import torch

from pyrodgm import Fixed, Neural, distributions, heads, nn
from pyrodgm import likelihood_free as lf


def prior(latent_dim=3):
    return Fixed(distributions.StandardNormal(latent_dim))


def gan(context_dim=0, **kwargs):
    generator = Neural(nn.MLP(3 + context_dim, 4, hidden_dims=(4,)), heads.Delta(4))
    return lf.GAN(prior(), generator, nn.MLP(4, 1, hidden_dims=(4,), context_dim=context_dim), **kwargs)


def pictures(last):
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), last())
    return lf.GAN(prior(), Neural(net, heads.Delta((1, 2, 2))), torch.nn.Sequential(torch.nn.Flatten(), nn.MLP(4, 1)))


def train(one=None, game=None, x=None, num_steps=1, **kwargs):
    one, x = gan() if one is None else one, torch.zeros(8, 4) if x is None else x
    return lf.train(one, lf.Hinge() if game is None else game, x, num_steps, **{"batch_size": 4} | kwargs)


def with_nan():
    x = torch.zeros(8, 4)
    x[3, 1] = torch.nan
    return x


def autoencoder(prior_dim=3, likelihood_dim=3, datum_dim=4):
    return lf.AdversarialAutoencoder(
        prior(prior_dim),
        Neural(nn.MLP(likelihood_dim, 4), heads.Bernoulli(4)),
        Neural(nn.MLP(datum_dim, 6), heads.Normal(3)),
        nn.MLP(3, 1),
    )


CONDITIONAL = r"Expected labels as integers of shape \(5,\), or contexts \(5, 3\); got "

CASES = {
    "GAN, prior that is a bare distribution": (
        lambda: lf.GAN(distributions.StandardNormal(3), gan().generator, nn.MLP(4, 1)),
        r"Expected a prior without a context; got StandardNormal\. Wrap a distribution: Fixed\(distribution\)\.",
    ),
    "GAN, prior with a context": (
        lambda: lf.GAN(Neural(nn.MLP(2, 6), heads.Normal(3)), gan().generator, nn.MLP(4, 1)),
        r"Expected a prior without a context; got a Neural with context_shape \(2,\)\.",
    ),
    "GAN, generator that is a bare network": (
        lambda: lf.GAN(prior(), nn.MLP(3, 4), nn.MLP(4, 1)),
        r"Expected a generator that is a Conditional; got MLP\. Wrap a network: Neural\(net, heads\.Delta",
    ),
    "GAN, generator of another latent": (
        lambda: lf.GAN(prior(5), gan().generator, nn.MLP(4, 1)),
        r"Expected a generator that takes z of shape \(5,\), or wider by the context; got context_shape \(3,\)\.",
    ),
    "GAN, discriminator that is no module": (
        lambda: lf.GAN(prior(), gan().generator, lambda x: x.sum(1)),
        r"Expected a discriminator that is a torch module; got function\.",
    ),
    "GAN, decay of one": (lambda: gan(ema_decay=1.0), r"Expected ema_decay in \[0, 1\); got 1\.0\. Use 0\.999"),
    "GAN, draws without gradients": (
        lambda: lf.GAN(prior(), Neural(nn.MLP(3, 4), heads.Bernoulli(4)), nn.MLP(4, 1)).sample(5),
        r"Expected a generator whose draws carry gradients; got \w+ without rsample\. Give it a heads\.Delta",
    ),
    "GAN, two scores a row": (
        lambda: lf.GAN(prior(), gan().generator, nn.MLP(4, 2)).score(torch.zeros(5, 4)),
        r"Expected one score a row, shape \(5,\) or \(5, 1\); got \(5, 2\)\. Let the discriminator end in one output\.",
    ),
    "GAN, no discriminator to score": (
        lambda: lf.GAN(prior(), gan().generator).score(torch.zeros(5, 4)),
        r"Expected a GAN with a discriminator; got none\.",
    ),
    "GAN, no discriminator to train": (
        lambda: train(lf.GAN(prior(), gan().generator)),
        r"Expected a GAN with a discriminator for Hinge; got none\.",
    ),
    "pictures of 0 .. 255 for a tanh": (
        lambda: train(pictures(torch.nn.Tanh), x=torch.arange(32.0).reshape(8, 1, 2, 2) * 255 / 31),
        r"Expected data in the generator's range, -1 to 1; got values from 0 to 255\. Scale the data",
    ),
    "pictures below zero for a sigmoid": (
        lambda: train(pictures(torch.nn.Sigmoid), x=torch.linspace(-1, 1, 32).reshape(8, 1, 2, 2)),
        r"Expected data in the generator's range, 0 to 1; got values from -1 to 1\. Scale the data",
    ),
    "data outside of a range that was given": (
        lambda: train(gan(value_range=(0.0, 0.5)), x=torch.ones(8, 4)),
        r"Expected data in the generator's range, 0 to 0\.5; got values from 1 to 1\.",
    ),
    "data of the generator's other shape": (
        lambda: train(pictures(torch.nn.Tanh)),
        r"Expected data of shape \(num_rows, 1, 2, 2\); got \(8, 4\)\. Give one datum a row\.",
    ),
    "GAN, NaN in data": (lambda: train(x=with_nan()), r"Expected finite data; got NaN or inf in 1 row\(s\), .* row 3"),
    "GAN, empty data": (lambda: train(x=torch.zeros(0, 4)), r"Expected at least one row of data; got an empty tensor"),
    "GAN, data that are no tensor": (
        lambda: train(x=torch.zeros(8, 4).numpy()),
        r"Expected data as a tensor; got ndarray\. Pass torch\.as_tensor",
    ),
    "GAN, regularizer outside a list": (
        lambda: train(regularizers=lf.R1(1.0)),
        r"Expected a list of regularizers; got R1 alone\. Write \[\.\.\.\]\.",
    ),
    "GAN, distribution over another event": (
        lambda: train(x=distributions.StandardNormal(3)),
        r"Expected a distribution over \(4,\); got batch_shape \(\) and event_shape \(3,\)\.",
    ),
    "GAN, labels outside the classes": (
        lambda: gan(3).sample(5, torch.tensor([0, 1, 3, 2, 1])),
        r"Expected labels from 0 to 2; got 3 in row 2\. Build the generator for more classes",
    ),
    "GAN, negative labels": (
        lambda: train(gan(3), labels=torch.tensor([0, -1, 1, 2, 0, 1, 2, 0])),
        r"Expected labels from 0 to 2; got -1 in row 1\.",
    ),
    "GAN, no labels": (lambda: gan(3).sample(5), r"Expected labels from 0 to 2, one a row, or contexts .*; got None\."),
    "GAN, labels for nothing": (
        lambda: gan().sample(5, torch.zeros(5, dtype=torch.long)),
        r"Expected no labels; got some of shape \(5,\)\. Build the generator for the latent and the number of classes",
    ),
    "GAN, fewer labels than rows": (lambda: gan(3).sample(5, torch.tensor([1, 2])), CONDITIONAL + r"torch\.int64"),
    "GAN, labels that are no integers": (lambda: gan(3).sample(5, torch.ones(5)), CONDITIONAL + r"torch\.float"),
    "GAN, labels of a distribution": (
        lambda: train(gan(3), x=distributions.StandardNormal(4)),
        r"Expected data as a tensor in a conditional GAN; got a distribution, which has no labels\.",
    ),
    "one row with minibatch statistics": (
        lambda: nn.MinibatchStandardDeviation()(torch.zeros(1, 4)),
        r"Expected a batch of at least 2 rows for its standard deviation; got shape \(1, 4\)\. Score several",
    ),
    "batch of one with minibatch statistics": (
        lambda: train(
            lf.GAN(prior(), gan().generator, torch.nn.Sequential(nn.MinibatchStandardDeviation(), nn.MLP(5, 1))),
            batch_size=1,
        ),
        r"Expected a batch of at least 2 rows for its standard deviation; got shape \(1, 4\)\.",
    ),
    "group of one": (
        lambda: nn.MinibatchStandardDeviation(1),
        r"Expected group_size to be an integer of at least 2; got 1\.",
    ),
    "groups that do not divide the batch": (
        lambda: nn.MinibatchStandardDeviation(4)(torch.zeros(6, 2)),
        r"Expected a batch that groups of 4 divide; got 6 rows\.",
    ),
    "packs that do not divide the batch": (
        lambda: train(lf.GAN(prior(), gan().generator, nn.MLP(12, 1)), lf.Packed(lf.Hinge(), 3), batch_size=7),
        r"Expected a batch that packs of 3 divide; got 7 rows\. Take batches of 6, or another size of packs\.",
    ),
    "packs of none": (lambda: lf.Packed(lf.Hinge(), 0), r"Expected size to be an integer of at least 1; got 0\."),
    "game that is a class": (lambda: train(game=lf.Hinge), r"Expected a game, such as NonSaturating\(\); got <class"),
    "pack of a class": (lambda: lf.Packed(lf.Hinge, 2), r"Expected a game, such as NonSaturating\(\); got <class"),
    "negative steps ahead": (
        lambda: lf.Unrolled(lf.Hinge(), -1),
        r"Expected steps to be an integer of at least 0; got -1\.",
    ),
    "steps ahead of no size": (lambda: lf.Unrolled(lf.Hinge(), 1, lr=0.0), r"Expected lr > 0; got 0\.0\. Leave it out"),
    "unrolled twice": (
        lambda: lf.Unrolled(lf.Packed(lf.Unrolled(lf.Hinge(), 1), 2), 1),
        r"Expected a game that is not unrolled already; got an Unrolled one\. Add up the steps\.",
    ),
    "unknown divergence": (lambda: lf.FDivergence("hellinger"), r"Expected divergence to be one of kl, .*; got 'hell"),
    "negative gradient penalty": (lambda: lf.GradientPenalty(-1.0), r"Expected weight of at least 0; got -1\.0\."),
    "penalty of NaN": (lambda: lf.R1(float("nan")), r"Expected weight of at least 0; got nan\."),
    "penalty between batches of different size": (
        lambda: lf.GradientPenalty(1.0)(nn.MLP(4, 1), torch.zeros(5, 4), torch.zeros(3, 4)),
        r"Expected as many fake as real data of one shape; got \(3, 4\) and \(5, 4\)\.",
    ),
    "clip to nothing": (lambda: lf.WeightClip(0.0), r"Expected limit > 0; got 0\.0\."),
    "negative noise": (lambda: lf.InstanceNoise(-0.1), r"Expected scale of at least 0; got -0\.1\."),
    "spectral norms of no size": (lambda: lf.SpectralNorm(0.0), r"Expected bound above 0; got 0\.0\."),
    "spectral norm of nothing": (
        lambda: lf.SpectralNorm().prepare(torch.nn.Tanh()),
        r"Expected a discriminator with linear or convolutional layers; Tanh has none\.",
    ),
    "spectral norm of zeros": (
        lambda: lf.SpectralNorm().prepare(nn.ConvNet(1, 1)),
        r"Expected weights that are not all 0; got such a layer at 'output_layer', whose largest singular value is 0",
    ),
    "GAN, no steps": (lambda: train(num_steps=0), r"Expected num_steps to be an integer of at least 1; got 0\."),
    "GAN, no batch": (lambda: train(batch_size=0), r"Expected batch_size to be an integer of at least 1; got 0\."),
    "GAN, no critic steps": (
        lambda: train(num_critic_steps=0),
        r"Expected num_critic_steps to be an integer of at least 1; got 0\.",
    ),
    "GAN, no learning rate": (lambda: train(lr_generator=0.0), r"Expected lr_generator > 0; got 0\.0\."),
    "GAN, endless learning rate": (
        lambda: train(lr_discriminator=float("inf")),
        r"Expected lr_discriminator > 0; got inf\.",
    ),
    "GAN, nothing to draw with": (
        lambda: lf.Adversary(
            lf.GAN(prior(), Neural(torch.nn.Identity(), heads.Delta(3), context_shape=(3,)), nn.MLP(3, 1)), lf.Hinge()
        ),
        r"Expected parameters to train; Neural has none\.",
    ),
    "GAN, nothing to judge with": (
        lambda: train(lf.GAN(prior(), gan().generator, nn.MLP(4, 1).requires_grad_(False))),
        r"Expected a discriminator with parameters to train; MLP has none\.",
    ),
    "regularizers without a discriminator": (
        lambda: train(game=lf.MMDObjective(), regularizers=[lf.R1(1.0)]),
        r"Expected neither regularizers nor num_critic_steps with MMDObjective, which has no discriminator\.",
    ),
    "discrepancy of one row": (
        lambda: lf.EnergyObjective()(torch.zeros(5, 2), torch.zeros(1, 2)),
        r"Expected at least 2 rows of fake data for their pairs; got 1\. Draw more\.",
    ),
    "objective with a bandwidth of zero": (
        lambda: lf.MMDObjective([1.0, 0.0]),
        r"Expected bandwidths > 0; got \[1\.0, 0\.0\]\.",
    ),
    "discrepancy of different shapes": (
        lambda: lf.MMDObjective()(torch.zeros(5, 2), torch.zeros(5, 3)),
        r"Expected data of one shape; got \(2,\) and \(3,\)\.",
    ),
    "optimal discriminator of different events": (
        lambda: lf.optimal_discriminator(dist.Normal(0.0, 1.0), distributions.StandardNormal(2)),
        r"Expected p and q over one event; got \(\) and \(2,\)\.",
    ),
    "optimal discriminator of a batch": (
        lambda: lf.optimal_discriminator(dist.Normal(torch.zeros(3), 1.0), dist.Normal(0.0, 1.0)),
        r"Expected p with batch_shape \(\); got \(3,\)\. Use to_event\(1\)\.",
    ),
    "optimal discriminator of samples": (
        lambda: lf.optimal_discriminator(torch.zeros(3), dist.Normal(0.0, 1.0)),
        r"Expected p to be a distribution; got Tensor\.",
    ),
    "autoencoder with a prior over another latent": (
        lambda: autoencoder(prior_dim=2),
        r"Expected all parts over latents of shape \(2,\); got a posterior of \(3,\) and a likelihood given \(3,\)\.",
    ),
    "autoencoder of two latents": (
        lambda: autoencoder(likelihood_dim=2),
        r"Expected all parts over latents of shape \(3,\); got a posterior of \(3,\) and a likelihood given \(2,\)\.",
    ),
    "autoencoder of two kinds of data": (
        lambda: autoencoder(datum_dim=5),
        r"Expected a posterior given data of shape \(4,\); got one given \(5,\)\.",
    ),
    "autoencoder, NaN in data": (
        lambda: autoencoder().fit(with_nan(), 1),
        r"Expected finite data; got NaN or inf in 1 row\(s\), first in row 3",
    ),
    "value of one draw": (
        lambda: lf.value(nn.MLP(2, 1), torch.zeros(1, 2), torch.zeros(5, 2)),
        r"Expected at least 2 draws of real data; got 1\. Draw more\.",
    ),
}
