"""Larochelle's fixed binarization of MNIST."""

from pathlib import Path

from torch import Tensor

from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import find_file, read_npz, read_numbers, to_tensor, unpack_bits

SOURCE = (
    "the three binarized_mnist_{train,valid,test}.amat from "
    "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist, or an npz file with the same rows packed by "
    "numpy.packbits(rows, axis=1) under train, valid, test, and n_dims=784"
)


def binarized_mnist(root: str | Path) -> Splits:
    """Handwritten digits of 28 x 28 binary pixels, binarized once for all: 50,000/10,000/10,000 pictures.

    This is the set of the tables in the NADE, DRAW and IWAE line of papers called "static" or "fixed" binarization.
    The test rows are ordered by digit (the first 980 are zeros), so that a part of them must be drawn at random; the
    training and validation rows are in no order.

    Args:
        root: Folder with ``binarized_mnist/binarized_mnist.npz``, or the original
            ``binarized_mnist/binarized_mnist_train.amat`` and its two companions.

    Returns:
        ``x`` of shape (N, 784) with values 0 and 1, ``shape`` (1, 28, 28); there are no labels.

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If a file is damaged.

    References:
        Larochelle, Murray (2011), The Neural Autoregressive Distribution Estimator,
        https://proceedings.mlr.press/v15/larochelle11a.html
    """
    packed, text = "binarized_mnist/binarized_mnist.npz", "binarized_mnist/binarized_mnist_{}.amat"
    parts: dict[str, Tensor] = {}
    path = find_file(root, [packed, text.format("train")], "binarized_mnist", SOURCE)
    if path.suffix == ".npz":
        arrays = read_npz(path, ["train", "valid", "test", "n_dims"])
        parts = {s: unpack_bits(arrays[s], int(arrays["n_dims"]), str(path)) for s in ("train", "valid", "test")}
    else:
        for split in ("train", "valid", "test"):
            path = find_file(root, [text.format(split)], "binarized_mnist", SOURCE)
            parts[split] = to_tensor(read_numbers(path))
    return Splits(
        Dataset(parts["train"]),
        Dataset(parts["valid"]),
        Dataset(parts["test"]),
        name="binarized_mnist",
        description="MNIST in Larochelle's fixed binarization, 28 x 28 binary pixels, official split",
        licence="none stated (MNIST: CC BY-SA 3.0)",
        shape=(1, 28, 28),
        num_levels=2,
    )
