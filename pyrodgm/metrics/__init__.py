"""Numbers that judge densities, probabilities and samples."""

from pyrodgm.metrics.auroc import auroc
from pyrodgm.metrics.calibration_error import CalibrationError, calibration_error
from pyrodgm.metrics.classifier_two_sample import ClassifierTwoSample, classifier_two_sample
from pyrodgm.metrics.energy_distance import EnergyDistance, energy_distance
from pyrodgm.metrics.features import Features, FeatureSource, features
from pyrodgm.metrics.frechet_distance import FrechetDistance, frechet_distance
from pyrodgm.metrics.kid import KernelInceptionDistance, kid
from pyrodgm.metrics.likelihood_ratio import likelihood_ratio
from pyrodgm.metrics.load_feature_net import load_feature_net
from pyrodgm.metrics.memorisation import Memorisation, NearestNeighbours, memorisation, nearest_neighbours
from pyrodgm.metrics.mmd import KernelDiscrepancy, mmd
from pyrodgm.metrics.mode_count import ModeCount, mode_count, mode_count_by_classifier
from pyrodgm.metrics.parzen_log_likelihood import ParzenLogLikelihood, parzen_log_likelihood
from pyrodgm.metrics.pit_calibration import PITCalibration, pit_calibration
from pyrodgm.metrics.pit_of_draws import pit_of_draws
from pyrodgm.metrics.prdc import PRDC, prdc
from pyrodgm.metrics.sliced_wasserstein import SlicedWasserstein, sliced_wasserstein
from pyrodgm.metrics.typicality import typicality

__all__ = [
    "PRDC",
    "CalibrationError",
    "ClassifierTwoSample",
    "EnergyDistance",
    "FeatureSource",
    "Features",
    "FrechetDistance",
    "KernelDiscrepancy",
    "KernelInceptionDistance",
    "Memorisation",
    "ModeCount",
    "NearestNeighbours",
    "PITCalibration",
    "ParzenLogLikelihood",
    "SlicedWasserstein",
    "auroc",
    "calibration_error",
    "classifier_two_sample",
    "energy_distance",
    "features",
    "frechet_distance",
    "kid",
    "likelihood_ratio",
    "load_feature_net",
    "memorisation",
    "mmd",
    "mode_count",
    "mode_count_by_classifier",
    "nearest_neighbours",
    "parzen_log_likelihood",
    "pit_calibration",
    "pit_of_draws",
    "prdc",
    "sliced_wasserstein",
    "typicality",
]
