"""Functions that build a flow: ``(input_dim, context_dim=0, *, ...) -> Flow``."""

from pyrodgm.flows.autoregressive import iaf, maf, spline_autoregressive
from pyrodgm.flows.coupling import nice, realnvp, spline_coupling
from pyrodgm.flows.flow import Flow, FlowDistribution

__all__ = ["Flow", "FlowDistribution", "iaf", "maf", "nice", "realnvp", "spline_autoregressive", "spline_coupling"]
