"""Cases of the networks, data and training of GANs: a part of tests/cases.py."""

from pyrodgm import data, nn, train

NETWORKS = {  # name: (constructor, input shape, output width)
    "DCGANGenerator, layer norm": (lambda: nn.DCGANGenerator(3, (2, 8, 12), num_channels=4, norm="layer"), (3,), 192),
    "DCGANGenerator, no norm": (lambda: nn.DCGANGenerator(3, (1, 8, 8), num_channels=4, norm="none"), (3,), 64),
    "DCGANDiscriminator, no norm": (
        lambda: nn.DCGANDiscriminator((2, 8, 12), num_channels=4, norm="none"),
        (2, 8, 12),
        1,
    ),
    "DCGANDiscriminator, flat pictures": (
        lambda: nn.DCGANDiscriminator((1, 16, 16), 5, num_channels=2, norm="layer"),
        (256,),
        5,
    ),
    "ResNetGenerator, no norm": (lambda: nn.ResNetGenerator(3, (2, 8, 12), num_channels=4, norm="none"), (3,), 192),
    "ResNetGenerator, layer norm": (lambda: nn.ResNetGenerator(3, (1, 8, 8), num_channels=4, norm="layer"), (3,), 64),
    "ResNetDiscriminator": (lambda: nn.ResNetDiscriminator((2, 8, 12), num_channels=4), (2, 8, 12), 1),
    "ResNetDiscriminator, flat pictures": (lambda: nn.ResNetDiscriminator((1, 8, 8), 5, num_channels=4), (64,), 5),
}

OWN_TESTS = (
    *(data.DensitySplits, data.draws_of, data.labels_of, data.rescaled, data.rotations),
    *(train.GANTraining, train.fit_gan),
)
