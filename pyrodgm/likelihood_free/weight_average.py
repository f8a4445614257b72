"""How an exponential average of weights moves."""

from collections.abc import Sequence

import torch
from torch import Tensor


class WarmAverage:
    r"""Moves :math:`\bar\theta` to :math:`\rho_t\,\bar\theta + (1 - \rho_t)\,\theta`, for torch's ``AveragedModel``.

    :math:`\rho_t = \min(\rho, (1 + t) / (10 + t))` with :math:`t` the number of updates, so that the start is soon
    forgotten.

    Args:
        decay: :math:`\rho`.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay

    @torch.no_grad()
    def __call__(self, average: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Tensor | int) -> None:
        """Move the average in place."""
        updates = int(num_averaged)
        decay = min(self.decay, (1 + updates) / (10 + updates))
        torch._foreach_lerp_(list(average), list(current), 1 - decay)
