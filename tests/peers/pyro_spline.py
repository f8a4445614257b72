"""Pyro's elementwise rational-quadratic spline with ours, as ``python -m tests.peers.pyro_spline``.

Copied: the parameters. Compared: bins, slopes, the formula in both directions, log-determinants. Pyro adds its least
slope of 0.001 to inner knots only, so that its spline arrives at the bounds with a slope of 0.999 and goes on with 1;
for the comparison it gets a least slope of 0.
"""

import functools
import importlib

import torch
from pyro.distributions import transforms as T
from torch import Tensor

from pyrodgm.transforms import Elementwise, RationalQuadraticSpline
from tests.peers.compare import Converted, begin
from tests.peers.pyro_transforms import DIM, against

NUM_BINS = 8
SMALLEST = 1e-9


def to_slope(params: Tensor) -> Tensor:
    """Write softplus without an offset as ours."""
    bins, slopes = params.split([2 * NUM_BINS, NUM_BINS - 1], -1)
    return torch.cat((bins, slopes - torch.tensor(1 - SMALLEST).expm1().log()), -1)


def main() -> None:
    """Compare, and leave with a message where they disagree."""
    begin()
    module = importlib.import_module("pyro.distributions.transforms.spline")
    module._monotonic_rational_spline = functools.partial(module._monotonic_rational_spline, min_derivative=0.0)
    theirs = T.Spline(DIM, NUM_BINS, order="quadratic")
    ours = Elementwise(Converted(RationalQuadraticSpline(NUM_BINS, bound=3.0, min_slope=SMALLEST), to_slope), DIM)
    params = theirs.unnormalized_widths, theirs.unnormalized_heights, theirs.unnormalized_derivatives
    with torch.no_grad():
        ours.params.copy_(torch.cat(params, -1))
    against("spline", [ours], [theirs])


if __name__ == "__main__":
    main()
