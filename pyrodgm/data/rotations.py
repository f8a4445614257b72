"""Pictures turned by quarters: labels for pictures that have none."""

import dataclasses

import torch

from pyrodgm.data.dataset import Dataset, Splits


def rotations(splits: Splits) -> Splits:
    """Return each square picture four times, turned by 0, 90, 180 and 270 degrees, with the turn as its label.

    A network that tells the turns apart has to know what is in a picture: its features serve where labels are missing.

    Args:
        splits: Square pictures.

    Raises:
        ValueError: If the data are no square pictures.

    Example:
        >>> from pyrodgm import data
        >>> turned = data.rotations(data.digits()).train
        >>> len(turned) == 4 * len(data.digits().train), turned.labels[:4].tolist()
        (True, [0, 1, 2, 3])

    References:
        Gidaris, Singh, Komodakis (2018), Unsupervised Representation Learning by Predicting Image Rotations,
        https://arxiv.org/abs/1803.07728
    """
    if len(splits.shape) != 3 or splits.shape[1] != splits.shape[2]:
        raise ValueError(f"Expected square pictures; got {splits.name} of shape {splits.shape}. Crop them first.")

    def turn(part: Dataset) -> Dataset:
        pictures = part.x.reshape(-1, *splits.shape)
        turned = torch.stack([pictures.rot90(quarters, (-2, -1)) for quarters in range(4)], 1)
        return Dataset(turned.reshape(4 * len(part), -1), labels=torch.arange(4).repeat(len(part)))

    return dataclasses.replace(
        splits,
        train=turn(splits.train),
        valid=turn(splits.valid),
        test=turn(splits.test),
        name=f"rotations of {splits.name}",
        description=f"{splits.description}; each turned by 0, 90, 180 and 270 degrees, with the turn as its label",
    )
