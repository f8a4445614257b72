"""Bad input to WaveNet, with its messages: a part of the table in tests/test_bad_input.py."""

import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn


def model(length=6, context_dim=0, **kwargs):
    return ar.wavenet(length, context_dim, num_layers=2, num_channels=4, **kwargs)


CASES = {
    "sound of length 0": (
        lambda: model(0),
        r"Expected length to be an integer of at least 1; got 0\. Give length >= 1\.",
    ),
    "sound of one level": (lambda: model(num_levels=1), r"Expected num_levels to be an integer of at least 2; got 1\."),
    "WaveNet without layers": (lambda: ar.wavenet(6, num_layers=0), r"Expected num_layers to be .* least 1; got 0\."),
    "WaveNet without cycles": (lambda: model(num_cycles=0), r"Expected num_cycles to be .* at least 1; got 0\."),
    "WaveNet without width": (lambda: ar.wavenet(6, num_channels=0), r"Expected num_channels to be .* least 1; got 0"),
    "WaveNet without skips": (lambda: model(skip_channels=0), r"Expected skip_channels to be .* at least 1; got 0\."),
    "series as context, shorter than the sound": (
        lambda: model(6, (2, 5)),
        r"Expected context_dim to be a size, or \(k, 6\), a series as long as x; got \(2, 5\)\. Repeat each feature",
    ),
    "series as context, of no features": (
        lambda: model(6, (0, 6)),
        r"Expected context_dim to be an integer of at least 1; got 0\.",
    ),
    "series as context, longer than the model's": (
        lambda: model(6, (2, 6))(torch.zeros(3, 2, 7)),
        r"Expected context of shape \(\*batch, 2, 6\); got \(3, 2, 7\)\.",
    ),
    "series as context, to the network alone": (
        lambda: nn.WaveNet(6, 2, context_dim=(2, 6), num_layers=1)(torch.zeros(3, 6), torch.zeros(3, 2, 5)),
        r"Expected context of shape \(\*batch, 2, 6\); got \(3, 2, 5\)\. Build the network with the shape",
    ),
    "no context for the network that needs one": (
        lambda: nn.WaveNet(6, 2, context_dim=2, num_layers=1)(torch.zeros(3, 6)),
        r"Expected context of shape \(\*batch, 2\); got None\.",
    ),
    "a context for the network that takes none": (
        lambda: nn.WaveNet(6, 2, num_layers=1)(torch.zeros(3, 6), torch.zeros(3, 2)),
        r"Expected no context; got \(3, 2\)\.",
    ),
    "sound of another length": (
        lambda: model(6)().log_prob(torch.zeros(3, 7)),
        r"Expected value of shape \(\*batch, 6\); got \(3, 7\)\.",
    ),
    "sound of another length to the network": (
        lambda: model(6).net(torch.zeros(3, 7)),
        r"Expected x of shape \(\*batch, 6\); got \(3, 7\)\. Build the network for that length, and load the state",
    ),
    "level above the highest": (
        lambda: model(6)().log_prob(torch.tensor([[0, 1, 255, 256, 3, 4]])),
        r"Expected values in .*; got 256 at index \[0, 3\]\.",
    ),
    "head of other levels": (
        lambda: model(6, num_levels=65536, head=heads.DiscretizedLogisticMixture(10, 256)),
        r"Expected a head over 0 \.\. 65535, the values of num_levels=65536; got .* over 0 \.\. 255\. Give",
    ),
}
