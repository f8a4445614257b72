"""PixelCNN++: a part of tests/cases.py."""

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn

TINY = {"num_channels": 3, "num_blocks": 1}

CAUSAL_NETS = {  # at least as many convolutions as it takes to see from the first column to the last
    "PixelCNNPlusPlus": (lambda: nn.PixelCNNPlusPlus((1, 4, 6), 1, **TINY), True, 2),
    "PixelCNNPlusPlus, odd sizes, context": (
        lambda: nn.PixelCNNPlusPlus((1, 5, 7), 2, context_dim=3, num_scales=2, **TINY),
        True,
        2,
    ),
    "PixelCNNPlusPlus, RGB, feature map": (
        lambda: nn.PixelCNNPlusPlus((3, 3, 5), 4, context_dim=(2, 3, 5), num_levels=256, **TINY),
        True,
        256,
    ),
    "PixelCNNPlusPlus, one scale, two channels": (
        lambda: nn.PixelCNNPlusPlus((2, 3, 4), 2, num_levels=5, num_channels=4, num_blocks=2, num_scales=1),
        True,
        5,
    ),
    "PixelCNNPlusPlus, two columns are not enough": (
        lambda: nn.PixelCNNPlusPlus((1, 3, 9), 1, num_scales=1, **TINY),
        False,
        2,
    ),
    "PixelCNNPlusPlus, one row": (lambda: nn.PixelCNNPlusPlus((1, 1, 5), 1, num_scales=2, **TINY), True, 2),
    "PixelCNNPlusPlus, one column, context": (
        lambda: nn.PixelCNNPlusPlus((1, 5, 1), 1, context_dim=2, num_scales=2, **TINY),
        True,
        2,
    ),
}

CONDITIONALS = {
    "pixelcnn_pp": (lambda: ar.pixelcnn_pp((1, 2, 4), num_levels=2, num_scales=2, **TINY), True),
    "pixelcnn_pp, two channels, context": (lambda: ar.pixelcnn_pp((2, 2, 2), 3, num_levels=2, **TINY), True),
    "pixelcnn_pp, RGB, feature map": (lambda: ar.pixelcnn_pp((3, 2, 3), (2, 2, 3), num_scales=2, **TINY), False),
    "pixelcnn_pp, categorical": (
        lambda: ar.pixelcnn_pp((1, 3, 2), num_levels=4, num_scales=2, head=heads.Categorical(4), **TINY),
        False,
    ),
    "pixelcnn_pp, RGB, categorical": (
        lambda: ar.pixelcnn_pp((3, 1, 2), num_levels=3, num_scales=1, head=heads.ChannelCategorical(3, 3), **TINY),
        False,
    ),
    "pixelcnn_pp, grey": (lambda: ar.pixelcnn_pp((1, 2, 3), num_levels=16, num_scales=1, **TINY), False),
}
