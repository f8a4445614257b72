"""The digits that ship with scikit-learn."""

import numpy as np
import torch

from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import shuffled, to_tensor


def digits(*, num_levels: int = 2, seed: int = 0) -> Splits:
    """Handwritten digits of 8 x 8 pixels, embedded in scikit-learn: 1,197/300/300 pictures.

    The 17 grey values are gathered to ``floor(grey * num_levels / 17)``; with two levels, 1 is more than half the ink.

    Args:
        num_levels: Number of grey levels, from 2 (binary) to 17 (as scanned).
        seed: Seed of the random split.

    Returns:
        ``x`` of shape (N, 64) with values 0..num_levels - 1, ``labels`` 0..9, ``shape`` (1, 8, 8).

    Raises:
        ValueError: If ``num_levels`` is out of range.
        ImportError: Without scikit-learn.

    Example:
        >>> splits = digits()
        >>> splits.train.x.shape, splits.valid.x.shape, splits.test.x.shape
        (torch.Size([1197, 64]), torch.Size([300, 64]), torch.Size([300, 64]))
        >>> splits.shape, splits.num_levels
        ((1, 8, 8), 2)

    References:
        Alpaydin, Kaynak (1998), Optical Recognition of Handwritten Digits, https://doi.org/10.24432/C50P49
    """
    if not 2 <= num_levels <= 17:
        raise ValueError(f"Expected num_levels from 2 to 17; got {num_levels}. The scan has 17 grey values.")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError('The digits need scikit-learn; pip install "pyrodgm[train]".') from error
    grey, classes = load_digits(return_X_y=True)
    x = to_tensor(np.floor(grey * num_levels / 17))
    labels = torch.as_tensor(classes, dtype=torch.long)
    order = torch.as_tensor(shuffled(len(x), seed))
    train, valid, test = (Dataset(x[rows], labels=labels[rows]) for rows in order.split([1197, 300, 300]))
    return Splits(
        train,
        valid,
        test,
        name="digits",
        description=f"UCI handwritten digits (the copy in scikit-learn), 8 x 8 pixels at {num_levels} levels, "
        f"random split with seed {seed}",
        licence="CC BY 4.0 (UCI, doi:10.24432/C50P49)",
        shape=(1, 8, 8),
        num_levels=num_levels,
    )
