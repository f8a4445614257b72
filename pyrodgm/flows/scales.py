"""How much one layer of many may scale."""

from pyrodgm.transforms.univariate.affine import Affine

MAX_LOG_SCALE = 3.0  # of one layer
MAX_TOTAL_LOG_SCALE = 20.0  # of all of them: far inside what float32 can square


def affine_of_depth(num_layers: int) -> Affine:
    """Return the affine family whose scales stay finite through that many layers, whatever networks say.

    An outlier saturates the scale in each layer, so that bounds multiply: 32 layers of :math:`e^3` overflow.
    """
    return Affine(max_log_scale=min(MAX_LOG_SCALE, MAX_TOTAL_LOG_SCALE / max(num_layers, 1)))
