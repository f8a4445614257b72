"""Bad input to PixelCNN and Gated PixelCNN: a part of the table in tests/test_bad_input.py."""

import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn

CASES = {
    "256 in a byte image": (
        lambda: ar.pixelcnn((3, 2, 2), num_levels=256, num_layers=1, num_channels=3)().log_prob(
            torch.full((5, 3, 2, 2), 256)
        ),
        r"Expected values in IntegerInterval\(lower_bound=0, upper_bound=255\); got 256 at index \[0, 0, 0, 0\]\.",
    ),
    "levels of another head": (
        lambda: ar.pixelcnn((1, 2, 2), head=heads.DiscretizedLogisticMixture(2, 16)),
        r"Expected a head over 0 \.\. 1, the values of num_levels=2; got .* over 0 \.\. 15\. Give num_levels=16\.",
    ),
    **{
        f"{message[:40]} {build.__name__}": (lambda build=build, call=call: call(build), message)
        for build in (ar.pixelcnn, ar.gated_pixelcnn)
        for call, message in (
            (
                lambda build: build((28, 28)),
                r"Expected shape to be \(channels, height, width\); got \(28, 28\)\.",
            ),
            (lambda build: build((1, 0, 3)), r"Expected shape to be an integer of at least 1; got 0\."),
            (lambda build: build((1, 4, 4), num_levels=1), r"at least 2"),
            (
                lambda build: build((1, 4, 4), num_layers=0),
                r"Expected num_layers to be an integer of at least 1",
            ),
            (
                lambda build: build((3, 4, 4), num_channels=2),
                r"Expected num_channels to be an integer of at least 3; got 2\.",
            ),
            (
                lambda build: build((1, 4, 4), kernel_sizes=(7, 4)),
                r"Expected kernel_sizes to be two odd widths, of the first layer and of the others, .*; got \(7, 4\)\.",
            ),
            (
                lambda build: build((1, 4, 5), (3, 4, 4)),
                r"Expected context_dim as a number of features or \(k, 4, 5\); got \(3, 4, 4\)\. A feature map is",
            ),
            (
                lambda build: build((3, 4, 4), head=heads.Bernoulli(2)),
                r"Expected symbol_shape \(\) or \(3,\) for images of shape \(3, 4, 4\); got \(2,\)\. Draw one channel",
            ),
            (
                lambda build: build((1, 4, 4), num_layers=1, num_channels=2).net(torch.zeros(5, 4, 4)),
                r"Expected x of shape \(\*batch, 1, 4, 4\); got \(5, 4, 4\)\.",
            ),
            (
                lambda build: build((1, 4, 4), num_layers=1, num_channels=2).net(torch.zeros(1, 4, 4), torch.ones(3)),
                r"Expected no context; got \(3,\)\. Build the network with the shape of the context\.",
            ),
            (
                lambda build: build((1, 4, 4), 3, num_layers=1, num_channels=2).net(torch.zeros(5, 1, 4, 4)),
                r"Expected context of shape \(\*batch, 3\); got None\.",
            ),
            (
                lambda build: build((1, 4, 4), (2, 4, 4), num_layers=1, num_channels=2)(torch.zeros(5, 2, 4, 3)),
                r"Expected context of shape \(\*batch, 2, 4, 4\); got \(5, 2, 4, 3\)\.",
            ),
        )
    },
    "gated with a first kernel of one": (
        lambda: nn.GatedPixelCNN((1, 4, 4), 1, kernel_sizes=(1, 3)),
        r"Expected kernel_sizes to be two odd widths, .* the first at least 3; got \(1, 3\)\.",
    ),
}
