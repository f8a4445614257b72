"""Readers of real data in named splits, and toy densities in two dimensions.

Every reader returns :class:`Splits` of :class:`Dataset` in the default dtype. ``root`` is the folder that holds the
sets, one folder each; nothing is downloaded, and an error says what belongs where.
"""

from pyrodgm.data import toy
from pyrodgm.data.binarized_mnist import binarized_mnist
from pyrodgm.data.bsds300 import bsds300
from pyrodgm.data.caltech101_silhouettes import caltech101_silhouettes
from pyrodgm.data.captions import CaptionedSplits, captioned_digits, captioned_mnist
from pyrodgm.data.characters import Characters
from pyrodgm.data.cifar10_first4000 import cifar10_first4000
from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.debd import debd
from pyrodgm.data.digits import digits
from pyrodgm.data.draws_of import DensitySplits, draws_of
from pyrodgm.data.freyfaces import freyfaces
from pyrodgm.data.fsdd import fsdd
from pyrodgm.data.labels_of import labels_of
from pyrodgm.data.mnist import mnist
from pyrodgm.data.mu_law import inverse_mu_law, mu_law
from pyrodgm.data.omniglot import omniglot
from pyrodgm.data.rescaled import rescaled
from pyrodgm.data.rotations import rotations
from pyrodgm.data.stacked_mnist import stacked_mnist
from pyrodgm.data.tinyshakespeare import tinyshakespeare
from pyrodgm.data.uci_regression import uci_regression
from pyrodgm.data.uci_tabular import uci_tabular
from pyrodgm.data.wav import read_wav, write_wav
from pyrodgm.data.with_label_context import with_label_context
from pyrodgm.data.words import Words

__all__ = [
    "CaptionedSplits",
    "Characters",
    "Dataset",
    "DensitySplits",
    "Splits",
    "Words",
    "binarized_mnist",
    "bsds300",
    "caltech101_silhouettes",
    "captioned_digits",
    "captioned_mnist",
    "cifar10_first4000",
    "debd",
    "digits",
    "draws_of",
    "freyfaces",
    "fsdd",
    "inverse_mu_law",
    "labels_of",
    "mnist",
    "mu_law",
    "omniglot",
    "read_wav",
    "rescaled",
    "rotations",
    "stacked_mnist",
    "tinyshakespeare",
    "toy",
    "uci_regression",
    "uci_tabular",
    "with_label_context",
    "write_wav",
]
