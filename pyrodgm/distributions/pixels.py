"""Images of independent pixels, each of several channels that may depend on each other."""

from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints


class Pixels(TorchDistribution):
    r"""An image :math:`p(x) = \prod_{ij} p_{ij}(x_{:, i, j})`, channels first, of distributions over pixels.

    Args:
        pixels: Of ``batch_shape == (*batch, height, width)`` and ``event_shape == (channels,)``.

    Raises:
        ValueError: If the pixels have other shapes.

    Example:
        >>> import torch
        >>> from pyrodgm import distributions, heads
        >>> pixels = heads.DiscretizedLogisticMixture(5, event_shape=3)(torch.zeros(7, 4, 6, 50))
        >>> image = distributions.Pixels(pixels)
        >>> image.sample().shape, image.log_prob(torch.zeros(3, 4, 6)).shape
        (torch.Size([7, 3, 4, 6]), torch.Size([7]))
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- the name and type that torch reads

    def __init__(self, pixels: TorchDistribution) -> None:
        if len(pixels.event_shape) != 1 or len(pixels.batch_shape) < 2:
            raise ValueError(
                f"Expected pixels of batch_shape (*batch, height, width) and event_shape (channels,); got "
                f"{tuple(pixels.batch_shape)} and {tuple(pixels.event_shape)}. Make channels the event."
            )
        self.pixels = pixels
        shape = pixels.event_shape + pixels.batch_shape[-2:]
        super().__init__(pixels.batch_shape[:-2], shape, validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether draws carry gradients: where those of pixels do."""
        return bool(self.pixels.has_rsample)

    @constraints.dependent_property
    def support(self) -> constraints.Constraint:
        """The pixels' support, for every channel of every pixel."""
        support = self.pixels.support
        while isinstance(support, type(constraints.independent(constraints.real, 1))):
            support = support.base_constraint
        return constraints.independent(support, 3)

    @property
    def mean(self) -> Tensor:
        """The pixels' means, ``(*batch, channels, height, width)``."""
        return self.pixels.mean.movedim(-1, -3)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "Pixels":
        """Return independent copies."""
        return Pixels(self.pixels.expand(torch.Size(batch_shape) + self.pixels.batch_shape[-2:]))

    def sample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, channels, height, width)``."""
        return self.pixels.sample(torch.Size(sample_shape)).movedim(-1, -3)

    def rsample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw with gradients."""
        return self.pixels.rsample(torch.Size(sample_shape)).movedim(-1, -3)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return nats, ``(*sample, *batch)``.

        Args:
            value: ``(*sample, *batch, channels, height, width)``, broadcast against the batch.

        Raises:
            ValueError: If the images are of another shape.
        """
        if value.shape[-3:] != self.event_shape:
            raise ValueError(
                f"Expected value of shape (*batch, {', '.join(map(str, self.event_shape))}); got {tuple(value.shape)}. "
                "The last dimensions are one image, channels first."
            )
        log_prob: Tensor = self.pixels.log_prob(value.movedim(-3, -1)).sum((-1, -2))
        return log_prob
