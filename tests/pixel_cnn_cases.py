"""PixelCNN and Gated PixelCNN: a part of tests/cases.py."""

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn

TINY = {"num_layers": 3, "num_channels": 4}
NETS = {"PixelCNN": nn.PixelCNN, "GatedPixelCNN": nn.GatedPixelCNN}
BUILDERS = {"pixelcnn": ar.pixelcnn, "gated_pixelcnn": ar.gated_pixelcnn}
NO_BLIND_SPOT = {"GatedPixelCNN"}

CAUSAL_NETS = {}
for name, net in NETS.items():
    sees_all = name in NO_BLIND_SPOT
    CAUSAL_NETS |= {
        name: (lambda net=net: net((1, 4, 5), 1, **TINY), sees_all, 2),
        f"{name}, colours, levels": (
            lambda net=net: net((3, 2, 3), 5, num_levels=5, num_layers=2, num_channels=23),
            sees_all,
            5,
        ),
        f"{name}, whole pixels, context": (
            lambda net=net: net(
                (3, 3, 2), 6, context_dim=2, num_levels=5, num_layers=2, num_channels=4, symbol_shape=(3,)
            ),
            sees_all,
            5,
        ),
        f"{name}, two channels, feature map": (
            lambda net=net: net(
                (2, 3, 4), 2, context_dim=(2, 3, 4), num_layers=3, num_channels=15, kernel_sizes=(3, 5)
            ),
            sees_all,
            2,
        ),
        f"{name}, context, no coordinates": (
            lambda net=net: net((1, 3, 3), 1, context_dim=2, coordinates=False, **TINY),
            sees_all,
            2,
        ),
        f"{name}, one row": (lambda net=net: net((1, 1, 4), 1, **TINY), True, 2),
        f"{name}, one layer, one column, context": (
            lambda net=net: net((1, 3, 1), 2, context_dim=2, num_layers=1, num_channels=3),
            True,
            2,
        ),
    }
CAUSAL_NETS["PixelCNN, rows far behind"] = (
    lambda: nn.PixelCNN((2, 3, 11), 1, num_layers=4, num_channels=4, kernel_sizes=(3, 3)),
    False,
    2,
)

CONDITIONALS = {}
for name, build in BUILDERS.items():
    CONDITIONALS |= {
        name: (lambda build=build: build((1, 2, 4), **TINY), True),
        f"{name}, two channels, context": (lambda build=build: build((2, 2, 2), 3, **TINY), True),
        f"{name}, one channel of levels, feature map": (
            lambda build=build: build((1, 2, 3), (2, 2, 3), num_levels=4, **TINY),
            False,
        ),
        f"{name}, mixture of levels": (
            lambda build=build: build((2, 2, 3), num_levels=8, head=heads.DiscretizedLogisticMixture(2, 8), **TINY),
            False,
        ),
        f"{name}, mixture of whole pixels, context": (
            lambda build=build: build(
                (3, 2, 3), 2, num_levels=8, head=heads.DiscretizedLogisticMixture(2, 8, 3), **TINY
            ),
            False,
        ),
        f"{name}, real": (lambda build=build: build((1, 2, 3), head=heads.Normal(), **TINY), False),
    }
