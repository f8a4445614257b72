"""Bijections from the base to the data, each with both log-determinants, conditional from the first day."""

from pyrodgm.transforms import image, univariate
from pyrodgm.transforms.act_norm import ActNorm
from pyrodgm.transforms.batch_norm import BatchNorm
from pyrodgm.transforms.bijection import Bijection, Inverse
from pyrodgm.transforms.compose import Compose
from pyrodgm.transforms.continuous import Continuous, ContinuousStack
from pyrodgm.transforms.coupling import Coupling
from pyrodgm.transforms.diagonal_fixed_point import DiagonalFixedPoint
from pyrodgm.transforms.elementwise import Elementwise
from pyrodgm.transforms.image import *  # noqa: F403 -- a new one is exported in one place
from pyrodgm.transforms.linear import LULinear
from pyrodgm.transforms.logit_transform import LogitTransform
from pyrodgm.transforms.masked_autoregressive import MaskedAutoregressive
from pyrodgm.transforms.numerical_inverse import Bisection, FixedPoint, numerical_inverse
from pyrodgm.transforms.orthogonal import Orthogonal
from pyrodgm.transforms.permute import Flip, Permute
from pyrodgm.transforms.planar import Planar
from pyrodgm.transforms.triangular import Triangular
from pyrodgm.transforms.univariate import *  # noqa: F403 -- a new one is exported in one place

__all__ = [
    "ActNorm",
    "BatchNorm",
    "Bijection",
    "Bisection",
    "Compose",
    "Continuous",
    "ContinuousStack",
    "Coupling",
    "DiagonalFixedPoint",
    "Elementwise",
    "FixedPoint",
    "Flip",
    "Inverse",
    "LULinear",
    "LogitTransform",
    "MaskedAutoregressive",
    "Orthogonal",
    "Permute",
    "Planar",
    "Triangular",
    "numerical_inverse",
    *image.__all__,
    *univariate.__all__,
]
