"""Bijections from the base to the data, each with both log-determinants, conditional from the first day."""

from pyrodgm.transforms.bijection import Bijection, Inverse
from pyrodgm.transforms.compose import Compose
from pyrodgm.transforms.coupling import Coupling
from pyrodgm.transforms.elementwise import Elementwise
from pyrodgm.transforms.masked_autoregressive import MaskedAutoregressive
from pyrodgm.transforms.permute import Flip, Permute
from pyrodgm.transforms.univariate import Affine, RationalQuadraticSpline, Shift, Univariate

__all__ = [
    "Affine",
    "Bijection",
    "Compose",
    "Coupling",
    "Elementwise",
    "Flip",
    "Inverse",
    "MaskedAutoregressive",
    "Permute",
    "RationalQuadraticSpline",
    "Shift",
    "Univariate",
]
