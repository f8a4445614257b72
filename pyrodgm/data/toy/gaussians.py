"""Mixtures of round Gaussians."""

import math

import pyro.distributions as dist
import torch
from torch import Tensor


def two_gaussians(*, distance: float = 4.0, scale: float = 0.5) -> dist.MixtureSameFamily:
    """Two Gaussians side by side, with equal weights.

    Args:
        distance: Between their means, which lie on the first axis.
        scale: Standard deviation in either direction.

    Raises:
        ValueError: If ``scale`` is not positive.

    Example:
        >>> two_gaussians().sample((5,)).shape
        torch.Size([5, 2])
    """
    return _mixture(torch.tensor([[-distance / 2, 0.0], [distance / 2, 0.0]]), scale)


def eight_gaussians(*, radius: float = 2.0, scale: float = 0.2, num_components: int = 8) -> dist.MixtureSameFamily:
    """A ring of Gaussians with equal weights.

    Args:
        radius: Of the circle that the means divide evenly.
        scale: Standard deviation in either direction.
        num_components: Number of Gaussians.

    Raises:
        ValueError: If ``scale`` or ``num_components`` is not positive.

    Example:
        >>> eight_gaussians().sample((5,)).shape
        torch.Size([5, 2])
    """
    if num_components < 1:
        raise ValueError(f"Expected at least one component; got num_components={num_components}.")
    angles = torch.arange(num_components) * (2 * math.pi / num_components)
    return _mixture(radius * torch.stack([angles.cos(), angles.sin()], -1), scale)


def _mixture(means: Tensor, scale: float) -> dist.MixtureSameFamily:
    if scale <= 0:
        raise ValueError(f"Expected a positive scale; got {scale}.")
    means = means.to(torch.get_default_dtype())
    weights = dist.Categorical(logits=torch.zeros(len(means)))
    return dist.MixtureSameFamily(weights, dist.Normal(means, scale).to_event(1))
