"""Objectives and estimators; each takes a model and a guide, ours or anyone's, or a flow and a density."""

from pyrodgm.infer.fit_density import fit_density
from pyrodgm.infer.forward_kl import ForwardKL
from pyrodgm.infer.importance import ImportanceDiagnostics, importance_diagnostics
from pyrodgm.infer.log_evidence import log_evidence
from pyrodgm.infer.reparameterized_elbo import ReparameterizedELBO
from pyrodgm.infer.reverse_kl import ReverseKL

__all__ = [
    "ForwardKL",
    "ImportanceDiagnostics",
    "ReparameterizedELBO",
    "ReverseKL",
    "fit_density",
    "importance_diagnostics",
    "log_evidence",
]
