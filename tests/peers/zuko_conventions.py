"""zuko's constraints on raw parameters, written as parameters of our families."""

import math

import torch
from torch import Tensor

from pyrodgm.transforms import Affine, InverseUnivariate, RationalQuadraticSpline, Univariate
from tests.peers.compare import Converted

SLOPE = 1e-3  # zuko's default
NUM_BINS = 8
BOUND = 5.0


def zuko_affine() -> Univariate:
    r"""Return :math:`u = x e^{a / (1 + |a / \log 10^{-3}|)} + t`, from the data to the base."""
    affine = Affine(max_log_scale=7.0)  # above zuko's bound, 6.9, so that every scale can be written in ours

    def convert(params: Tensor) -> Tensor:
        shift, raw = params.unbind(-1)
        log_scale = raw / (1 + (raw / math.log(SLOPE)).abs())
        return torch.stack((shift, 7.0 * torch.atanh(log_scale / 7.0)), -1)

    return InverseUnivariate(Converted(affine, convert))


def zuko_spline() -> Univariate:
    """Return zuko's rational-quadratic spline, from the data to the base: same bins and slopes, raw in our way."""
    smallest = 1e-6  # below any bin or slope that zuko can make
    spline = RationalQuadraticSpline(NUM_BINS, bound=BOUND, min_bin=smallest, min_slope=smallest)
    offset = math.log(math.expm1(1 - smallest))

    def convert(params: Tensor) -> Tensor:
        *bins, slopes = params.split([NUM_BINS, NUM_BINS, NUM_BINS - 1], -1)
        fractions = [(raw / (1 + (2 * raw / math.log(SLOPE)).abs())).softmax(-1) for raw in bins]
        excess = (slopes / (1 + (slopes / math.log(SLOPE)).abs())).exp() - smallest
        raw_slopes = excess + torch.log(-torch.expm1(-excess)) - offset  # the inverse of softplus
        return torch.cat([*((part - smallest).log() for part in fractions), raw_slopes], -1)

    return InverseUnivariate(Converted(spline, convert))
