"""Autoregressive models: a causal network and a head, exact densities and fast exact draws."""

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.autoregressive.distribution import AutoregressiveDistribution
from pyrodgm.autoregressive.strategies import FixedPoint, Incremental, Sequential, Strategy

__all__ = [
    "Autoregressive",
    "AutoregressiveDistribution",
    "FixedPoint",
    "Incremental",
    "Sequential",
    "Strategy",
]
