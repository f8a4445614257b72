"""Continuous flows: solutions of differential equations as bijections."""

from pyrodgm.transforms.continuous.continuous import Continuous
from pyrodgm.transforms.continuous.continuous_stack import ContinuousStack

__all__ = ["Continuous", "ContinuousStack"]
