"""Metrics of samples, their pictures and their data: a part of tests/cases.py."""

from pyrodgm import data, metrics, plots

OWN_TESTS = (
    *(metrics.classifier_two_sample, metrics.ClassifierTwoSample),
    *(metrics.mmd, metrics.KernelDiscrepancy, metrics.energy_distance, metrics.EnergyDistance),
    *(metrics.prdc, metrics.PRDC, metrics.frechet_distance, metrics.FrechetDistance),
    *(metrics.kid, metrics.KernelInceptionDistance, metrics.sliced_wasserstein, metrics.SlicedWasserstein),
    *(metrics.features, metrics.Features, metrics.FeatureSource, metrics.load_feature_net),
    *(metrics.mode_count, metrics.mode_count_by_classifier, metrics.ModeCount),
    *(metrics.memorisation, metrics.Memorisation, metrics.nearest_neighbours, metrics.NearestNeighbours),
    *(metrics.parzen_log_likelihood, metrics.ParzenLogLikelihood),
    *(plots.animation, plots.samples_2d),
    *(data.stacked_mnist, data.toy.gaussian_ring, data.toy.gaussian_grid),
)
