"""The convolutional generator and discriminator of DCGAN, for pictures whose sides halve evenly."""

import itertools
import math
from collections.abc import Sequence

from torch import nn

from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.nn.gan_networks import PictureDiscriminator, PictureGenerator
from pyrodgm.nn.mlp import check_dim

NORMS = ("batch", "layer", "none")
START_SCALE = 0.02  # of the normal that weights start from
SLOPE = 0.2  # of the discriminator's rectifiers below zero


class DCGANGenerator(PictureGenerator):
    """Transposed convolutions of 4 x 4 pixels that each double the sides: from a latent to a picture in [-1, 1].

    A linear layer makes the smallest map; norm and ReLU follow every layer but the last, which a tanh follows.

    Args:
        latent_dim: Features of the input: those of the latent, and of a label where there is one.
        shape: Shape (channels, height, width) of one picture. Its sides are halved as long as they are even and the
            smaller one is at least 8: from 28 to 7, from 32 to 4, from 8 to 4.
        num_channels: Channels of the map before the last layer; each map further in has twice as many.
        norm: ``"batch"``, ``"layer"`` (over the channels and pixels of one picture) or ``"none"``.

    Raises:
        ValueError: If a size is no positive integer, the sides cannot be halved, the norm is unknown, or, when called,
            if z has another width.

    Example:
        >>> import torch
        >>> DCGANGenerator(10, (3, 32, 32), num_channels=8)(torch.randn(5, 10)).shape
        torch.Size([5, 3072])

    References:
        Radford, Metz, Chintala (2016), Unsupervised Representation Learning with Deep Convolutional Generative
        Adversarial Networks, section 3, https://arxiv.org/abs/1511.06434
    """

    def __init__(self, latent_dim: int, shape: Sequence[int], *, num_channels: int = 64, norm: str = "batch") -> None:
        super().__init__()
        self.latent_dim = check_dim("latent_dim", latent_dim)
        self.shape = check_image_shape(shape)
        self.input_shape = (latent_dim,)
        self.output_dim = math.prod(self.shape)
        sizes = halvings(self.shape)[::-1]
        widths = [check_dim("num_channels", num_channels) * 2**i for i in range(len(sizes) - 1)][::-1]
        bias = check_norm(norm) == "none"
        inner = (widths[0], *sizes[0])
        layers: list[nn.Module] = [nn.Linear(latent_dim, math.prod(inner), bias=bias), nn.Unflatten(1, inner)]
        for i, (before, after) in enumerate(itertools.pairwise([*widths, self.shape[0]]), 1):
            layers += [*norm_layers(norm, before), nn.ReLU(inplace=True)]
            layers.append(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias or i == len(widths)))
        self.layers = nn.Sequential(*layers, nn.Tanh())
        start(self)


class DCGANDiscriminator(PictureDiscriminator):
    """Convolutions of 4 x 4 pixels that each halve the sides, leaky ReLUs, and a linear layer: a picture's score.

    With more outputs it is a classifier, and ``features`` are what it classifies by. A norm follows every convolution
    but the first; a critic with a gradient penalty must have ``norm="none"`` or ``"layer"``, because the penalty is a
    picture's own and batch norm mixes pictures.

    Args:
        shape: Shape (channels, height, width) of one picture, halved as in :class:`DCGANGenerator`. A discriminator of
            packs takes ``size * channels``.
        output_dim: Number of outputs.
        num_channels: Channels after the first convolution; each further one doubles them.
        norm: ``"batch"``, ``"layer"`` or ``"none"``.

    Raises:
        ValueError: If a size is no positive integer, the sides cannot be halved, the norm is unknown, or, when called,
            if x has another shape.

    Example:
        >>> import torch
        >>> net = DCGANDiscriminator((1, 28, 28), num_channels=8)
        >>> net(torch.randn(5, 784)).shape, net.features(torch.randn(5, 1, 28, 28)).shape
        (torch.Size([5, 1]), torch.Size([5, 784]))

    References:
        Radford, Metz, Chintala (2016), Unsupervised Representation Learning with Deep Convolutional Generative
        Adversarial Networks, section 3, https://arxiv.org/abs/1511.06434;
        Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville (2017), Improved Training of Wasserstein GANs, section 4 (no
        batch norm), https://arxiv.org/abs/1704.00028
    """

    def __init__(
        self, shape: Sequence[int], output_dim: int = 1, *, num_channels: int = 64, norm: str = "batch"
    ) -> None:
        super().__init__()
        self.input_shape = check_image_shape(shape)
        self.output_dim = check_dim("output_dim", output_dim)
        sizes = halvings(self.input_shape)
        bias = check_norm(norm) == "none"
        widths = [check_dim("num_channels", num_channels) * 2**i for i in range(len(sizes) - 1)]
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(itertools.pairwise([self.input_shape[0], *widths])):
            layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=bias or i == 0))
            layers += [*(norm_layers(norm, after) if i else ()), nn.LeakyReLU(SLOPE, inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.feature_dim = widths[-1] * math.prod(sizes[-1])
        self.output_layer = nn.Linear(self.feature_dim, output_dim)
        start(self)


def halvings(shape: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Return the sides of a picture and of its halves, as long as they are even and the smaller is at least 8.

    Raises:
        ValueError: If there is not one such halving.
    """
    height, width = shape[1:]
    sizes = [(height, width)]
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 8:
        height, width = height // 2, width // 2
        sizes.append((height, width))
    if len(sizes) == 1:
        raise ValueError(
            f"Expected pictures with even sides of at least 8; got shape {tuple(shape)}. Pad them, to 8 x 8 say."
        )
    return sizes


def check_norm(norm: str) -> str:
    """Return the name of a norm, or say which there are.

    Raises:
        ValueError: If it is unknown.
    """
    if norm not in NORMS:
        raise ValueError(f'Expected norm to be one of {", ".join(NORMS)}; got {norm!r}. Take "none" under a penalty.')
    return norm


def norm_layers(norm: str, num_channels: int) -> list[nn.Module]:
    """Return the layer that normalises maps, or none."""
    if norm == "batch":
        return [nn.BatchNorm2d(num_channels)]
    return [nn.GroupNorm(1, num_channels)] if norm == "layer" else []


def start(net: nn.Module) -> None:
    """Draw weights from a narrow normal, and set biases to zero."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, std=START_SCALE)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
