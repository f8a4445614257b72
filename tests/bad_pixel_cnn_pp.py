"""Bad input to PixelCNN++: a part of the table in tests/test_bad_input.py."""

import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads

CASES = {
    f"pixelcnn_pp: {name}": (call, message)
    for name, call, message in (
        (
            "no image",
            lambda: ar.pixelcnn_pp((28, 28)),
            r"Expected shape to be \(channels, height, width\); got \(28, 28\)\. Give a grey image one channel\.",
        ),
        ("no height", lambda: ar.pixelcnn_pp((1, 0, 3)), r"Expected shape to be an integer of at least 1; got 0\."),
        (
            "one level",
            lambda: ar.pixelcnn_pp((1, 4, 4), num_levels=1),
            r"Expected num_levels to be an integer of at least 2; got 1\.",
        ),
        *(
            (
                f"no {name}",
                lambda name=name: ar.pixelcnn_pp((1, 4, 4), **{name: 0}),
                rf"Expected {name} to be an integer of at least 1; got 0\.",
            )
            for name in ("num_channels", "num_blocks", "num_scales")
        ),
        (
            "all dropped",
            lambda: ar.pixelcnn_pp((1, 4, 4), dropout=1.0),
            r"Expected dropout in \[0, 1\); got 1\.0\. It is the probability of dropping a unit\.",
        ),
        (
            "feature map of another size",
            lambda: ar.pixelcnn_pp((1, 4, 5), (3, 4, 4)),
            r"Expected context_dim as a number of features or \(k, 4, 5\); got \(3, 4, 4\)\.",
        ),
        *(
            (
                f"{head!r} for colours",
                lambda head=head: ar.pixelcnn_pp((3, 4, 4), head=head),
                r"Expected a head of one pixel, event_shape=\(3,\), whose channels depend on each other; got Cat.* "
                r"Use heads\.DiscretizedLogisticMixture or heads\.ChannelCategorical, or pixelcnn",
            )
            for head in (heads.Categorical(256), heads.Categorical(256, 3))
        ),
        (
            "head of colours for grey",
            lambda: ar.pixelcnn_pp((1, 4, 4), head=heads.DiscretizedLogisticMixture(event_shape=3)),
            r"Expected a head of one pixel, event_shape=\(\); got DiscretizedLogisticMixture\(10, .*\(3,\)\)\.",
        ),
        (
            "levels of another head",
            lambda: ar.pixelcnn_pp((1, 4, 4), head=heads.Bernoulli()),
            r"Expected a head over 0 \.\. 255, the values of num_levels=256; got .* Give num_levels=2\.",
        ),
        (
            "256 in a byte image",
            lambda: ar.pixelcnn_pp((3, 2, 2), num_channels=2, num_scales=1)().log_prob(torch.full((5, 3, 2, 2), 256.0)),
            r"Expected values in IntegerInterval\(lower_bound=0, upper_bound=255\); got 256 at index \[0, 0, 0, 0\]\.",
        ),
        (
            "images of another size",
            lambda: ar.pixelcnn_pp((1, 4, 4), num_channels=2).net(torch.zeros(5, 4, 4)),
            r"Expected x of shape \(\*batch, 1, 4, 4\); got \(5, 4, 4\)\.",
        ),
        (
            "context missing in a draw",
            lambda: ar.pixelcnn_pp((1, 4, 4), 3, num_channels=2).net.stepper((5,)),
            r"Expected context of shape \(\*batch, 3\); got None\.",
        ),
    )
}
