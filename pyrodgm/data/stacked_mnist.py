"""Three digits of MNIST as the channels of one picture: 1,000 modes that can be counted."""

from pathlib import Path

import numpy as np
import torch

from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.mnist import mnist


def stacked_mnist(root: str | Path, *, num_train: int = 20_000, num_held_aside: int = 2_000, seed: int = 0) -> Splits:
    """Pictures of 28 x 28 pixels whose red, green and blue are three random digits of MNIST.

    The digits of each split come from the same split of :func:`mnist`, drawn with replacement, so that all 1,000
    classes are nearly equally frequent. Adversarial training shows on them how many modes it loses.

    Args:
        root: Folder with the four files of :func:`mnist`.
        num_train: Number of training pictures; 20,000 take 188 MB in single precision.
        num_held_aside: Number of validation pictures, and of test pictures.
        seed: Seed of the choice.

    Returns:
        ``x`` of shape (N, 3 * 784) with values 0..255, a channel after the other; ``labels`` 0..999, the digits read
        from the first channel to the last; ``shape`` (3, 28, 28).

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If a file is damaged or a number is not positive.

    References:
        Metz, Poole, Pfau, Sohl-Dickstein (2017), Unrolled Generative Adversarial Networks,
        https://arxiv.org/abs/1611.02163
    """
    if num_train < 1 or num_held_aside < 1:
        raise ValueError(f"Expected numbers of pictures of at least 1; got {num_train} and {num_held_aside}.")
    grey, random = mnist(root), np.random.RandomState(seed)
    train, valid, test = (
        stacked(part, num, random)
        for part, num in ((grey.train, num_train), (grey.valid, num_held_aside), (grey.test, num_held_aside))
    )
    return Splits(
        train,
        valid,
        test,
        name="stacked_mnist",
        description=f"{grey.description}; three random digits of the same split as the channels of one picture, chosen "
        f"with seed {seed}",
        licence=grey.licence,
        shape=(3, 28, 28),
        num_levels=256,
    )


def stacked(part: Dataset, num: int, random: np.random.RandomState) -> Dataset:
    """Return pictures with three random rows of a split as their channels, labelled by the number of three digits."""
    if part.labels is None:
        raise ValueError("Expected digits with labels; got none. Choose a labelled set.")
    rows = torch.from_numpy(random.randint(len(part), size=(num, 3)))
    digits = part.labels[rows]
    labels = (digits * torch.tensor([100, 10, 1])).sum(1)
    return Dataset(part.x[rows].flatten(1), labels=labels)
