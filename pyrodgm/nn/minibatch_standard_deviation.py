"""What one datum cannot show: how much a batch varies."""

import torch
from torch import Tensor, nn

from pyrodgm.nn.mlp import check_dim


class MinibatchStandardDeviation(nn.Module):
    """Adds one feature, or one channel: the standard deviation over a group of rows, averaged over all features.

    In a discriminator it shows a generator whose draws are all alike. Scores of a group then depend on each other.

    Args:
        group_size: Number of consecutive rows of a group; it must divide the batch. ``None`` takes the whole batch.

    Raises:
        ValueError: If a group has fewer than two rows, or, when called, groups do not divide the batch.

    Example:
        >>> layer = MinibatchStandardDeviation(group_size=4)
        >>> layer(torch.randn(8, 3, 5, 5)).shape, layer(torch.randn(8, 3)).shape
        (torch.Size([8, 4, 5, 5]), torch.Size([8, 4]))

    References:
        Karras, Aila, Laine, Lehtinen (2018), Progressive Growing of GANs, section 3, https://arxiv.org/abs/1710.10196
    """

    def __init__(self, group_size: int | None = None) -> None:
        super().__init__()
        self.group_size = None if group_size is None else check_dim("group_size", group_size, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the layer.

        Args:
            x: Features ``(num, features)`` or maps ``(num, channels, height, width)``.

        Returns:
            The same with one more feature or channel.

        Raises:
            ValueError: If the batch has one row, or groups do not divide it.
        """
        if x.dim() < 2 or len(x) < 2:
            raise ValueError(
                f"Expected a batch of at least 2 rows for its standard deviation; got shape {tuple(x.shape)}. "
                "Score several data together."
            )
        size = len(x) if self.group_size is None else self.group_size
        if len(x) % size:
            raise ValueError(
                f"Expected a batch that groups of {size} divide; got {len(x)} rows. Change the batch or group_size."
            )
        groups = x.reshape(len(x) // size, size, -1)
        # The root has no derivative at 0, where all rows are alike.
        deviation = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean(1)
        added = deviation.repeat_interleave(size).reshape(len(x), *[1] * (x.dim() - 1))
        return torch.cat((x, added.expand(len(x), 1, *x.shape[2:])), 1)
