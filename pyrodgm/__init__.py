"""Deep generative models for Pyro: modules make distributions, programs sample them, objectives score them."""

from pyrodgm import (
    autoregressive,
    distributions,
    flows,
    heads,
    infer,
    likelihood_free,
    models,
    nn,
    priors,
    quantizers,
    transforms,
)
from pyrodgm.conditional import Conditional, Embedded, Fixed, Neural
from pyrodgm.flows.flow import Flow

__version__ = "0.1.0"

__all__ = [
    "Conditional",
    "Embedded",
    "Fixed",
    "Flow",
    "Neural",
    "autoregressive",
    "distributions",
    "flows",
    "heads",
    "infer",
    "likelihood_free",
    "models",
    "nn",
    "priors",
    "quantizers",
    "transforms",
]
