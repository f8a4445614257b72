"""Images of independent pixels, made of the head of one pixel."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyrodgm import distributions
from pyrodgm.heads.head import Head
from pyrodgm.nn.mlp import check_dim


class Pixels(Head):
    r"""An image whose pixels are independent, each made by the head of a pixel: :math:`\prod_{ij} p(x_{:, i, j})`.

    The parameters are ``head.num_params`` feature maps, as convolutional decoders return them. It makes the heads of
    pixels whose channels depend on each other likelihoods of VAEs over colour images.

    Args:
        head: Of one pixel, with ``event_shape == (channels,)``.
        height: Number of rows.
        width: Number of columns.

    Raises:
        ValueError: If the head is of something else, or a size is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> head = heads.Pixels(heads.DiscretizedLogisticMixture(5, event_shape=3), 4, 6)
        >>> head.num_params, head(torch.zeros(7, head.num_params)).sample().shape
        (1200, torch.Size([7, 3, 4, 6]))
    """

    def __init__(self, head: Head, height: int, width: int) -> None:
        if head.event_dim != 1:
            raise ValueError(
                f"Expected the head of one pixel, event_shape (channels,); got {head!r}. Give a grey one event_shape=1."
            )
        super().__init__((*head.event_shape, check_dim("height", height), check_dim("width", width)))
        self.head = head

    @property
    def num_params(self) -> int:
        """The pixel's, for each pixel."""
        return self.head.num_params * self.event_shape[1] * self.event_shape[2]

    def _pixels(self, params: Tensor) -> Tensor:
        """View ``(*batch, num_params)`` as ``(*batch, height, width, head.num_params)``."""
        return params.unflatten(-1, (self.head.num_params, *self.event_shape[1:])).movedim(-3, -1)

    def make(self, params: Tensor) -> distributions.Pixels:
        """Make the distribution."""
        return distributions.Pixels(self.head(self._pixels(params)))

    def log_prob(self, params: Tensor, value: Tensor) -> Tensor:
        """Return the log-probability by the pixel's head."""
        return self.head.log_prob(self._pixels(params), value.movedim(-3, -1)).sum((-1, -2))

    @property
    def noise_shape(self) -> torch.Size:
        """The pixel's, for each pixel."""
        return self.event_shape[1:] + self.head.noise_shape

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw the noise of all pixels."""
        return self.head.noise((*shape, *self.event_shape[1:]), dtype=dtype, device=device)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Turn each pixel's noise into its channels."""
        return self.head.from_noise(self._pixels(params), noise).movedim(-1, -3)

    def __repr__(self) -> str:
        return f"Pixels({self.head!r}, {self.event_shape[1]}, {self.event_shape[2]})"
