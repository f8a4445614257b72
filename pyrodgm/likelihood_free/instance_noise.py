"""Noise on everything that the discriminator sees."""

import torch
from torch import Tensor

from pyrodgm.likelihood_free.regularizer import Regularizer


class InstanceNoise(Regularizer):
    r"""Normal noise on real and fake data, :math:`x + \sigma \epsilon`, so that the two densities overlap.

    Args:
        scale: Standard deviation :math:`\sigma`, in units of the data; an attribute that a schedule may lower to 0.

    Raises:
        ValueError: If ``scale`` is negative.

    Example:
        >>> InstanceNoise(0.1).perturb(torch.randn(5, 3)).shape
        torch.Size([5, 3])

    References:
        Sonderby, Caballero, Theis, Shi, Huszar (2017), Amortised MAP Inference for Image Super-resolution,
        https://arxiv.org/abs/1610.04490
    """

    def __init__(self, scale: float) -> None:
        if not 0 <= scale < float("inf"):
            raise ValueError(f"Expected scale of at least 0; got {scale}. It is the noise's standard deviation.")
        self.scale = scale

    def perturb(self, x: Tensor) -> Tensor:
        """Add the noise."""
        return x + self.scale * torch.randn_like(x)
