"""Objectives and estimators; each takes a model and a guide, ours or anyone's."""

from pyrodgm.infer.log_evidence import log_evidence
from pyrodgm.infer.reparameterized_elbo import ReparameterizedELBO

__all__ = ["ReparameterizedELBO", "log_evidence"]
