"""Functions that build a flow: ``(input_dim, context_dim=0, *, ...) -> Flow``."""

from pyrodgm.flows.autoregressive import iaf, maf, spline_autoregressive
from pyrodgm.flows.bases import logistic_base
from pyrodgm.flows.coupling import nice, realnvp, spline_coupling
from pyrodgm.flows.extend import extend
from pyrodgm.flows.flow import Flow, FlowDistribution
from pyrodgm.flows.gaussianization import gaussianization
from pyrodgm.flows.maf_mog import maf_mog
from pyrodgm.flows.orders import random_orders, reversed_orders
from pyrodgm.flows.planar import planar

__all__ = [
    "Flow",
    "FlowDistribution",
    "extend",
    "gaussianization",
    "iaf",
    "logistic_base",
    "maf",
    "maf_mog",
    "nice",
    "planar",
    "random_orders",
    "realnvp",
    "reversed_orders",
    "spline_autoregressive",
    "spline_coupling",
]
