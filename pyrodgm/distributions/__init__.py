"""Distributions that Pyro lacks; they own no parameters."""

from pyrodgm.distributions.blurred_logistic import BlurredLogistic
from pyrodgm.distributions.channel_categorical import ChannelCategorical
from pyrodgm.distributions.coded import Coded
from pyrodgm.distributions.diagonal_normal_mixture import DiagonalNormalMixture
from pyrodgm.distributions.discretized_logistic_mixture import DiscretizedLogisticMixture
from pyrodgm.distributions.independent_bernoulli import IndependentBernoulli
from pyrodgm.distributions.joint_categorical import JointCategorical
from pyrodgm.distributions.pixels import Pixels
from pyrodgm.distributions.standard_logistic import StandardLogistic
from pyrodgm.distributions.standard_normal import StandardNormal

__all__ = [
    "BlurredLogistic",
    "ChannelCategorical",
    "Coded",
    "DiagonalNormalMixture",
    "DiscretizedLogisticMixture",
    "IndependentBernoulli",
    "JointCategorical",
    "Pixels",
    "StandardLogistic",
    "StandardNormal",
]
