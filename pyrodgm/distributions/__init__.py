"""Distributions that Pyro lacks; they own no parameters."""

from pyrodgm.distributions.standard_normal import StandardNormal

__all__ = ["StandardNormal"]
