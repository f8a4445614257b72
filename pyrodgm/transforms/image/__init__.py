"""Bijections of images: events of shape ``(channels, height, width)``."""

from pyrodgm.transforms.image.channel_coupling import ChannelCoupling
from pyrodgm.transforms.image.checkerboard_coupling import CheckerboardCoupling
from pyrodgm.transforms.image.flattened import Flattened
from pyrodgm.transforms.image.invertible_convolution import InvertibleConvolution
from pyrodgm.transforms.image.multiscale import Multiscale
from pyrodgm.transforms.image.squeeze import Squeeze

__all__ = [
    "ChannelCoupling",
    "CheckerboardCoupling",
    "Flattened",
    "InvertibleConvolution",
    "Multiscale",
    "Squeeze",
]
