"""Characters of fifty alphabets."""

from pathlib import Path

import torch

from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import find_file, read_npz, shuffled, unpack_bits

FILE = "omniglot/omniglot_28x28_bin.npz"
SOURCE = (
    "the drawings of https://github.com/brendenlake/omniglot at 28 x 28 binary pixels with ink 1: train "
    "(images_background) and test (images_evaluation) packed by numpy.packbits(rows, axis=1), their character numbers "
    "train_char and test_char, and n_dims=784"
)
NUM_VALID_CHARACTERS = 100


def omniglot(root: str | Path) -> Splits:
    """Handwritten characters of 28 x 28 binary pixels, 20 drawings of each: 18,560/2,000/8,460 pictures.

    The test set holds alphabets that are not in the training set. The validation set holds 100 whole characters
    taken from the training alphabets, the same ones at every call. This is *not* the split (nor the resampling) of
    Burda and others, so that results cannot be compared with the IWAE line of papers.

    Args:
        root: Folder with ``omniglot/omniglot_28x28_bin.npz``.

    Returns:
        ``x`` of shape (N, 784) with values 0 and 1, ``labels`` the character (no number in two splits),
        ``shape`` (1, 28, 28).

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If the file is damaged or lacks an array.

    References:
        Lake, Salakhutdinov, Tenenbaum (2015), Human-level concept learning through probabilistic program induction,
        https://doi.org/10.1126/science.aab3050
    """
    path = find_file(root, [FILE], "omniglot", SOURCE)
    arrays = read_npz(path, ["train", "test", "train_char", "test_char", "n_dims"])
    x, x_test = (unpack_bits(arrays[split], int(arrays["n_dims"]), str(path)) for split in ("train", "test"))
    labels, labels_test = (torch.tensor(arrays[f"{split}_char"]).long() for split in ("train", "test"))
    num_characters = int(labels.max()) + 1
    held_out = torch.tensor(shuffled(num_characters, 0)[:NUM_VALID_CHARACTERS])
    valid = torch.isin(labels, held_out)
    return Splits(
        Dataset(x[~valid], labels=labels[~valid]),
        Dataset(x[valid], labels=labels[valid]),
        Dataset(x_test, labels=labels_test + num_characters),
        name="omniglot",
        description="Omniglot characters, 28 x 28 binary pixels with ink 1; test by alphabet (official), validation on "
        "100 held-out characters; not comparable with the split used for the IWAE",
        licence="MIT",
        shape=(1, 28, 28),
        num_levels=2,
    )
