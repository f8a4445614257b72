"""Bad input to Row LSTM and Diagonal BiLSTM: a part of the table in tests/test_bad_input.py."""

import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads

CASES = {
    "row_lstm, even kernel": (
        lambda: ar.row_lstm((1, 4, 4), kernel_size=2),
        r"Expected kernel_size to be an odd integer; got 2\. Give 3, say\.",
    ),
    "row_lstm, no kernel": (
        lambda: ar.row_lstm((1, 4, 4), kernel_size=0),
        r"Expected kernel_size to be an integer of at least 1; got 0\.",
    ),
}
for build in (ar.row_lstm, ar.diagonal_bilstm):
    CASES |= {
        f"{build.__name__}, no channel": (
            lambda build=build: build((28, 28)),
            r"Expected shape to be \(channels, height, width\); got \(28, 28\)\.",
        ),
        f"{build.__name__}, no layer": (
            lambda build=build: build((1, 4, 4), num_layers=0),
            r"Expected num_layers to be an integer of at least 1; got 0\.",
        ),
        f"{build.__name__}, fewer states than channels": (
            lambda build=build: build((3, 4, 4), num_channels=2),
            r"Expected num_channels to be an integer of at least 3; got 2\.",
        ),
        f"{build.__name__}, feature map of another size": (
            lambda build=build: build((1, 4, 5), (3, 4, 4)),
            r"Expected context_dim as a number of features or \(k, 4, 5\); got \(3, 4, 4\)\.",
        ),
        f"{build.__name__}, head of other levels": (
            lambda build=build: build((1, 4, 4), num_levels=16, head=heads.Categorical(17)),
            r"Expected a head over 0 \.\. 15, the values of num_levels=16; got .* over 0 \.\. 16\. Give num_levels=17",
        ),
        f"{build.__name__}, head of other channels": (
            lambda build=build: build((3, 4, 4), head=heads.Bernoulli(2)),
            r"Expected symbol_shape \(\) or \(3,\) for images of shape \(3, 4, 4\); got \(2,\)\.",
        ),
        f"{build.__name__}, value beyond the levels": (
            lambda build=build: build((1, 2, 2), num_levels=256)().log_prob(torch.full((5, 1, 2, 2), 256)),
            r"Expected values in .* got 256 at index \[0, 0, 0, 0\]\.",
        ),
        f"{build.__name__}, context of another shape": (
            lambda build=build: build((1, 4, 4), (2, 4, 4), num_layers=1)(torch.zeros(5, 2, 4, 3)),
            r"Expected context of shape \(\*batch, 2, 4, 4\); got \(5, 2, 4, 3\)\.",
        ),
        f"{build.__name__}, net without its context": (
            lambda build=build: build((1, 4, 4), 3, num_layers=1).net(torch.zeros(5, 1, 4, 4)),
            r"Expected context of shape \(\*batch, 3\); got None\.",
        ),
    }
