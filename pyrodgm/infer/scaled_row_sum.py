"""Sums over the sites of each datum, and the factor by which plates scale them."""

from typing import Any

import torch
from torch import Tensor

from pyrodgm.infer.log_evidence import RowSum


class RowScale:
    """The one factor by which plates scale the sites of each datum."""

    def __init__(self) -> None:
        self.value: Any = None

    def note(self, msg: Any) -> None:
        """Look at a site.

        Raises:
            ValueError: If it is scaled otherwise than the sites before.
        """
        scale = msg["scale"]
        if self.value is None:
            self.value = scale
        elif not (scale is self.value or bool(torch.as_tensor(scale == self.value).all())):
            raise ValueError(
                f"Expected one scale for all sites of a datum; got {scale} at site {msg['name']!r} after {self.value}. "
                "Give model and guide one plate of the data, and weigh no site alone."
            )


class ScaledRowSum(RowSum):
    """Log-densities of each datum, summed over sites, unscaled, and the scale that they share.

    Args:
        num_rows: Number of data.
        scale: Where the scale is kept.
    """

    def __init__(self, num_rows: int, scale: RowScale) -> None:
        super().__init__(num_rows)
        self.scale = scale

    def add(self, msg: Any, log_prob: Tensor, sign: float = 1.0) -> None:
        """Add a site."""
        self.scale.note(msg)
        super().add(msg, log_prob, sign)
