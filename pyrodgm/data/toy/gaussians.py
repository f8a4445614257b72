"""Mixtures of round Gaussians."""

import math

import pyro.distributions as dist
import torch
from torch import Tensor


class RoundGaussians(dist.MixtureSameFamily):
    """A mixture of round Gaussians that knows where its modes are."""

    @property
    def centres(self) -> Tensor:
        """Means of the components, ``(*batch, num_modes, 2)``."""
        return self.component_distribution.mean

    @property
    def scale(self) -> float:
        """Standard deviation of each component, in either direction."""
        return self.component_distribution.stddev.flatten()[0].item()


def two_gaussians(*, distance: float = 4.0, scale: float = 0.5) -> RoundGaussians:
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


def eight_gaussians(*, radius: float = 2.0, scale: float = 0.2, num_components: int = 8) -> RoundGaussians:
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


def gaussian_ring(num_modes: int = 8, *, radius: float = 2.0, scale: float = 0.02) -> RoundGaussians:
    """A ring of narrow Gaussians with equal weights, on which adversarial training loses modes.

    As :func:`eight_gaussians` with the scale of the paper on unrolling; ``centres`` and ``scale`` are what
    :func:`pyrodgm.metrics.mode_count` asks for.

    Args:
        num_modes: Number of Gaussians.
        radius: Of the circle that the means divide evenly.
        scale: Standard deviation in either direction.

    Raises:
        ValueError: If ``scale`` or ``num_modes`` is not positive.

    Example:
        >>> gaussian_ring().centres.shape
        torch.Size([8, 2])

    References:
        Metz, Poole, Pfau, Sohl-Dickstein (2017), Unrolled Generative Adversarial Networks,
        https://arxiv.org/abs/1611.02163
    """
    return eight_gaussians(radius=radius, scale=scale, num_components=num_modes)


def gaussian_grid(side: int = 5, *, spacing: float = 2.0, scale: float = 0.05) -> RoundGaussians:
    """A square grid of narrow Gaussians with equal weights, about the origin: 25 by default.

    ``centres`` and ``scale`` are what :func:`pyrodgm.metrics.mode_count` asks for.

    Args:
        side: Number of Gaussians along each axis.
        spacing: Between neighbouring means.
        scale: Standard deviation in either direction.

    Raises:
        ValueError: If ``side`` or ``scale`` is not positive.

    Example:
        >>> gaussian_grid().centres.shape
        torch.Size([25, 2])

    References:
        Lin, Khetan, Fanti, Oh (2018), PacGAN: The power of two samples in generative adversarial networks,
        https://arxiv.org/abs/1712.04086
    """
    if side < 1:
        raise ValueError(f"Expected side of at least 1; got {side}. 5 gives 25 modes.")
    places = (torch.arange(side) - (side - 1) / 2) * spacing
    return _mixture(torch.cartesian_prod(places, places), scale)


def _mixture(means: Tensor, scale: float) -> RoundGaussians:
    if scale <= 0:
        raise ValueError(f"Expected a positive scale; got {scale}.")
    means = means.to(torch.get_default_dtype())
    weights = dist.Categorical(logits=torch.zeros(len(means)))
    return RoundGaussians(weights, dist.Normal(means, scale).to_event(1))
