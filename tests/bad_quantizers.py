"""Bad input to quantizers and residual networks: a part of the table in tests/test_bad_input.py."""

import math

import torch

from pyrodgm import nn, quantizers


def vq(**options):
    return quantizers.VectorQuantizer(8, 3, **options)


def with_bad_value(value):
    z = torch.randn(5, 3)
    z[2, 1] = value
    return z


QUANTIZERS = (vq, lambda: quantizers.RelaxedCategorical(3), lambda: quantizers.FiniteScalarQuantizer((2, 2, 2)))

CASES = {
    **{
        f"{num_codes} codes in {name}": (
            lambda make=make, num_codes=num_codes: make(num_codes),
            rf"Expected num_codes of at least 2; got {num_codes}\. One code tells nothing\.",
        )
        for name, make in (
            ("VectorQuantizer", lambda num_codes: quantizers.VectorQuantizer(num_codes, 3)),
            ("RelaxedCategorical", quantizers.RelaxedCategorical),
        )
        for num_codes in (1, 0, True, 2.5)
    },
    "codes of no width": (
        lambda: quantizers.VectorQuantizer(8, 0),
        r"Expected code_dim to be an integer of at least 1",
    ),
    "codes that learn in another way": (
        lambda: vq(update="adam"),
        r"Expected update to be 'ema' or 'gradient'; got 'adam'\.",
    ),
    **{
        f"decay {decay}": (lambda decay=decay: vq(decay=decay), r"Expected decay in \[0, 1\); got ")
        for decay in (1.0, -0.1, math.nan)
    },
    "negative commitment": (
        lambda: vq(commitment_weight=-1.0),
        r"Expected commitment_weight of at least 0; got -1\.0\.",
    ),
    "codes that are always dead": (lambda: vq(dead_below=1.0), r"Expected dead_below in \[0, 1\); got 1\.0\."),
    **{
        f"vectors of another width to quantizer {i}": (
            lambda make=make: make()(torch.randn(5, 4)),
            r"Expected (z|logits) of shape \(\*batch, 3\); got \(5, 4\)\. The last dimension is one vector",
        )
        for i, make in enumerate(QUANTIZERS)
    },
    **{
        f"codes of another width to quantizer {i}": (
            lambda make=make: make().indices_of(torch.randn(3, 5)),
            r"Expected codes of shape \(\*batch, 3\); got \(3, 5\)\.",
        )
        for i, make in enumerate(QUANTIZERS)
    },
    **{
        f"index {index} to quantizer {i}": (
            lambda make=make, index=index: make().lookup(torch.tensor([0, index, 1])),
            rf"Expected indices in 0 \.\. \d; got {index}\. Decode indices of this quantizer, or build it with more",
        )
        for i, make in enumerate(QUANTIZERS)
        for index in (-1, 8)
    },
    "half an index": (
        lambda: vq().lookup(torch.tensor([0.0, 1.5])),
        r"Expected indices to be integers; got fractions\.",
    ),
    **{
        f"{value} to be quantized": (
            lambda value=value: vq()(with_bad_value(value)),
            r"Expected finite z and codes; got a commitment of (nan|inf), with values of z up to (nan|inf)\. Look for",
        )
        for value in (math.nan, math.inf)
    },
    "NaN to be quantized without commitment": (
        lambda: vq(commitment_weight=0.0)(with_bad_value(math.nan)),
        r"Expected finite z and codes; got a commitment of nan",
    ),
    "NaN to be rounded": (
        lambda: quantizers.FiniteScalarQuantizer((2, 2, 2))(with_bad_value(math.nan)),
        r"Expected finite z; got NaN or inf\.",
    ),
    "codebook larger than the data": (
        lambda: vq().initialize(torch.randn(7, 3)),
        r"Expected at least 8 rows for 8 codes; got 7\. Pass more data, or build a smaller codebook\.",
    ),
    "codes from NaN": (
        lambda: vq().initialize(with_bad_value(math.nan)),
        r"Expected finite z to initialize codes; got NaN or inf\.",
    ),
    "codes from data of another width": (
        lambda: vq().initialize(torch.randn(20, 4)),
        r"Expected z of shape \(\*batch, 3\); got \(20, 4\)\.",
    ),
    **{
        f"temperature {value}": (
            lambda value=value: quantizers.RelaxedCategorical(3, temperature=value),
            r"Expected temperature > 0; got ",
        )
        for value in (0.0, -1.0, math.nan)
    },
    "final temperature of zero": (
        lambda: quantizers.RelaxedCategorical(3, final_temperature=0.0, anneal_steps=5),
        r"Expected final_temperature > 0; got 0\.0\.",
    ),
    **{
        f"annealing by {options}": (
            lambda options=options: quantizers.RelaxedCategorical(3, **options),
            r"Expected final_temperature together with anneal_steps >= 1; got .*\. Give both, or neither\.",
        )
        for options in (
            {"final_temperature": 0.5},
            {"anneal_steps": 5},
            {"final_temperature": 0.5, "anneal_steps": -1},
        )
    },
    **{
        f"logits {name}": (
            lambda logits=logits: quantizers.RelaxedCategorical(3)(torch.tensor([logits, [0.0, 1.0, 2.0]])),
            r"Expected logits with a finite maximum in each row; got NaN or inf\.",
        )
        for name, logits in (
            ("of NaN", [0.0, math.nan, 0.0]),
            ("of infinity", [0.0, math.inf, 0.0]),
            ("that rule out all", [-math.inf] * 3),
        )
    },
    **{
        f"levels {levels}": (
            lambda levels=levels: quantizers.FiniteScalarQuantizer(levels),
            r"Expected levels of at least 2, one a feature; got \(.*\)\. Try \(8, 5, 5, 5\)\.",
        )
        for levels in ((), (3, 1), (3, 2.0))
    },
    "map of other sides than the halved image": (
        lambda: nn.ResNetEncoder((1, 28, 28), (64, 8, 7)),
        r"Expected output_shape \(64, 7, 7\) for images of shape \(1, 28, 28\) and num_halvings=2; got \(64, 8, 7\)\.",
    ),
    "map of no halving of the image": (
        lambda: nn.ResNetDecoder((64, 6, 7), (1, 28, 28)),
        r"Expected input_shape .* with sides among \[\(28, 28\), \(14, 14\), \(7, 7\), .*\], .*; got \(64, 6, 7\)\.",
    ),
    "map without channels": (
        lambda: nn.ResNetEncoder((1, 28, 28), (7, 7)),
        r"Expected output_shape to be a number of features or \(channels, height, width\); got \(7, 7\)\.",
    ),
    "image without channels to a ResNet": (
        lambda: nn.ResNetEncoder((28, 28), 4),
        r"Expected shape to be \(channels, height, width\); got \(28, 28\)",
    ),
    "ResNet of no channels": (
        lambda: nn.ResNetDecoder(4, (1, 8, 8), num_channels=0),
        r"Expected num_channels to be an integer of at least 1; got 0",
    ),
    "ResNet of negative halvings": (
        lambda: nn.ResNetEncoder((1, 8, 8), 4, num_halvings=-1),
        r"Expected num_halvings to be an integer of at least 0; got -1",
    ),
    "another image to a ResNet": (
        lambda: nn.ResNetEncoder((1, 8, 8), 4)(torch.randn(5, 1, 8, 7)),
        r"Expected x of shape \(\*batch, 1, 8, 8\) or \(\*batch, 64\); got \(5, 1, 8, 7\)\.",
    ),
    "another vector to a ResNet": (
        lambda: nn.ResNetDecoder(4, (1, 8, 8))(torch.randn(5, 3)),
        r"Expected x of shape \(\*batch, 4\); got \(5, 3\)\.",
    ),
}
