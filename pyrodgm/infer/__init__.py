"""Objectives and estimators; each takes a model and a guide, ours or anyone's, or a flow and a density."""

from pyrodgm.infer.annealed_log_evidence import annealed_log_evidence
from pyrodgm.infer.bayesian import Bayesian, BayesianNet, bayesian
from pyrodgm.infer.distill import distill
from pyrodgm.infer.distillation import Distillation
from pyrodgm.infer.elbo_surgery import ElboSurgery, elbo_surgery
from pyrodgm.infer.em import EMResult, em
from pyrodgm.infer.ensemble import Ensemble, ensemble
from pyrodgm.infer.evidence import Evidence, evidence
from pyrodgm.infer.fit_density import fit_density
from pyrodgm.infer.flow_posterior import FlowPosterior, flow_posterior
from pyrodgm.infer.forward_kl import ForwardKL
from pyrodgm.infer.gradient_variance import GradientMoments, GradientVariance, gradient_variance
from pyrodgm.infer.importance import ImportanceDiagnostics, importance_diagnostics
from pyrodgm.infer.importance_weighted_elbo import ImportanceWeightedELBO
from pyrodgm.infer.impute import impute
from pyrodgm.infer.inference_data import to_inference_data
from pyrodgm.infer.inference_gap import InferenceGap, inference_gap
from pyrodgm.infer.laplace import Laplace, laplace
from pyrodgm.infer.log_evidence import log_evidence
from pyrodgm.infer.low_rank import LowRank, low_rank
from pyrodgm.infer.map_estimate import MAPEstimate, map_estimate
from pyrodgm.infer.mean_field import MeanField, mean_field
from pyrodgm.infer.naive_monte_carlo import NaiveMonteCarlo, naive_monte_carlo
from pyrodgm.infer.nuts import NUTSPosterior, nuts
from pyrodgm.infer.posterior import Posterior
from pyrodgm.infer.predictive import PredictiveDistribution, predictive
from pyrodgm.infer.regularized import Regularized
from pyrodgm.infer.reparameterized_elbo import ReparameterizedELBO
from pyrodgm.infer.reverse_kl import ReverseKL
from pyrodgm.infer.score_function_elbo import ScoreFunctionELBO
from pyrodgm.infer.semi_amortized import SemiAmortized
from pyrodgm.infer.spectral_power_loss import spectral_power_loss

# Last: two of these functions have the names of files above, which their import would put in their place.
# isort: split
from pyrodgm.infer.divergence import Divergence, forward_kl, jensen_shannon, reverse_kl

__all__ = [
    "Bayesian",
    "BayesianNet",
    "Distillation",
    "Divergence",
    "EMResult",
    "ElboSurgery",
    "Ensemble",
    "Evidence",
    "FlowPosterior",
    "ForwardKL",
    "GradientMoments",
    "GradientVariance",
    "ImportanceDiagnostics",
    "ImportanceWeightedELBO",
    "InferenceGap",
    "Laplace",
    "LowRank",
    "MAPEstimate",
    "MeanField",
    "NUTSPosterior",
    "NaiveMonteCarlo",
    "Posterior",
    "PredictiveDistribution",
    "Regularized",
    "ReparameterizedELBO",
    "ReverseKL",
    "ScoreFunctionELBO",
    "SemiAmortized",
    "annealed_log_evidence",
    "bayesian",
    "distill",
    "elbo_surgery",
    "em",
    "ensemble",
    "evidence",
    "fit_density",
    "flow_posterior",
    "forward_kl",
    "gradient_variance",
    "importance_diagnostics",
    "impute",
    "inference_gap",
    "jensen_shannon",
    "laplace",
    "log_evidence",
    "low_rank",
    "map_estimate",
    "mean_field",
    "naive_monte_carlo",
    "nuts",
    "predictive",
    "reverse_kl",
    "spectral_power_loss",
    "to_inference_data",
]
