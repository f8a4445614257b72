"""Objectives and estimators; each takes a model and a guide, ours or anyone's, or a flow and a density."""

from pyrodgm.infer.annealed_log_evidence import annealed_log_evidence
from pyrodgm.infer.distill import distill
from pyrodgm.infer.distillation import Distillation
from pyrodgm.infer.elbo_surgery import ElboSurgery, elbo_surgery
from pyrodgm.infer.fit_density import fit_density
from pyrodgm.infer.forward_kl import ForwardKL
from pyrodgm.infer.gradient_variance import GradientMoments, GradientVariance, gradient_variance
from pyrodgm.infer.importance import ImportanceDiagnostics, importance_diagnostics
from pyrodgm.infer.importance_weighted_elbo import ImportanceWeightedELBO
from pyrodgm.infer.impute import impute
from pyrodgm.infer.inference_gap import InferenceGap, inference_gap
from pyrodgm.infer.log_evidence import log_evidence
from pyrodgm.infer.naive_monte_carlo import NaiveMonteCarlo, naive_monte_carlo
from pyrodgm.infer.regularized import Regularized
from pyrodgm.infer.reparameterized_elbo import ReparameterizedELBO
from pyrodgm.infer.reverse_kl import ReverseKL
from pyrodgm.infer.score_function_elbo import ScoreFunctionELBO
from pyrodgm.infer.semi_amortized import SemiAmortized
from pyrodgm.infer.spectral_power_loss import spectral_power_loss

__all__ = [
    "Distillation",
    "ElboSurgery",
    "ForwardKL",
    "GradientMoments",
    "GradientVariance",
    "ImportanceDiagnostics",
    "ImportanceWeightedELBO",
    "InferenceGap",
    "NaiveMonteCarlo",
    "Regularized",
    "ReparameterizedELBO",
    "ReverseKL",
    "ScoreFunctionELBO",
    "SemiAmortized",
    "annealed_log_evidence",
    "distill",
    "elbo_surgery",
    "fit_density",
    "gradient_variance",
    "importance_diagnostics",
    "impute",
    "inference_gap",
    "log_evidence",
    "naive_monte_carlo",
    "spectral_power_loss",
]
