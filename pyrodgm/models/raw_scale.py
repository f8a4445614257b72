"""Scales that are set, not learned, as the parameters that make them."""

import torch
from torch import Tensor

from pyrodgm.heads.normal import UNIT_SCALE

MARGIN = 1e-3  # share of the floor above it at which a raw scale is still finite


def raw_scale(scale: Tensor, min_scale: float) -> Tensor:
    r"""Return the :math:`s` of which :class:`heads.Normal` makes a scale, :math:`\mathrm{softplus}(s + c) + \epsilon`.

    Args:
        scale: Scales; what is below ``min_scale`` is taken for a thousandth above it.
        min_scale: The floor :math:`\epsilon`.
    """
    above = (scale - min_scale).clamp(min=MARGIN * min_scale)
    return above + torch.log(-torch.expm1(-above)) - UNIT_SCALE  # log(exp(above) - 1) without overflow
