"""Bad input to purification, with its messages: a part of the table in tests/test_bad_input.py."""

import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn

X = torch.zeros(5, 6)


def model(head=None, context_dim=0):
    head = head or heads.Categorical(7)
    return ar.Autoregressive(nn.MaskedMLP(6, head.num_params, hidden_dims=(8,), context_dim=context_dim), head)


class Whole(nn.MaskedMLP):
    """A net that claims to have three channels at each position."""

    symbol_shape = (3,)


def whole_pixels():
    head = heads.Bernoulli(3)
    return ar.Autoregressive(Whole(4, head.num_params, hidden_dims=(8,)), head)


def ends():
    return ar.Autoregressive(nn.MaskedMLP(6, 3, hidden_dims=(8,)), heads.Categorical(3), end=0)


CASES = {
    "radius below zero": (lambda: ar.pixel_defend(model(), X, -1), r"Expected epsilon as an integer of .* 0; got -1\."),
    "radius in units of brightness": (
        lambda: ar.pixel_defend(model(), X, 8 / 255),
        r"Expected epsilon as an integer of at least 0; got 0\.031.*\. Count it in levels of the data\.",
    ),
    "value outside the support": (
        lambda: ar.pixel_defend(model(), torch.full((5, 6), 7.0), 1),
        r"Expected values in IntegerInterval\(lower_bound=0, upper_bound=6\); got 7 at index \[0, 0\]\.",
    ),
    "value between the integers": (lambda: ar.pixel_defend(model(), X + 0.5, 1), r"Expected values .*; got 0\.5 at"),
    "another shape": (
        lambda: ar.pixel_defend(model(), torch.zeros(5, 1, 2, 3), 1),
        r"Expected x of shape \(\*batch, 6\); got \(5, 1, 2, 3\)\. The last dimensions are one event\.",
    ),
    "no shape": (lambda: ar.pixel_defend(model(), torch.tensor(1), 1), r"Expected x of shape \(\*batch, 6\); got \(\)"),
    "contexts of another number": (
        lambda: ar.pixel_defend(model(context_dim=2), X, 1, torch.zeros(4, 2)),
        r"Expected batches of x and context that broadcast; got \(5,\) and \(4,\)\. Give one context for each x, or",
    ),
    "context missing in a defence": (
        lambda: ar.pixel_defend(model(context_dim=2), X, 1),
        r"Expected context of .* 2\); got None",
    ),
    "continuous head": (
        lambda: ar.pixel_defend(model(heads.Normal()), X, 1),
        r"Expected a head over integers from a smallest to a largest one; got Normal\(.*\)\. Build the model with",
    ),
    "whole pixels": (
        lambda: ar.pixel_defend(whole_pixels(), torch.zeros(5, 3, 4), 1),
        r"Expected one variable at each position; got \(3,\), whole pixels\. Build the model channel by channel",
    ),
    "sequences that end": (
        lambda: ar.pixel_defend(ends(), X, 1),
        r"Expected levels .*; got symbols that end with 0, which are not near each other\. Build the model without",
    ),
    "model of another kind": (
        lambda: ar.pixel_defend(torch.nn.Identity(), X, 1),
        r"Expected an Autoregressive, a model with one order; got Identity\. Take one that has one, such as ar\.",
    ),
}
