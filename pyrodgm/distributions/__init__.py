"""Distributions that Pyro lacks; they own no parameters."""

from pyrodgm.distributions.channel_categorical import ChannelCategorical
from pyrodgm.distributions.discretized_logistic_mixture import DiscretizedLogisticMixture
from pyrodgm.distributions.standard_normal import StandardNormal

__all__ = ["ChannelCategorical", "DiscretizedLogisticMixture", "StandardNormal"]
