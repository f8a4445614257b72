"""Priors that are neither flows nor autoregressive models: mixtures, of components of their own or of posteriors."""

from pyrodgm.priors.aggregated_posterior import AggregatedPosterior
from pyrodgm.priors.mixture_prior import MixturePrior
from pyrodgm.priors.vamp_prior import VampPrior

__all__ = ["AggregatedPosterior", "MixturePrior", "VampPrior"]
