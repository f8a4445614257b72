"""Priors on parameters, posteriors of them: a part of tests/cases.py."""

from pyrodgm import infer

# Public names with tests of their own in the mirror of the package, and in tests/infer/test_posteriors_conjugate.py.
OWN_TESTS = (
    infer.Bayesian,
    infer.BayesianNet,
    infer.Ensemble,
    infer.Evidence,
    infer.FlowPosterior,
    infer.Laplace,
    infer.LowRank,
    infer.MAPEstimate,
    infer.MeanField,
    infer.NUTSPosterior,
    infer.Posterior,
    infer.PredictiveDistribution,
    infer.bayesian,
    infer.ensemble,
    infer.evidence,
    infer.flow_posterior,
    infer.laplace,
    infer.low_rank,
    infer.map_estimate,
    infer.mean_field,
    infer.nuts,
    infer.predictive,
    infer.to_inference_data,
)
