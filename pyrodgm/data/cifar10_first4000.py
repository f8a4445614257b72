"""A part of CIFAR-10: small colour photographs."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import DAMAGED, find_file, to_tensor

PICTURES = [f"cifar10_first4000/cifar10_batch_{i}.png" for i in range(4)]
BINARY = "cifar-10-batches-bin/data_batch_1.bin"
SOURCE = (
    "cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html, unpacked, or four png pictures of "
    "1,000 rows and 1,024 columns, in which each row holds the 32 x 32 pixels of one of its first 4,000 pictures"
)
SIZES = [3200, 400, 400]
NUM_VALUES = 3 * 32 * 32


def cifar10_first4000(root: str | Path) -> Splits:
    """The first 4,000 training pictures of CIFAR-10, 32 x 32 pixels in colour: 3,200/400/400 in their order.

    This is *not the benchmark*: it has none of the 10,000 test pictures, and a sixteenth of those to train on, so that
    bits per dimension cannot be compared with published ones. It serves to compare models with each other.

    Args:
        root: Folder with ``cifar10_first4000/cifar10_batch_0.png`` and its three companions, or the original
            ``cifar-10-batches-bin/data_batch_1.bin``.

    Returns:
        ``x`` of shape (N, 3072) with values 0..255, first the red ones of a picture, then green, then blue;
        ``shape`` (3, 32, 32); there are no labels.

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If a file is damaged or of another shape.
        ImportError: Without pillow, for the png pictures only.

    References:
        Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images,
        https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf
    """
    path = find_file(root, [PICTURES[0], BINARY], "cifar10_first4000", SOURCE)
    x = _read_binary(path) if path.suffix == ".bin" else _read_pictures(root)
    train, valid, test = (Dataset(part.clone()) for part in to_tensor(x).split(SIZES))
    return Splits(
        train,
        valid,
        test,
        name="cifar10_first4000",
        description="the first 4,000 training pictures of CIFAR-10 (not the benchmark), 3 x 32 x 32 values 0..255, "
        "split in their order",
        licence="none stated; cite Krizhevsky (2009)",
        shape=(3, 32, 32),
        num_levels=256,
    )


def _read_pictures(root: str | Path) -> NDArray[np.uint8]:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError('Pictures in png files need pillow; pip install "pyrodgm[train]".') from error
    parts = []
    for name in PICTURES:
        path = find_file(root, [name], "cifar10_first4000", SOURCE)
        try:
            with Image.open(path) as picture:
                part = np.asarray(picture.convert("RGB"))
        except (*DAMAGED, SyntaxError) as error:
            raise ValueError(f"Expected a picture at {path}; got {error}. Fetch the file again.") from error
        if part.shape != (1000, 1024, 3):
            raise ValueError(
                f"Expected 1,000 rows and 1,024 columns at {path}; got {part.shape[:2]}. Fetch the file again."
            )
        parts.append(part)
    return np.concatenate(parts).transpose(0, 2, 1).reshape(-1, NUM_VALUES)


def _read_binary(path: Path) -> NDArray[np.uint8]:
    values = np.fromfile(path, np.uint8)
    if len(values) != 10_000 * (1 + NUM_VALUES):
        raise ValueError(f"Expected {10_000 * (1 + NUM_VALUES)} bytes at {path}; got {len(values)}. Fetch it again.")
    return values.reshape(10_000, 1 + NUM_VALUES)[: sum(SIZES), 1:]  # a label, then the values
