"""Heads: parameter tensor -> distribution. Usable at once in VAEs and autoregressive models."""

from pyrodgm.heads.bernoulli import Bernoulli
from pyrodgm.heads.categorical import Categorical
from pyrodgm.heads.delta import Delta
from pyrodgm.heads.head import Head
from pyrodgm.heads.normal import Normal

__all__ = ["Bernoulli", "Categorical", "Delta", "Head", "Normal"]
