"""A pair of convolutional networks for small images: image to vector and vector to image."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pyrodgm.nn.mlp import check_dim, check_inputs, input_layers


def check_image_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return the shape of an image, (channels, height, width), or say what is wrong with it.

    Raises:
        ValueError: If it has other dimensions, or a size that is no positive integer.
    """
    if len(shape) != 3:
        raise ValueError(
            f"Expected shape to be (channels, height, width); got {tuple(shape)}. Give a grey image one channel."
        )
    channels, height, width = (check_dim("shape", size) for size in shape)
    return channels, height, width


def _halvings(shape: tuple[int, int, int], num_layers: int) -> list[tuple[int, int]]:
    """Return the heights and widths that repeated stride-2 convolutions of kernel 3 and padding 1 pass through."""
    sizes = [shape[1:]]
    for _ in range(num_layers):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


class ConvEncoder(nn.Module):
    """Stride-2 convolutions with ReLUs, then one linear layer: from an image to a vector.

    Args:
        shape: Shape (channels, height, width) of one image; any size.
        output_dim: Number of outputs.
        channels: Channels after each convolution; each halves height and width, rounding up.
        context_dim: Number of context features, which enter the linear layer; 0 means no context.

    Raises:
        ValueError: If a size is no positive integer, or, when called, if x has another shape or the context another
            width.

    Example:
        >>> net = ConvEncoder((1, 28, 20), 10)
        >>> net(torch.randn(5, 1, 28, 20)).shape, net(torch.randn(7, 5, 560)).shape
        (torch.Size([5, 10]), torch.Size([7, 5, 10]))
    """

    def __init__(
        self, shape: Sequence[int], output_dim: int, *, channels: Sequence[int] = (32, 64), context_dim: int = 0
    ) -> None:
        super().__init__()
        self.input_shape = check_image_shape(shape)
        self.output_dim = check_dim("output_dim", output_dim)
        self.context_dim = check_dim("context_dim", context_dim, 0)
        self.channels = tuple(check_dim("channels", width) for width in channels)
        layers: list[nn.Module] = []
        previous = self.input_shape[0]
        for width in self.channels:
            layers += [nn.Conv2d(previous, width, 3, stride=2, padding=1), nn.ReLU(inplace=True)]
            previous = width
        self.convolutions = nn.Sequential(*layers)
        features = previous * math.prod(_halvings(self.input_shape, len(self.channels))[-1])
        self.output_layer, self.context_layer = input_layers(features, context_dim, output_dim)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Evaluate the network.

        Args:
            x: Images of shape (*batch, channels, height, width), or flat (*batch, channels * height * width).
            context: Context of shape (*batch', context_dim), where batch and batch' broadcast.

        Returns:
            Output of shape (*broadcast(batch, batch'), output_dim).

        Raises:
            ValueError: If x has another shape, or a context is missing, superfluous or of another width.
        """
        batch = self._batch_shape(x)
        h = self.convolutions(x.reshape(math.prod(batch), *self.input_shape)).flatten(1)
        h = self.output_layer(h).reshape(*batch, self.output_dim)
        if context is None and self.context_layer is None:
            return h
        check_inputs(self.output_dim, self.context_dim, h, context)
        return h + self.context_layer(context)  # type: ignore[misc]

    def _batch_shape(self, x: Tensor) -> torch.Size:
        if x.dim() >= 3 and x.shape[-3:] == self.input_shape:
            return x.shape[:-3]
        size = math.prod(self.input_shape)
        if x.dim() == 0 or x.shape[-1] != size:
            raise ValueError(
                f"Expected x of shape (*batch, {', '.join(map(str, self.input_shape))}) or (*batch, {size}); "
                f"got {tuple(x.shape)}. Build the network with the shape of one image."
            )
        return x.shape[:-1]


class ConvDecoder(nn.Module):
    """One linear layer, then transposed stride-2 convolutions with ReLUs: from a vector to an image's parameters.

    Args:
        input_dim: Number of features of the input.
        shape: Shape (channels, height, width) of one image; any size.
        num_params: Number of parameters of each pixel's distribution.
        channels: Channels before each convolution; each doubles height and width, up to the sizes that the encoder of
            the same shape passes through.

    Raises:
        ValueError: If a size is no positive integer, ``channels`` is empty, or, when called, if x has another width.

    Example:
        >>> net = ConvDecoder(10, (1, 28, 20), num_params=2)
        >>> net(torch.randn(7, 5, 10)).shape
        torch.Size([7, 5, 1120])
    """

    def __init__(
        self, input_dim: int, shape: Sequence[int], *, num_params: int = 1, channels: Sequence[int] = (64, 32)
    ) -> None:
        super().__init__()
        self.input_dim = check_dim("input_dim", input_dim)
        self.shape = check_image_shape(shape)
        self.num_params = check_dim("num_params", num_params)
        self.channels = tuple(check_dim("channels", width) for width in channels)
        if not self.channels:
            raise ValueError("Expected channels to name at least one width; got (). Give channels=(32,), say.")
        self.input_shape = (input_dim,)
        self.output_dim = num_params * math.prod(self.shape)
        sizes = _halvings(self.shape, len(self.channels))[::-1]
        self.inner_shape = (self.channels[0], *sizes[0])
        self.input_layer = nn.Linear(input_dim, math.prod(self.inner_shape))
        layers: list[nn.Module] = []
        widths = (*self.channels, num_params * self.shape[0])
        for i, (before, after) in enumerate(itertools.pairwise(sizes)):
            # A transposed convolution of kernel 3 and padding 1 turns n into 2 n - 1, or 2 n with one row added.
            added = (after[0] - 2 * before[0] + 1, after[1] - 2 * before[1] + 1)
            convolution = nn.ConvTranspose2d(widths[i], widths[i + 1], 3, stride=2, padding=1, output_padding=added)
            layers += [nn.ReLU(inplace=True), convolution]
        self.convolutions = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the network.

        Args:
            x: Input of shape (*batch, input_dim).

        Returns:
            Parameters of shape (*batch, num_params * channels * height * width): each parameter's whole image in turn.

        Raises:
            ValueError: If x has another width.
        """
        check_inputs(self.input_dim, 0, x, None)
        batch = x.shape[:-1]
        h = self.input_layer(x).reshape(math.prod(batch), *self.inner_shape)
        return self.convolutions(h).reshape(*batch, self.output_dim)
