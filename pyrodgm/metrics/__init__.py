"""Numbers that say how well a model tells data of its kind from others."""

from pyrodgm.metrics.auroc import auroc
from pyrodgm.metrics.likelihood_ratio import likelihood_ratio
from pyrodgm.metrics.typicality import typicality

__all__ = ["auroc", "likelihood_ratio", "typicality"]
