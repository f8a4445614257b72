"""A small convolutional network from images to maps of the same size, with an optional context."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.mlp import check_dim, check_inputs


class ConvNet(nn.Module):
    """Three convolutions, 3, 1 and 3 pixels wide, with ReLUs between them: the conditioner of Glow.

    The context is projected once and added to every pixel of the first layer. The last layer starts at zero, so that a
    flow whose parameters come from this network starts at its identity.

    Args:
        input_channels: Channels of the images.
        output_channels: Channels of the output.
        hidden_channels: Channels of the two layers in between.
        context_dim: Number of context features; 0 means no context.

    Raises:
        ValueError: If a size is no positive integer (``context_dim`` may be 0), or, when called, if x has other
            channels, or a context is missing, superfluous or of another width.

    Example:
        >>> net = ConvNet(3, 6, hidden_channels=8, context_dim=2)
        >>> net(torch.randn(7, 5, 3, 8, 9), torch.randn(5, 2)).shape
        torch.Size([7, 5, 6, 8, 9])

    References:
        Kingma, Dhariwal (2018), Glow, https://arxiv.org/abs/1807.03039
    """

    def __init__(
        self, input_channels: int, output_channels: int, *, hidden_channels: int = 64, context_dim: int = 0
    ) -> None:
        super().__init__()
        self.input_channels = check_dim("input_channels", input_channels)
        self.output_channels = check_dim("output_channels", output_channels)
        self.hidden_channels = check_dim("hidden_channels", hidden_channels)
        self.context_dim = check_dim("context_dim", context_dim, 0)
        self.input_layer = nn.Conv2d(input_channels, hidden_channels, 3, padding=1)
        self.context_layer = context_layer(context_dim, hidden_channels)
        self.inner_layer = nn.Conv2d(hidden_channels, hidden_channels, 1)
        self.output_layer = zero_convolution(hidden_channels, output_channels)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Evaluate the network.

        Args:
            x: Images of shape (*batch, input_channels, height, width).
            context: Context of shape (*batch', context_dim), where batch and batch' broadcast.

        Returns:
            Maps of shape (*broadcast(batch, batch'), output_channels, height, width).

        Raises:
            ValueError: If x has other channels, or a context is missing, superfluous or of another width.
        """
        batch = image_batch(x, self.input_channels, context, self.context_dim)
        h = self.input_layer(x.reshape(math.prod(batch), *x.shape[-3:]))
        if self.context_layer is not None:
            h, batch = add_to_pixels(h, batch, self.context_layer(context))
        h = F.relu(self.inner_layer(F.relu(h, inplace=True)), inplace=True)
        h = self.output_layer(h)
        return h.reshape(*batch, *h.shape[1:])


def image_batch(x: Tensor, num_channels: int, context: Tensor | None, context_dim: int) -> torch.Size:
    """Return the batch shape of images, and compare channels and context with those that a network was built for.

    Raises:
        ValueError: If x has other channels, or a context is missing, superfluous or of another width.
    """
    if x.dim() < 3 or x.shape[-3] != num_channels:
        raise ValueError(
            f"Expected x of shape (*batch, {num_channels}, height, width); got {tuple(x.shape)}. "
            "Build the network with the channels of x."
        )
    if context is not None or context_dim:
        check_inputs(0, context_dim, x.new_empty(0), context)
    return x.shape[:-3]


def context_layer(context_dim: int, num_channels: int) -> nn.Linear | None:
    """Return what projects a context on the channels of a layer that has a bias already; ``None`` for no context."""
    return nn.Linear(context_dim, num_channels, bias=False) if context_dim else None


def add_to_pixels(h: Tensor, batch: torch.Size, projected: Tensor) -> tuple[Tensor, torch.Size]:
    """Add a context's projection to every pixel.

    Args:
        h: Maps, ``(num, channels, height, width)`` with the ``num`` images of ``batch``.
        batch: Shape of their batch.
        projected: ``(*batch', channels)``, broadcast against the batch.

    Returns:
        ``(num', channels, height, width)``, and the shape of the batch of both together.
    """
    added = h.reshape(*batch, *h.shape[1:]) + projected[..., None, None]
    batch = added.shape[:-3]
    return added.reshape(math.prod(batch), *added.shape[-3:]), batch


def zero_convolution(num_channels: int, output_channels: int) -> nn.Conv2d:
    """Return a convolution of 3 x 3 pixels that starts at zero."""
    layer = nn.Conv2d(num_channels, output_channels, 3, padding=1)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
