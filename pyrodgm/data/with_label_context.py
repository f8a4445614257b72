"""Labels as what the data depend on."""

import dataclasses
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm.data.dataset import Dataset, Splits


def with_label_context(splits: Splits, *, num_classes: int | None = None) -> Splits:
    """Return the same data with their labels, one-hot, as the context: for models of ``p(x | label)``.

    Args:
        splits: Data with labels.
        num_classes: Number of columns; one more than the largest label by default.

    Raises:
        ValueError: If a split has no labels, or more classes than ``num_classes``.

    Example:
        >>> from pyrodgm import data
        >>> data.with_label_context(data.digits()).train.context.shape[1:]
        torch.Size([10])
    """
    parts = {"train": splits.train, "valid": splits.valid, "test": splits.test}
    needed = 0
    for name, part in parts.items():
        if part.labels is None:
            raise ValueError(f"Expected labels in the {name} split of {splits.name}; got none. Choose a labelled set.")
        needed = max(needed, int(part.labels.max()) + 1)
    num_classes = needed if num_classes is None else num_classes
    if num_classes < needed:
        raise ValueError(f"Expected num_classes of at least {needed}; got {num_classes}. Count the label 0 too.")
    train, valid, test = (one_hot(part, num_classes) for part in parts.values())
    return dataclasses.replace(splits, train=train, valid=valid, test=test)


def one_hot(part: Dataset, num_classes: int) -> Dataset:
    """Return a split whose context is its labels."""
    labels = cast(Tensor, part.labels)
    return Dataset(part.x, F.one_hot(labels.long(), num_classes).to(torch.get_default_dtype()), labels)
