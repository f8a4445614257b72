"""Elementwise bijections whose parameters come from a network; each works in coupling and autoregressive flows."""

from pyrodgm.transforms.univariate.affine import Affine
from pyrodgm.transforms.univariate.base import Univariate
from pyrodgm.transforms.univariate.chain import Chain
from pyrodgm.transforms.univariate.inverse import InverseUnivariate
from pyrodgm.transforms.univariate.logit import Logit, Sigmoid
from pyrodgm.transforms.univariate.mixture_cdf import MixtureCDF, MixtureLogisticCDF, MixtureNormalCDF
from pyrodgm.transforms.univariate.normal_quantile import NormalQuantile
from pyrodgm.transforms.univariate.normalized import Normalized
from pyrodgm.transforms.univariate.quantile import Quantile
from pyrodgm.transforms.univariate.rational_quadratic_spline import RationalQuadraticSpline
from pyrodgm.transforms.univariate.shift import Shift

__all__ = [
    "Affine",
    "Chain",
    "InverseUnivariate",
    "Logit",
    "MixtureCDF",
    "MixtureLogisticCDF",
    "MixtureNormalCDF",
    "NormalQuantile",
    "Normalized",
    "Quantile",
    "RationalQuadraticSpline",
    "Shift",
    "Sigmoid",
    "Univariate",
]
