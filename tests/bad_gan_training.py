"""Bad input to the training and the evaluation of GANs, with the messages."""

import tempfile
from pathlib import Path

import torch

from pyrodgm import data, likelihood_free, nn, train
from pyrodgm.train.fit_gan import check_gan_trainer
from tests.train.gan_runs import few_digits, fit, picture_gan, ring, vector_gan


def fit_aside(gan, splits, **settings):
    with tempfile.TemporaryDirectory() as folder:
        fit(gan, splits, Path(folder), **settings)


def train_with(training):
    with tempfile.TemporaryDirectory() as folder:
        train.fit(vector_gan(), ring(), folder, training=training)


PACKED = likelihood_free.Packed(likelihood_free.Hinge(), 3)

CASES = {
    "GAN, no game": (lambda: train_with({"lr_generator": 1e-3}), r"Expected training\.game for a GAN, a class_path"),
    "GAN, a setting of a likelihood": (
        lambda: fit_aside(vector_gan(), ring(), patience=3),
        r"Expected a key of training; got 'patience'",
    ),
    "GAN, clipping of gradients": (
        lambda: check_gan_trainer({"gradient_clip_val": 1.0}),
        r"no accumulate_grad_batches, gradient_clip_val.* got trainer\.gradient_clip_val=1\.0\. Leave it out",
    ),
    "GAN, two devices": (lambda: check_gan_trainer({"devices": 2}), r"Expected one device .*got trainer\.devices=2"),
    "GAN, epoch of no batch": (
        lambda: fit_aside(vector_gan(), ring(), batch_size=100),
        r"Expected a training\.batch_size of at most 22, .*got 100",
    ),
    "GAN, pictures out of range": (
        lambda: fit_aside(picture_gan(), data.digits(num_levels=17)),
        r"Expected data in the generator's range, -1 to 1; got values from 0 to 16\.",
    ),
    "GAN, labels that are missing": (
        lambda: fit_aside(picture_gan(10), few_digits()),
        r"Expected labels from 0 to 9, one a row, or contexts of 10 features; got None",
    ),
    "GAN, packs that do not divide the batch": (
        lambda: fit_aside(vector_gan(pack=3), ring(), game=PACKED),
        r"Expected a batch that packs of 3 divide; got 4 rows",
    ),
    "rescaled, no levels": (
        lambda: data.rescaled(data.rescaled(data.digits())),
        r"Expected data of integers 0 \.\. num_levels - 1; got .*digits.*, which are continuous",
    ),
    "rescaled, bounds exchanged": (lambda: data.rescaled(data.digits(), low=1, high=-1), r"Expected low < high; got"),
    "labels_of, no labels": (lambda: data.labels_of(ring()), r"Expected labels in the train split of draws; got none"),
    "labels_of, a context": (
        lambda: data.labels_of(data.with_label_context(data.digits())),
        r"Expected data without a context; got .*digits.*, which have one",
    ),
    "rotations of vectors": (lambda: data.rotations(ring()), r"Expected square pictures; got draws of shape \(2,\)"),
    "draws of a batch of densities": (
        lambda: data.draws_of(torch.distributions.Normal(torch.zeros(3), 1.0)),
        r"Expected a density of vectors; got batch_shape \(3,\) and event_shape \(\)",
    ),
    "draws of none": (
        lambda: data.draws_of(data.toy.gaussian_ring(), num_train=0),
        r"Expected at least one datum a split; got 0 and 10000",
    ),
    "DCGAN, odd sides": (
        lambda: nn.DCGANGenerator(3, (1, 9, 8)),
        r"Expected pictures with even sides of at least 8; got shape \(1, 9, 8\)\. Pad them",
    ),
    "DCGAN, unknown norm": (
        lambda: nn.DCGANDiscriminator((1, 8, 8), norm="instance"),
        r"Expected norm to be one of batch, layer, none; got 'instance'",
    ),
    "DCGAN, latent of another width": (
        lambda: nn.DCGANGenerator(3, (1, 8, 8))(torch.zeros(5, 4)),
        r"Expected x of shape \(\*batch, 3\); got \(5, 4\)",
    ),
    "DCGAN, pictures of another shape": (
        lambda: nn.DCGANDiscriminator((1, 8, 8))(torch.zeros(5, 1, 8, 9)),
        r"Expected x of shape \(\*batch, 1, 8, 8\) or \(\*batch, 64\); got \(5, 1, 8, 9\)",
    ),
    "residual GAN, sides": (
        lambda: nn.ResNetDiscriminator((1, 10, 8)),
        r"Expected pictures with sides of multiples of 4; got shape \(1, 10, 8\)",
    ),
}
