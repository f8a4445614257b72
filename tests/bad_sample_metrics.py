"""Bad input to metrics of samples and their pictures: a part of the table in tests/test_bad_input.py."""

import math
import tempfile
from functools import partial

import torch

from pyrodgm import data, metrics, plots

LIMITS = (-3.0, 3.0, -3.0, 3.0)
TWO_SETS = {
    "mmd": metrics.mmd,
    "energy_distance": metrics.energy_distance,
    "frechet_distance": metrics.frechet_distance,
    "kid": metrics.kid,
    "sliced_wasserstein": metrics.sliced_wasserstein,
    "classifier_two_sample": metrics.classifier_two_sample,
    "prdc": metrics.prdc,
    "nearest_neighbours": metrics.nearest_neighbours,
    "memorisation": lambda x, y: metrics.memorisation(x, y, y),
    "parzen_log_likelihood": lambda x, y: metrics.parzen_log_likelihood(x, y, y),
}
NAMES = {"prdc": ("real", "fake"), "nearest_neighbours": ("x", "reference"), "memorisation": ("samples", "train")}
NAMES["parzen_log_likelihood"] = ("samples", "validation")


def rows(num=40, dim=3, bad=None):
    x = torch.randn(num, dim)
    if bad is not None:
        x[7, 1] = bad
    return x


def net_features(dim=3, **kwargs):
    return metrics.features(torch.nn.Linear(6, dim), torch.randn(40, 6), **kwargs)


def animate(figures, name="run.gif", **kwargs):
    with tempfile.TemporaryDirectory() as folder:
        return plots.animation(figures, f"{folder}/{name}", **kwargs)


def frame(limits=LIMITS):
    return plots.samples_2d(torch.randn(5, 2), limits)


def names(metric):
    return NAMES.get(metric, ("x", "y"))


CASES = {
    **{
        f"feature sets of different width, {name}": (
            lambda call=call: call(rows(), rows(dim=2)),
            rf"Expected {names(name)[0]} and {names(name)[1]} of one width; got 3 and 2 numbers a row\. Take the same",
        )
        for name, call in TWO_SETS.items()
    },
    **{
        f"NaN rows, {name}": (
            lambda call=call: call(rows(), rows(bad=math.nan)),
            rf"Expected finite numbers in {names(name)[1]}; got NaN or inf in 1 row\(s\), first in row 7\.",
        )
        for name, call in TWO_SETS.items()
    },
    **{
        f"features of two networks, {name}": (
            lambda call=call: call(net_features(), net_features()),
            rf"Expected all samples of one source; got {names(name)[0]}: Linear \(weights .*; {names(name)[1]}: Linear",
        )
        for name, call in TWO_SETS.items()
    },
    **{
        f"no samples, {name}": (
            lambda call=call: call(rows(), rows(num=0)),
            rf"Expected (at least \d+ rows of )?{names(name)[1]} .*; got (0\.|\(0, 3\)\.)",
        )
        for name, call in TWO_SETS.items()
    },
    "features beside data": (
        lambda: metrics.prdc(net_features(), rows()),
        r"Expected all samples of one source; got real: Linear .*; fake: a tensor\. Compute all features by one",
    ),
    "two preprocessings": (
        lambda: metrics.mmd(
            metrics.features(torch.nn.Identity(), rows()),
            metrics.features(torch.nn.Identity(), rows(), preprocess=torch.tanh),
        ),
        r"x: Identity \(weights none, preprocessing none\); y: Identity \(weights none, preprocessing [0-9a-f]{12}\)\.",
    ),
    "single numbers as samples": (
        lambda: metrics.mmd(torch.randn(9), torch.randn(9)),
        r"Expected x of shape \(num, \.\.\.\), a row a datum; got \(9,\)\. Single numbers are rows of one: x\[",
    ),
    "samples that are no tensor": (lambda: metrics.mmd([[1.0]], rows()), r"Expected x as a tensor of .*; got list\."),
    "one sample": (lambda: metrics.mmd(rows(), rows(num=1)), r"Expected at least 2 rows of y; got 1\. Draw more\."),
    "too few samples for a covariance": (
        lambda: metrics.frechet_distance(rows(40, 64), rows(70, 64)),
        r"Expected at least 65 rows of x for a covariance of 64 features; got 40\. Draw 25 more, or take narrower",
    ),
    "too few samples for neighbours": (
        lambda: metrics.prdc(rows(), rows(5)),
        r"Expected at least 6 rows of fake; got 5\. Draw more\.",
    ),
    "too few samples for blocks": (lambda: metrics.kid(rows(19), rows()), r"Expected at least 20 rows of x; got 19\."),
    "too few samples for folds": (
        lambda: metrics.classifier_two_sample(rows(9), rows()),
        r"Expected at least 10 rows of x; got 9\.",
    ),
    "no neighbour": (lambda: metrics.prdc(rows(), rows(), 0), r"Expected k >= 1 and chunk_size >= 1; got 0 and 1024\."),
    "more neighbours than rows": (
        lambda: metrics.nearest_neighbours(rows(), rows(4), num=5),
        r"Expected num from 1 to 4, the rows of reference, and chunk_size >= 1; got 5 and 1024\.",
    ),
    "bandwidth of zero": (
        lambda: metrics.mmd(rows(), rows(), bandwidth=(1.0, 0.0)),
        r'Expected bandwidth as positive numbers or "median"; got \(1\.0, 0\.0\)\.',
    ),
    "bandwidth by another name": (
        lambda: metrics.mmd(rows(), rows(), bandwidth="mean"),
        r"Expected bandwidth as .*; got 'mean'\.",
    ),
    "median of equal rows": (
        lambda: metrics.mmd(torch.zeros(9, 2), torch.ones(1, 2).repeat(2, 1)),
        r"Expected rows that differ, for their median distance; half of all pairs are equal\. Give a bandwidth\.",
    ),
    **{
        f"negative permutations, {metric.__name__}": (
            partial(metric, rows(), rows(), num_permutations=-1),
            r"Expected num_permutations >= 0 and chunk_size >= 1; got -1 and 1024\.",
        )
        for metric in (metrics.mmd, metrics.energy_distance)
    },
    "one block": (
        lambda: metrics.kid(rows(), rows(), num_blocks=1),
        r"Expected num_blocks >= 2, degree >= 1 and chunk_size >= 1; got 1, 3 and 1024\. A standard error needs two",
    ),
    "one fold": (
        lambda: metrics.classifier_two_sample(rows(), rows(), num_folds=1),
        r"Expected num_folds of at least 2; got 1\.",
    ),
    "no classifier": (
        lambda: metrics.classifier_two_sample(rows(), rows(), classifier=torch.nn.Linear(3, 2)),
        r"Expected a scikit-learn classifier with predict_proba; got Linear\. Take LogisticRegression\(\) or",
    ),
    "no lines": (
        lambda: metrics.sliced_wasserstein(rows(), rows(), num_projections=0),
        r"Expected num_projections >= 1 and order >= 1; got 0 and 2\.",
    ),
    "centres of another space": (
        lambda: metrics.mode_count(rows(), data.toy.gaussian_ring().centres, 0.02),
        r"Expected samples and centres of one width; got 3 and 2 numbers a row\. Give the centres of the mixture",
    ),
    "NaN among counted samples": (
        lambda: metrics.mode_count(rows(bad=math.inf), torch.zeros(2, 3), 0.1),
        r"Expected finite numbers in samples; got NaN or inf in 1 row\(s\), first in row 7\.",
    ),
    "modes of no width": (
        lambda: metrics.mode_count(rows(), torch.zeros(2, 3), 0.0),
        r"Expected scale > 0 and threshold > 0; got 0\.0 and 3\.0\.",
    ),
    "modes found by nothing": (
        lambda: metrics.mode_count(rows(), torch.zeros(2, 3), 0.1, min_samples=0),
        r"Expected min_samples of at least 1; got 0\.",
    ),
    "weights of other modes": (
        lambda: metrics.mode_count(rows(), torch.zeros(2, 3), 0.1, weights=[1.0, 0.0]),
        r"Expected a positive weight for each of 2 modes; got shape \(2,\)\. Leave out modes of weight 0\.",
    ),
    "rows that are no three channels": (
        lambda: metrics.mode_count_by_classifier(rows(dim=4), torch.nn.Identity(), num_channels=3),
        r"Expected samples of 3 channels; got shape \(40, 4\)\. Give \(num, 3, height, width\), or flat rows that",
    ),
    "classifier of labels": (
        lambda: metrics.mode_count_by_classifier(rows(), lambda x: x.argmax(1)),
        r"Expected finite logits of shape \(40, num_classes\) from the classifier; got shape \(40,\)\.",
    ),
    "probability beyond one": (
        lambda: metrics.mode_count_by_classifier(rows(), torch.nn.Identity(), min_probability=1.5),
        r"Expected num_channels >= 1, batch_size >= 1 and min_probability in \[0, 1\]; got 1, 256 and 1\.5\.",
    ),
    "test data that were trained on": (
        lambda: metrics.memorisation(rows(), torch.ones(5, 3), torch.ones(5, 3)),
        r"Expected test data that are not in train; got more than half of them there\. Split the data\.",
    ),
    "Parzen without bandwidths": (
        lambda: metrics.parzen_log_likelihood(rows(), rows(), rows(), bandwidths=[]),
        r"Expected positive bandwidths, one at least; got \[\]\.",
    ),
    "Parzen on its own samples": (
        lambda: metrics.parzen_log_likelihood(torch.ones(5, 3), torch.ones(5, 3), rows()),
        r"Expected validation data apart from the samples; half of them coincide\. Give bandwidths\.",
    ),
    "features of nothing": (
        lambda: metrics.features(torch.nn.Identity(), torch.zeros(0, 3)),
        r"Expected data of shape \(num, \.\.\.\), num > 0; got \(0, 3\)\. Give a row a datum\.",
    ),
    "features of a nameless function": (
        lambda: metrics.features(torch.tanh, rows()),
        r"Expected a module or a method of one; got a function, whose weights nobody can record\. Give it a name\.",
    ),
    "features that are NaN": (
        lambda: metrics.features(torch.nn.Identity(), rows(bad=math.nan), batch_size=3),
        r"Expected finite features; Identity gave NaN or inf for row 7\. Look at that datum, and at the range",
    ),
    "one feature for all": (
        lambda: metrics.features(torch.mean, rows(), name="mean"),
        r"Expected features of shape \(40, \.\.\.\) for as many data; got \(\) from mean\. Return a row a datum\.",
    ),
    "random preprocessing": (
        lambda: metrics.features(torch.nn.Identity(), rows(), preprocess=lambda x: x + torch.randn_like(x)),
        r"Expected a preprocessing that does the same each time; got two results for one input\. Take out what is",
    ),
    "batches of no features": (
        lambda: metrics.features(torch.nn.Identity(), rows(), batch_size=0),
        r"Expected batch_size of at least 1; got 0\.",
    ),
    "missing network": (
        lambda: metrics.load_feature_net("no_such_file.pt"),
        r"Expected a file of a network at no_such_file\.pt; got none\. Put your own file there\.",
    ),
    "points beyond the plane": (
        lambda: plots.samples_2d({"model": rows()}, LIMITS),
        r"Expected finite points of shape \(num, 2\) for 'model'; got \(40, 3\), of which 40 are finite\.",
    ),
    "points that diverged": (
        lambda: plots.samples_2d(rows(dim=2, bad=math.nan), LIMITS),
        r"Expected finite points of shape \(num, 2\) for ''; got \(40, 2\), of which 39 are finite\.",
    ),
    "modes beyond the plane": (
        lambda: plots.samples_2d(rows(dim=2), LIMITS, centres=torch.zeros(3)),
        r"Expected finite points of shape \(num, 2\) for 'centres'; got \(3,\)",
    ),
    "points within no limits": (lambda: frame((3.0, -3.0, 0.0, 1.0)), r"Expected limits .* that increase; got \(3\.0"),
    "no points": (lambda: plots.samples_2d({}, LIMITS), r"Expected samples to draw; got an empty mapping\."),
    "animation of nothing": (lambda: animate([]), r"Expected at least one frame; got none\."),
    "animation as a picture": (
        lambda: animate([frame()], "run.png"),
        r"Expected a file name that ends in \.gif; got 'run\.png'\.",
    ),
    "animation in no time": (
        lambda: animate([frame()], seconds=0.0),
        r"Expected seconds and last_seconds of at least 0\.01, and dots_per_inch >= 1; got 0\.0, 2\.0 and 75\.",
    ),
    "frames of two sizes": (
        lambda: animate([frame(), frame(), frame((-3.0, 3.0, 0.0, 3.0))]),
        r"Expected frames of one size; got \(225, 262\) pixels first and \(225, 150\) in frame 2\. Draw all with",
    ),
    "grid without modes": (lambda: data.toy.gaussian_grid(0), r"Expected side of at least 1; got 0\. 5 gives 25"),
    "ring without width": (lambda: data.toy.gaussian_ring(scale=0.0), r"Expected a positive scale; got 0\.0\."),
    "stacked digits without a folder": (
        lambda: data.stacked_mnist("no_such_folder"),
        r"Expected .*train-images-idx3-ubyte.* for mnist; got no such file\. Put there ",
    ),
    "no stacked digits": (
        lambda: data.stacked_mnist("no_such_folder", num_train=0),
        r"Expected numbers of pictures of at least 1; got 0 and 2000\.",
    ),
}
