"""Bad input to mixtures, with its messages: a part of the table in tests/test_bad_input.py."""

import math

import torch

from pyrodgm import distributions, heads

NAN = math.nan


def mixture(*shapes, num_levels=256):
    return distributions.DiscretizedLogisticMixture(*(torch.zeros(shape) for shape in shapes), num_levels=num_levels)


PIXEL = ((5, 4), (5, 3, 4), (5, 3, 4), (5, 3, 4))

CASES = {
    **{
        f"{make.__name__} of no component": (
            lambda make=make: make(0),
            r"Expected num_components of at least 1; got 0\. A mixture has components\.",
        )
        for make in (heads.DiscretizedLogisticMixture, heads.MixtureNormal, heads.MixtureLaplace)
    },
    "one level in a head": (
        lambda: heads.DiscretizedLogisticMixture(num_levels=1),
        r"Expected num_levels of at least 2; got 1\. One level needs no distribution\.",
    ),
    "image in a head of pixels": (
        lambda: heads.DiscretizedLogisticMixture(event_shape=(3, 8, 8)),
        r"Expected event_shape \(\) or \(channels,\); got \(3, 8, 8\)\. Positions belong to the batch",
    ),
    "one level in a distribution": (
        lambda: mixture((5, 4), (5, 4), (5, 4), num_levels=1),
        r"Expected num_levels of at least 2; got 1\.",
    ),
    "a mixture of no components": (
        lambda: mixture((), (), ()),
        r"Expected logits of shape \(\*batch, num_components\); got \(\)\. All parameters have as many components",
    ),
    "other components": (
        lambda: mixture((5, 4), (5, 3), (5, 4)),
        r"Expected loc of shape \(\*batch, 4\); got \(5, 3\)\.",
    ),
    "scales of other channels": (
        lambda: mixture((5, 4), (5, 3, 4), (5, 2, 4), (5, 3, 4)),
        r"Expected log_scale of shape \(\*batch, 3, 4\); got \(5, 2, 4\)\.",
    ),
    "coefficients of other channels": (
        lambda: mixture((5, 4), (5, 4, 4), (5, 4, 4), (5, 3, 4)),
        r"Expected coefficients of shape \(\*batch, 6, 4\); got \(5, 3, 4\)\. .* one for each pair\.",
    ),
    "channels without coefficients": (
        lambda: mixture((5, 4), (5, 3, 4), (5, 3, 4)),
        r"Expected parameters whose batches broadcast; got .*'loc': \(5, 3, 4\)",
    ),
    "mixture of NaN": (
        lambda: distributions.DiscretizedLogisticMixture(torch.zeros(4), torch.full((4,), NAN), torch.zeros(4)),
        r"Expected parameter loc .* to satisfy the constraint Real\(\), but found invalid values",
    ),
    **{
        f"{what} in a mixture": (
            lambda value=value: mixture((5, 4), (5, 4), (5, 4)).log_prob(torch.full((5,), value)),
            r"Expected value argument .* to be within the support \(IntegerInterval\(lower_bound=0, upper_bound=255\)",
        )
        for what, value in (("a level too high", 256.0), ("a negative level", -1.0), ("half a level", 0.5))
    },
    "channels without a row for each pair": (
        lambda: distributions.ChannelCategorical(torch.zeros(5, 3, 4), torch.zeros(5, 2, 4)),
        r"Expected logits of shape .* and coefficients of shape .*; got \(5, 3, 4\) and \(5, 2, 4\)\.",
    ),
    "channels of two batches": (
        lambda: distributions.ChannelCategorical(torch.zeros(5, 3, 4), torch.zeros(6, 3, 4)),
        r"Expected parameters whose batches broadcast; got \(5, 3, 4\) and \(6, 3, 4\)\.",
    ),
    "a level too high in a categorical channel": (
        lambda: distributions.ChannelCategorical(torch.zeros(2, 4), torch.zeros(1, 4)).log_prob(torch.tensor([0, 4])),
        r"Expected value argument .* to be within the support",
    ),
    "one level in categorical channels": (
        lambda: heads.ChannelCategorical(1, 3),
        r"Expected num_levels of at least 2; got 1\. One level needs no distribution\.",
    ),
    "a level too high in a pixel": (
        lambda: mixture(*PIXEL).log_prob(torch.full((5, 3), 256)),
        r"Expected value argument .* to be within the support",
    ),
    "pixels of other channels": (
        lambda: mixture(*PIXEL).log_prob(torch.zeros(5, 4)),
        r"The right-most size of value must match event_shape: torch\.Size\(\[5, 4\]\) vs torch\.Size\(\[3\]\)",
    ),
}
