"""Silhouettes of the objects of Caltech 101."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import DAMAGED, find_file, to_tensor

FILE = "caltech101_silhouettes/caltech101_silhouettes_28_split1.mat"


def caltech101_silhouettes(root: str | Path) -> Splits:
    """Silhouettes of 28 x 28 binary pixels of the objects of 101 classes: 4,100/2,264/2,307 pictures.

    The file stores pictures by columns with 0 for the object; here they stand upright and the object is 1.

    Args:
        root: Folder with ``caltech101_silhouettes/caltech101_silhouettes_28_split1.mat``.

    Returns:
        ``x`` of shape (N, 784) with values 0 and 1, ``labels`` 0..100, ``shape`` (1, 28, 28).

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If the file is damaged or lacks an array.
        ImportError: Without scipy.

    References:
        Marlin, Swersky, Chen, de Freitas (2010), Inductive Principles for Restricted Boltzmann Machine Learning,
        https://proceedings.mlr.press/v9/marlin10a.html
    """
    source = "the file of that name from https://people.cs.umass.edu/~marlin/data.shtml"
    path = find_file(root, [FILE], "caltech101_silhouettes", source)
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise ImportError('Matlab files need scipy; pip install "pyrodgm[train]".') from error
    try:
        arrays = loadmat(path)
        train, valid, test = (_dataset(arrays[f"{s}_data"], arrays[f"{s}_labels"]) for s in ("train", "val", "test"))
    except (*DAMAGED, MatReadError, KeyError) as error:
        raise ValueError(
            f"Expected a Matlab file with train_data, train_labels and so on at {path}; got {error}. Fetch it again."
        ) from error
    return Splits(
        train,
        valid,
        test,
        name="caltech101_silhouettes",
        description="Caltech 101 silhouettes, 28 x 28 binary pixels, object 1 and background 0, official split",
        licence="none stated (B. Marlin)",
        shape=(1, 28, 28),
        num_levels=2,
    )


def _dataset(pixels: NDArray[np.uint8], classes: NDArray[np.uint8]) -> Dataset:
    upright = 1 - pixels.reshape(-1, 28, 28).transpose(0, 2, 1)
    return Dataset(to_tensor(upright.reshape(-1, 784)), labels=torch.tensor(classes.ravel()).long() - 1)
