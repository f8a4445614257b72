"""Calibration and the comparison of posteriors: a part of tests/cases.py."""

from pyrodgm import metrics, plots, train

OWN_TESTS = (
    *(metrics.calibration_error, metrics.CalibrationError, metrics.pit_calibration, metrics.PITCalibration),
    *(metrics.pit_of_draws, plots.reliability, train.compare_posteriors, train.PosteriorSettings),
    *(train.score_posterior, train.Score),
)
