"""A pair of residual convolutional networks: image to vector or feature map, and back to an image's parameters."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.nn.mlp import check_dim

SMALLEST_SIDE = 8  # a decoder of vectors starts from maps whose smaller side is below


class ResidualBlock(nn.Module):
    """Two convolutions, each after its ReLU, added to their input: ``h + W_2 a(W_1 a(h))``, 3 and 1 pixels wide.

    Args:
        num_channels: Channels before, between and after.
        convolution: Class of the convolutions.
    """

    def __init__(self, num_channels: int, convolution: type[nn.Conv2d] = nn.Conv2d) -> None:
        super().__init__()
        self.wide = convolution(num_channels, num_channels, 3, padding=1)
        self.narrow = convolution(num_channels, num_channels, 1)

    def forward(self, h: Tensor) -> Tensor:
        """Add the two layers to ``h``, ``(num, num_channels, height, width)``."""
        return h + self.narrow(F.relu(self.wide(F.relu(h)), inplace=True))


class ResNetEncoder(nn.Module):
    """Stride-2 convolutions, then residual blocks: from an image to a vector or a feature map.

    Args:
        shape: Shape (channels, height, width) of one image; any size.
        output_shape: Number of outputs, or shape (channels, height, width) of a feature map, whose sides are the
            image's, halved ``num_halvings`` times and rounded up.
        num_channels: Channels of every layer inside.
        num_halvings: Number of convolutions that each halve height and width, rounding up.
        num_blocks: Number of residual blocks after them.
        num_levels: Number of values of a variable, scaled from 0 .. num_levels - 1 to [-1, 1]; ``None`` takes images
            as they are.

    Raises:
        ValueError: If a size is no positive integer (``num_halvings`` and ``num_blocks`` may be 0), there is one level
            only, the map asked for has other sides, or, when called, if x has another shape.

    Example:
        >>> vectors, maps = ResNetEncoder((1, 28, 28), 10), ResNetEncoder((1, 28, 28), (64, 7, 7))
        >>> vectors(torch.randn(5, 1, 28, 28)).shape, maps(torch.randn(5, 784)).shape
        (torch.Size([5, 10]), torch.Size([5, 64, 7, 7]))

    References:
        He, Zhang, Ren, Sun (2016), Identity Mappings in Deep Residual Networks, https://arxiv.org/abs/1603.05027;
        van den Oord, Vinyals, Kavukcuoglu (2017), Neural Discrete Representation Learning, section 4.1 (the blocks),
        https://arxiv.org/abs/1711.00937
    """

    def __init__(
        self,
        shape: Sequence[int],
        output_shape: int | Sequence[int],
        *,
        num_channels: int = 64,
        num_halvings: int = 2,
        num_blocks: int = 2,
        num_levels: int | None = None,
    ) -> None:
        super().__init__()
        self.num_levels = None if num_levels is None else check_dim("num_levels", num_levels, 2)
        self.input_shape = check_image_shape(shape)
        self.num_channels = check_dim("num_channels", num_channels)
        self.num_halvings = check_dim("num_halvings", num_halvings, 0)
        self.num_blocks = check_dim("num_blocks", num_blocks, 0)
        inner = halved(self.input_shape, num_halvings)
        self.output_shape = map_or_vector(output_shape, "output_shape")
        self.output_dim = math.prod(self.output_shape)
        channels = self.input_shape[0]
        layers: list[nn.Module] = [] if num_halvings else [nn.Conv2d(channels, num_channels, 3, padding=1)]
        for i in range(num_halvings):
            before = channels if i == 0 else num_channels
            layers += [nn.ReLU(inplace=True)] * (i > 0)
            layers.append(nn.Conv2d(before, num_channels, 3, stride=2, padding=1))
        layers += [ResidualBlock(num_channels) for _ in range(num_blocks)]
        layers.append(nn.ReLU(inplace=True))
        if len(self.output_shape) == 1:
            layers += [nn.Flatten(), nn.Linear(num_channels * math.prod(inner), self.output_dim)]
        elif self.output_shape[1:] == inner:
            layers.append(nn.Conv2d(num_channels, self.output_shape[0], 1))
        else:
            raise ValueError(
                f"Expected output_shape ({self.output_shape[0]}, {inner[0]}, {inner[1]}) for images of shape "
                f"{self.input_shape} and num_halvings={num_halvings}; got {self.output_shape}. Change either."
            )
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the network.

        Args:
            x: Images of shape (*batch, channels, height, width), or flat (*batch, channels * height * width).

        Returns:
            Output of shape (*batch, *output_shape).

        Raises:
            ValueError: If x has another shape.
        """
        batch = batch_of(x, self.input_shape)
        if self.num_levels is not None:
            x = x * (2 / (self.num_levels - 1)) - 1
        h = self.layers(x.reshape(math.prod(batch), *self.input_shape))
        return h.reshape(*batch, *self.output_shape)


class ResNetDecoder(nn.Module):
    """Residual blocks, then transposed stride-2 convolutions: from a vector or a feature map to an image's parameters.

    Args:
        input_shape: Number of features of the input, or shape (channels, height, width) of a feature map, whose sides
            are the image's, halved some times and rounded up; that tells how often the decoder doubles them. From a
            vector it starts at the first halving whose smaller side is below 8.
        shape: Shape (channels, height, width) of one image; any size.
        num_params: Number of parameters of each pixel's distribution.
        num_channels: Channels of every layer inside.
        num_blocks: Number of residual blocks before the doublings.

    Raises:
        ValueError: If a size is no positive integer (``num_blocks`` may be 0), no number of doublings leads from the
            map to the image, or, when called, if x has another shape.

    Example:
        >>> vectors, maps = ResNetDecoder(10, (1, 28, 28)), ResNetDecoder((64, 7, 7), (1, 28, 28), num_params=2)
        >>> vectors(torch.randn(5, 10)).shape, maps(torch.randn(5, 64, 7, 7)).shape
        (torch.Size([5, 784]), torch.Size([5, 1568]))

    References:
        van den Oord, Vinyals, Kavukcuoglu (2017), Neural Discrete Representation Learning, section 4.1,
        https://arxiv.org/abs/1711.00937
    """

    def __init__(
        self,
        input_shape: int | Sequence[int],
        shape: Sequence[int],
        *,
        num_params: int = 1,
        num_channels: int = 64,
        num_blocks: int = 2,
    ) -> None:
        super().__init__()
        self.shape = check_image_shape(shape)
        self.input_shape = map_or_vector(input_shape, "input_shape")
        self.num_params = check_dim("num_params", num_params)
        self.num_channels = check_dim("num_channels", num_channels)
        self.num_blocks = check_dim("num_blocks", num_blocks, 0)
        self.output_dim = num_params * math.prod(self.shape)
        num_doublings = self._num_doublings()
        sizes = [halved(self.shape, i) for i in range(num_doublings, -1, -1)]
        layers: list[nn.Module]
        if len(self.input_shape) == 1:
            inner = (num_channels, *sizes[0])
            layers = [nn.Linear(self.input_shape[0], math.prod(inner)), nn.Unflatten(1, inner)]
        else:
            layers = [nn.Conv2d(self.input_shape[0], num_channels, 3, padding=1)]
        layers += [ResidualBlock(num_channels) for _ in range(num_blocks)]
        layers.append(nn.ReLU(inplace=True))
        outputs = num_params * self.shape[0]
        if num_doublings == 0:
            layers.append(nn.Conv2d(num_channels, outputs, 3, padding=1))
        for i in range(num_doublings):
            last = i == num_doublings - 1
            # A transposed convolution of kernel 3 and padding 1 turns n into 2 n - 1, or 2 n with one row added.
            (height, width), after = sizes[i], sizes[i + 1]
            added = (after[0] - 2 * height + 1, after[1] - 2 * width + 1)
            channels = outputs if last else num_channels
            layers.append(nn.ConvTranspose2d(num_channels, channels, 3, stride=2, padding=1, output_padding=added))
            layers += [nn.ReLU(inplace=True)] * (not last)
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the network.

        Args:
            x: Input of shape (*batch, *input_shape); a feature map may also be flat.

        Returns:
            Parameters of shape (*batch, num_params * channels * height * width): each parameter's whole image in turn.

        Raises:
            ValueError: If x has another shape.
        """
        batch = batch_of(x, self.input_shape)
        h = self.layers(x.reshape(math.prod(batch), *self.input_shape))
        return h.reshape(*batch, self.output_dim)

    def _num_doublings(self) -> int:
        """Return how many doublings lead from the input to the image."""
        most = max(self.shape[1:]).bit_length()
        if len(self.input_shape) == 1:
            return next(i for i in range(most + 1) if min(halved(self.shape, i)) < SMALLEST_SIDE)
        sizes = [halved(self.shape, i) for i in range(most + 1)]
        if self.input_shape[1:] in sizes:
            return sizes.index((self.input_shape[1], self.input_shape[2]))
        raise ValueError(
            f"Expected input_shape (channels, height, width) with sides among {sizes}, the halvings of an image of "
            f"shape {self.shape}; got {self.input_shape}. Give the encoder's output_shape."
        )


def halved(shape: Sequence[int], times: int) -> tuple[int, int]:
    """Return the height and width of an image after so many halvings, each rounded up."""
    return -(-shape[1] // 2**times), -(-shape[2] // 2**times)


def map_or_vector(shape: int | Sequence[int], name: str) -> tuple[int, ...]:
    """Return the shape of a feature map, or of a vector given by its width.

    Raises:
        ValueError: If it is neither, or a size is no positive integer.
    """
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if len(sizes) not in (1, 3):
        raise ValueError(
            f"Expected {name} to be a number of features or (channels, height, width); got {sizes}. Give one of these."
        )
    return tuple(check_dim(name, size) for size in sizes)


def batch_of(x: Tensor, shape: tuple[int, ...]) -> torch.Size:
    """Return the batch shape of inputs of one shape, whole or flat.

    Raises:
        ValueError: If x has another shape.
    """
    if len(shape) > 1 and x.dim() >= len(shape) and x.shape[-len(shape) :] == shape:
        return x.shape[: -len(shape)]
    size = math.prod(shape)
    if x.dim() == 0 or x.shape[-1] != size:
        whole = f"(*batch, {', '.join(map(str, shape))})"
        raise ValueError(
            f"Expected x of shape {whole}{'' if len(shape) == 1 else f' or (*batch, {size})'}; got {tuple(x.shape)}. "
            "Build the network with the shape of one input."
        )
    return x.shape[:-1]
