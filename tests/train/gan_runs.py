"""Small GANs in run folders, which the tests of training and of the command share."""

from pathlib import Path
from typing import Any

import pyro
import torch

from pyrodgm import Fixed, Neural, data, distributions, heads, likelihood_free, train
from pyrodgm import nn as pnn
from pyrodgm.data import Dataset, DensitySplits, Splits

CPU = {"accelerator": "cpu"}


def ring() -> DensitySplits:
    density = data.toy.gaussian_ring(scale=0.1)
    return data.draws_of(density, num_train=22, num_held_aside=8)


def vector_gan(*, ema_decay: float | None = 0.9, pack: int = 1) -> likelihood_free.GAN:
    pyro.set_rng_seed(0)
    generator = Neural(pnn.MLP(2, 2, hidden_dims=(8,)), heads.Delta(2))
    prior, discriminator = Fixed(distributions.StandardNormal(2)), pnn.MLP(2 * pack, 1, hidden_dims=(8,))
    return likelihood_free.GAN(prior, generator, discriminator, ema_decay=ema_decay)


def picture_gan(num_classes: int = 0) -> likelihood_free.GAN:
    pyro.set_rng_seed(0)
    net = pnn.DCGANGenerator(3 + num_classes, (1, 8, 8), num_channels=4)
    prior, generator = Fixed(distributions.StandardNormal(3)), Neural(net, heads.Delta((1, 8, 8)))
    if num_classes:
        features = pnn.DCGANDiscriminator((1, 8, 8), 5, num_channels=4)
        discriminator: torch.nn.Module = pnn.ProjectionDiscriminator(features, 5, num_classes)
    else:
        discriminator = pnn.DCGANDiscriminator((1, 8, 8), num_channels=4)
    return likelihood_free.GAN(prior, generator, discriminator, ema_decay=0.9, value_range=(-1.0, 1.0))


def few_digits(num: int = 24, *, labels: bool = False) -> Splits:
    digits = data.rescaled(data.digits(num_levels=17))
    parts = [Dataset(part.x[:num], labels=part.labels[:num]) for part in (digits.train, digits.valid, digits.test)]
    splits = Splits(*parts, name="few digits", description="levels as -1..1", licence="", shape=(1, 8, 8))
    return data.with_label_context(splits, num_classes=10) if labels else splits


def fit(gan: likelihood_free.GAN, splits: Splits, folder: Path, **settings: Any) -> dict[str, Any]:
    training = {"game": likelihood_free.NonSaturating(), "batch_size": 4, "checkpoint_every": 1} | settings
    max_epochs = training.pop("max_epochs", 2)
    return train.fit(gan, splits, folder, training=training, trainer=CPU | {"max_epochs": max_epochs})
