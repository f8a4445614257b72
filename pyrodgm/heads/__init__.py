"""Heads: parameter tensor -> distribution. Usable at once in VAEs and autoregressive models."""

from pyrodgm.heads.bernoulli import Bernoulli
from pyrodgm.heads.biased_categorical import BiasedCategorical
from pyrodgm.heads.categorical import Categorical
from pyrodgm.heads.channel_categorical import ChannelCategorical
from pyrodgm.heads.delta import Delta
from pyrodgm.heads.diagonal_normal_mixture import DiagonalNormalMixture
from pyrodgm.heads.discretized_logistic_mixture import DiscretizedLogisticMixture
from pyrodgm.heads.head import Head
from pyrodgm.heads.mixtures import MixtureLaplace, MixtureNormal
from pyrodgm.heads.multivariate_normal import LowRankNormal, MultivariateNormal
from pyrodgm.heads.normal import Normal
from pyrodgm.heads.pixels import Pixels
from pyrodgm.heads.relaxed_logistic_mixture import RelaxedLogisticMixture

__all__ = [
    "Bernoulli",
    "BiasedCategorical",
    "Categorical",
    "ChannelCategorical",
    "Delta",
    "DiagonalNormalMixture",
    "DiscretizedLogisticMixture",
    "Head",
    "LowRankNormal",
    "MixtureLaplace",
    "MixtureNormal",
    "MultivariateNormal",
    "Normal",
    "Pixels",
    "RelaxedLogisticMixture",
]
