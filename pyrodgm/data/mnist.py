"""MNIST from its four idx files."""

import gzip
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import DAMAGED, find_file, to_tensor


def mnist(root: str | Path) -> Splits:
    """Handwritten digits of 28 x 28 grey pixels: 50,000/10,000/10,000 pictures.

    The test set is the official one; the last 10,000 training pictures are the validation set.

    Args:
        root: Folder with ``mnist/train-images-idx3-ubyte`` and its three companions, each plain or as ``.gz``.

    Returns:
        ``x`` of shape (N, 784) with values 0..255, ``labels`` 0..9, ``shape`` (1, 28, 28).

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If a file is damaged or of another shape.

    References:
        LeCun, Bottou, Bengio, Haffner (1998), Gradient-Based Learning Applied to Document Recognition,
        https://doi.org/10.1109/5.726791
    """
    x, labels = _read_pair(root, "train")
    x_test, labels_test = _read_pair(root, "t10k")
    num_train = len(x) - 10_000
    return Splits(
        Dataset(to_tensor(x[:num_train]), labels=torch.tensor(labels[:num_train]).long()),
        Dataset(to_tensor(x[num_train:]), labels=torch.tensor(labels[num_train:]).long()),
        Dataset(to_tensor(x_test), labels=torch.tensor(labels_test).long()),
        name="mnist",
        description="MNIST handwritten digits, 28 x 28 grey pixels 0..255; official test set, "
        "the last 10,000 training pictures for validation",
        licence="CC BY-SA 3.0",
        shape=(1, 28, 28),
        num_levels=256,
    )


def _read_pair(root: str | Path, prefix: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    pictures = _read_idx(root, f"{prefix}-images-idx3-ubyte", 3)
    labels = _read_idx(root, f"{prefix}-labels-idx1-ubyte", 1)
    if len(pictures) != len(labels):
        raise ValueError(f"Expected a label for each {prefix} picture; got {len(labels)} for {len(pictures)}.")
    if prefix == "train" and len(pictures) <= 10_000:
        raise ValueError(f"Expected more than 10,000 training pictures; got {len(pictures)}. Fetch the whole set.")
    return pictures.reshape(len(pictures), -1), labels


def _read_idx(root: str | Path, name: str, num_axes: int) -> NDArray[np.uint8]:
    source = f"the file {name}.gz of MNIST, from https://storage.googleapis.com/cvdf-datasets/mnist"
    path = find_file(root, [f"mnist/{name}.gz", f"mnist/{name}"], "mnist", source)
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        shape = np.frombuffer(content, ">u4", count=num_axes, offset=4)
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * num_axes)
        if content[:4] != bytes([0, 0, 8, num_axes]):
            raise ValueError(f"a header {content[:4].hex()}")
        return values.reshape(tuple(int(size) for size in shape))
    except DAMAGED as error:
        raise ValueError(
            f"Expected an idx file of bytes with {num_axes} axes at {path}; got {error}. Fetch the file again."
        ) from error
