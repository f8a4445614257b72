"""The channels of one pixel, each a categorical given the earlier ones."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyrodgm import distributions
from pyrodgm.heads.head import Head


class ChannelCategorical(Head):
    r"""One pixel of :math:`C` channels over :math:`\{0, \dots, L-1\}` that depend on each other.

    See :class:`pyrodgm.distributions.ChannelCategorical`. The parameters are logits, then coefficients, channel by
    channel. Zero parameters mean equal probabilities.

    Args:
        num_levels: Number :math:`L` of levels.
        num_channels: Number :math:`C` of channels.

    Raises:
        ValueError: If there are fewer than two levels, or no channel.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> head = heads.ChannelCategorical(256, 3)
        >>> head.num_params, head(torch.zeros(5, 1536)).sample().shape
        (1536, torch.Size([5, 3]))
    """

    def __init__(self, num_levels: int, num_channels: int) -> None:
        super().__init__((num_channels,))
        if num_levels < 2:
            raise ValueError(f"Expected num_levels of at least 2; got {num_levels}. One level needs no distribution.")
        self.num_levels = num_levels

    @property
    def num_params(self) -> int:
        """One logit a level and channel, and one coefficient a level and pair of channels."""
        channels = self.num_variables
        return self.num_levels * (channels + channels * (channels - 1) // 2)

    def make(self, params: Tensor) -> distributions.ChannelCategorical:
        """Make the distribution."""
        return self._make(params)

    def _make(self, params: Tensor, validate_args: bool | None = None) -> distributions.ChannelCategorical:
        rows = params.unflatten(-1, (-1, self.num_levels))
        logits, coefficients = rows.tensor_split([self.num_variables], -2)
        return distributions.ChannelCategorical(logits, coefficients, validate_args=validate_args)

    def log_prob(self, params: Tensor, value: Tensor) -> Tensor:
        """Return log-probabilities in nats, of values that need no check."""
        return self._make(params, validate_args=False).log_prob(value)

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw uniforms, one a channel."""
        return torch.rand((*shape, *self.event_shape), dtype=dtype, device=device)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Invert each channel's cumulative distribution at its uniform, given the earlier channels."""
        return self._make(params, validate_args=False).from_uniforms(noise)

    def __repr__(self) -> str:
        return f"ChannelCategorical({self.num_levels}, num_channels={self.num_variables})"
