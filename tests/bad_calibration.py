"""Bad input to calibration and its picture: a part of the table in tests/test_bad_input.py."""

import math

import torch

from pyrodgm import metrics, plots


def error(probabilities, labels, **kwargs):
    return metrics.calibration_error(torch.as_tensor(probabilities), torch.as_tensor(labels), **kwargs)


CASES = {
    "calibration of nothing": (
        lambda: metrics.calibration_error(torch.zeros(0), torch.zeros(0)),
        r"Expected probabilities as floats of shape \(num,\) or \(num, num_classes\), num > 0; got .* \(0,\)\.",
    ),
    "probabilities that are labels": (
        lambda: error([1, 0], [1, 0]),
        r"Expected probabilities as floats .*; got torch\.int64 of shape \(2,\)\.",
    ),
    "fewer labels than probabilities": (
        lambda: error([0.5, 0.5], [1]),
        r"Expected labels of shape \(2,\), one a row of probabilities; got \(1,\)\.",
    ),
    "one-hot labels": (
        lambda: error([[0.5, 0.5]], [[0, 1]]),
        r"Expected labels of shape \(1,\), one a row of probabilities; got \(1, 2\)\.",
    ),
    "logits for probabilities": (
        lambda: error([0.5, 2.5], [1, 0]),
        r"Expected probabilities from 0 to 1; got \[2\.5\] in row 1\. Apply softmax or sigmoid\.",
    ),
    "a NaN among probabilities": (
        lambda: error([[0.5, 0.5], [math.nan, 0.5]], [1, 0]),
        r"Expected probabilities from 0 to 1; got \[nan, 0\.5\] in row 1\.",
    ),
    "classes that sum to less than one": (
        lambda: error([[0.5, 0.5], [0.5, 0.4]], [1, 0]),
        r"Expected rows of probabilities that sum to 1; got 0\.9 in row 1\. Divide each row by its sum\.",
    ),
    "a label that is no class": (
        lambda: error([[0.5, 0.5], [0.5, 0.5]], [1, 2]),
        r"Expected labels from 0 to 1; got 2 in row 1\. Number the classes from 0\.",
    ),
    "a label between two classes": (
        lambda: error([0.5, 0.5], [1.0, 0.25]),
        r"Expected labels from 0 to 1; got 0\.25 in row 1\.",
    ),
    "calibration in no bins": (lambda: error([0.5], [1], num_bins=0), r"Expected num_bins of at least 1; got 0\."),
    "transform beyond one": (
        lambda: metrics.pit_calibration(torch.tensor([0.5, 1.5])),
        r"Expected pit from 0 to 1; got 1\.5 in row 1\. Pass cumulative probabilities\.",
    ),
    "transform that is NaN": (
        lambda: metrics.pit_calibration(torch.tensor([0.5, math.nan])),
        r"Expected numbers in pit; got NaN in row 1\.",
    ),
    "transforms of several features at once": (
        lambda: metrics.pit_calibration(torch.rand(5, 2)),
        r"Expected pit as floats of shape \(num,\), num > 0; got .* \(5, 2\)\.",
    ),
    "no levels": (
        lambda: metrics.pit_calibration(torch.rand(5), num_levels=0),
        r"Expected num_levels of at least 1; got 0\.",
    ),
    "draws of other targets": (
        lambda: metrics.pit_of_draws(torch.randn(10, 4), torch.randn(5)),
        r"Expected draws of shape \(num_draws, 5\), num_draws > 0, for targets of shape \(5,\); got \(10, 4\)\.",
    ),
    "draws that are NaN": (
        lambda: metrics.pit_of_draws(torch.full((10, 2), math.nan), torch.zeros(2)),
        r"Expected numbers in draws and targets; got NaN\.",
    ),
    "reliability of nothing": (lambda: plots.reliability({}), r"Expected curves to draw; got none\."),
    "reliability of two lengths": (
        lambda: plots.reliability({"a": (torch.rand(3), torch.rand(2))}),
        r"Expected predicted and observed of one shape \(num,\), num > 0, for 'a'; got \(3,\), \(2,\)\.",
    ),
    "reliability of empty bins": (
        lambda: plots.reliability({"a": (torch.tensor([0.5, math.nan]), torch.rand(2))}),
        r"Expected numbers from 0 to 1 for 'a'; got nan to nan\. Leave out empty bins\.",
    ),
}
