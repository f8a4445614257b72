"""Mixtures of normals, EM and divergences: a part of the tables in tests/cases.py."""

from pyrodgm import infer, models

MODELS = {  # name: (constructor, data, width of the context)
    "GaussianMixture": (lambda: models.GaussianMixture(6, 3), "real", 0),
    "GaussianMixture, diagonal": (lambda: models.GaussianMixture(6, 3, "diagonal"), "real", 0),
    "GaussianMixture, tied": (lambda: models.GaussianMixture(6, 3, "tied"), "real", 0),
}

# Public names with a test file of their own in the mirror of the package.
OWN_TESTS = (
    *(models.BayesianGaussianMixture, models.ExpectationMaximization),
    *(infer.em, infer.EMResult, infer.Divergence, infer.forward_kl, infer.reverse_kl, infer.jensen_shannon),
)
