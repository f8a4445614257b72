"""Cases of WaveNet: a part of the tables in tests/cases.py."""

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn

CAUSAL_NETS = {  # name: (constructor, whether each position sees all earlier ones, number of levels of integers)
    "WaveNet": (
        lambda: nn.WaveNet(9, 3, num_levels=3, num_layers=3, num_cycles=2, num_channels=8, skip_channels=7),
        True,
        3,
    ),
    "WaveNet, short sight, context": (
        lambda: nn.WaveNet(11, 2, num_levels=5, context_dim=3, num_layers=2, num_channels=7, skip_channels=8),
        False,
        5,
    ),
    "WaveNet, series as context": (
        lambda: nn.WaveNet(7, 2, num_levels=2, context_dim=(2, 7), num_layers=3, num_channels=8, skip_channels=8),
        True,
        2,
    ),
    "WaveNet, real": (lambda: nn.WaveNet(6, 2, num_levels=None, num_layers=3, num_channels=8), True, None),
    "WaveNet, one sample": (lambda: nn.WaveNet(1, 3, num_levels=3, num_layers=2, num_channels=4), True, 3),
}

CONDITIONALS = {  # name: (constructor, whether the sum over all values is checked)
    "wavenet": (lambda: ar.wavenet(8, num_levels=2, num_layers=2, num_cycles=2, num_channels=6), True),
    "wavenet, context": (lambda: ar.wavenet(6, 3, num_levels=2, num_layers=3, num_channels=6), True),
    "wavenet, series as context": (lambda: ar.wavenet(5, (2, 5), num_levels=2, num_layers=1, num_channels=6), True),
    "wavenet, levels": (lambda: ar.wavenet(6, 2, num_levels=17, num_layers=2, num_channels=6), False),
    "wavenet, 16 bits": (
        lambda: ar.wavenet(
            5, num_levels=65536, num_layers=2, num_channels=6, head=heads.DiscretizedLogisticMixture(3, 65536)
        ),
        False,
    ),
}
