"""Elementwise bijections whose parameters come from a network; each works in coupling and autoregressive flows."""

from pyrodgm.transforms.univariate.affine import Affine
from pyrodgm.transforms.univariate.base import Univariate
from pyrodgm.transforms.univariate.rational_quadratic_spline import RationalQuadraticSpline
from pyrodgm.transforms.univariate.shift import Shift

__all__ = ["Affine", "RationalQuadraticSpline", "Shift", "Univariate"]
