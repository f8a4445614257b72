"""Numbers that say how well a model tells data of its kind from others, and whether its probabilities are right."""

from pyrodgm.metrics.auroc import auroc
from pyrodgm.metrics.calibration_error import CalibrationError, calibration_error
from pyrodgm.metrics.likelihood_ratio import likelihood_ratio
from pyrodgm.metrics.pit_calibration import PITCalibration, pit_calibration
from pyrodgm.metrics.pit_of_draws import pit_of_draws
from pyrodgm.metrics.typicality import typicality

__all__ = [
    "CalibrationError",
    "PITCalibration",
    "auroc",
    "calibration_error",
    "likelihood_ratio",
    "pit_calibration",
    "pit_of_draws",
    "typicality",
]
