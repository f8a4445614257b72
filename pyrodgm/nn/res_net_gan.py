"""The residual generator and discriminator of SN-GAN."""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.nn.dc_gan import check_norm, halvings, norm_layers
from pyrodgm.nn.gan_networks import PictureDiscriminator, PictureGenerator
from pyrodgm.nn.mlp import check_dim


class ResNetGenerator(PictureGenerator):
    """A linear layer, residual blocks that each double the sides, and a convolution: a picture in [-1, 1].

    Args:
        latent_dim: Features of the input: those of the latent, and of a label where there is one.
        shape: Shape (channels, height, width) of one picture. Its sides are halved as long as they are even and the
            smaller one is at least 8: from 28 to 7, from 32 to 4.
        num_channels: Channels of every map.
        norm: ``"batch"``, ``"layer"`` (over the channels and pixels of one picture) or ``"none"``.

    Raises:
        ValueError: If a size is no positive integer, the sides cannot be halved, the norm is unknown, or, when called,
            if z has another width.

    Example:
        >>> import torch
        >>> ResNetGenerator(10, (3, 32, 32), num_channels=8)(torch.randn(5, 10)).shape
        torch.Size([5, 3072])

    References:
        Miyato, Kataoka, Koyama, Yoshida (2018), Spectral Normalization for Generative Adversarial Networks, appendix
        (the networks for CIFAR-10), https://arxiv.org/abs/1802.05957
    """

    def __init__(self, latent_dim: int, shape: Sequence[int], *, num_channels: int = 256, norm: str = "batch") -> None:
        super().__init__()
        self.latent_dim = check_dim("latent_dim", latent_dim)
        self.shape = check_image_shape(shape)
        self.input_shape = (latent_dim,)
        self.output_dim = math.prod(self.shape)
        sizes = halvings(self.shape)
        inner = (check_dim("num_channels", num_channels), *sizes[-1])
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, math.prod(inner)),
            nn.Unflatten(1, inner),
            *(Doubling(num_channels, check_norm(norm)) for _ in sizes[1:]),
            *norm_layers(norm, num_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(num_channels, self.shape[0], 3, padding=1),
            nn.Tanh(),
        )
        start(self)


class ResNetDiscriminator(PictureDiscriminator):
    """Two residual blocks that halve the sides, residual blocks that keep them, a sum over pixels, a linear layer.

    With more outputs it is a classifier, and ``features`` are what it classifies by. There is no norm inside: a critic
    is bounded by spectral norm or a gradient penalty (see :mod:`pyrodgm.likelihood_free`).

    Args:
        shape: Shape (channels, height, width) of one picture, sides that halve twice. A discriminator of packs takes
            ``size * channels``.
        output_dim: Number of outputs.
        num_channels: Channels of every map.
        num_blocks: Number of blocks that keep the sides.

    Raises:
        ValueError: If a size is no positive integer (``num_blocks`` may be 0), a side cannot be halved twice, or, when
            called, if x has another shape.

    Example:
        >>> import torch
        >>> net = ResNetDiscriminator((3, 32, 32), num_channels=8)
        >>> net(torch.randn(5, 3072)).shape, net.features(torch.randn(5, 3, 32, 32)).shape
        (torch.Size([5, 1]), torch.Size([5, 8]))

    References:
        Miyato, Kataoka, Koyama, Yoshida (2018), Spectral Normalization for Generative Adversarial Networks, appendix
        (the networks for CIFAR-10), https://arxiv.org/abs/1802.05957
    """

    def __init__(
        self, shape: Sequence[int], output_dim: int = 1, *, num_channels: int = 128, num_blocks: int = 2
    ) -> None:
        super().__init__()
        self.input_shape = check_image_shape(shape)
        if any(side % 4 for side in self.input_shape[1:]):
            raise ValueError(f"Expected pictures with sides of multiples of 4; got shape {self.input_shape}. Pad them.")
        self.output_dim = check_dim("output_dim", output_dim)
        self.feature_dim = check_dim("num_channels", num_channels)
        self.layers = nn.Sequential(
            FirstHalving(self.input_shape[0], num_channels),
            Halving(num_channels),
            *(PlainBlock(num_channels) for _ in range(check_dim("num_blocks", num_blocks, 0))),
            nn.ReLU(inplace=True),
            SumOfPixels(),
        )
        self.output_layer = nn.Linear(num_channels, output_dim)
        start(self)


class SumOfPixels(nn.Module):
    """Adds up the pixels of each map."""

    def forward(self, h: Tensor) -> Tensor:
        """Sum ``h``, ``(num, channels, height, width)``, to ``(num, channels)``."""
        return h.sum((-2, -1))


class Doubling(nn.Module):
    """Norm, ReLU, nearest pixels doubled, convolution, norm, ReLU, convolution; added to the doubled, mixed input."""

    def __init__(self, num_channels: int, norm: str) -> None:
        super().__init__()
        self.first_norm = nn.Sequential(*norm_layers(norm, num_channels))
        self.first = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.second_norm = nn.Sequential(*norm_layers(norm, num_channels))
        self.second = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.shortcut = nn.Conv2d(num_channels, num_channels, 1)

    def forward(self, h: Tensor) -> Tensor:
        """Double the sides of ``h``, ``(num, channels, height, width)``."""
        main = self.first(F.interpolate(F.relu(self.first_norm(h)), scale_factor=2))
        main = self.second(F.relu(self.second_norm(main)))
        # Pixel by pixel, so that mixing before doubling is the same as after, at a quarter of the work.
        return main + F.interpolate(self.shortcut(h), scale_factor=2)


class PlainBlock(nn.Module):
    """ReLU, convolution, ReLU, convolution, added to the input."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.second = nn.Conv2d(num_channels, num_channels, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        """Keep the sides of ``h``."""
        return h + self.second(F.relu(self.first(F.relu(h)), inplace=True))


class Halving(nn.Module):
    """A block whose result is averaged over squares of two by two pixels, and whose input is mixed."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.second = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.shortcut = nn.Conv2d(num_channels, num_channels, 1)

    def forward(self, h: Tensor) -> Tensor:
        """Halve the sides of ``h``."""
        main = self.second(F.relu(self.first(F.relu(h)), inplace=True))
        return F.avg_pool2d(main, 2) + self.shortcut(F.avg_pool2d(h, 2))


class FirstHalving(nn.Module):
    """The block at the picture itself, with no ReLU before its first convolution."""

    def __init__(self, input_channels: int, num_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(input_channels, num_channels, 3, padding=1)
        self.second = nn.Conv2d(num_channels, num_channels, 3, padding=1)
        self.shortcut = nn.Conv2d(input_channels, num_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the sides of ``x``."""
        main = self.second(F.relu(self.first(x), inplace=True))
        return F.avg_pool2d(main, 2) + self.shortcut(F.avg_pool2d(x, 2))


def start(net: nn.Module) -> None:
    """Draw weights by Glorot's rule, those of 3 x 3 pixels a square root of 2 wider, and set biases to zero."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            wide = isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
            nn.init.xavier_uniform_(module.weight, gain=math.sqrt(2.0) if wide else 1.0)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
