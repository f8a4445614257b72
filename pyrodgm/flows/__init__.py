"""Functions that build a flow: ``(input_dim, context_dim=0, *, ...) -> Flow``."""

from pyrodgm.flows.autoregressive import iaf, maf, spline_autoregressive
from pyrodgm.flows.bases import logistic_base
from pyrodgm.flows.causal import CausalFlow, CausalSteps
from pyrodgm.flows.continuous import cnf, ffjord
from pyrodgm.flows.coupling import nice, realnvp, spline_coupling
from pyrodgm.flows.extend import extend
from pyrodgm.flows.flow import Flow, FlowDistribution
from pyrodgm.flows.gaussianization import gaussianization
from pyrodgm.flows.image import glow, nice_image, realnvp_image
from pyrodgm.flows.maf_mog import maf_mog
from pyrodgm.flows.mintnet import mintnet
from pyrodgm.flows.orders import random_orders, reversed_orders
from pyrodgm.flows.parallel_wavenet import parallel_wavenet
from pyrodgm.flows.planar import planar

__all__ = [
    "CausalFlow",
    "CausalSteps",
    "Flow",
    "FlowDistribution",
    "cnf",
    "extend",
    "ffjord",
    "gaussianization",
    "glow",
    "iaf",
    "logistic_base",
    "maf",
    "maf_mog",
    "mintnet",
    "nice",
    "nice_image",
    "parallel_wavenet",
    "planar",
    "random_orders",
    "realnvp",
    "realnvp_image",
    "reversed_orders",
    "spline_autoregressive",
    "spline_coupling",
]
