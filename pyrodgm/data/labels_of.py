"""Labels as the data, and what is labelled as what they depend on: for classifiers."""

import dataclasses
from typing import cast

from torch import Tensor

from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.with_label_context import with_label_context


def labels_of(splits: Splits, *, num_classes: int | None = None) -> Splits:
    """Return labels as data whose context is the labelled data, so that a density of them is a classifier.

    Args:
        splits: Data with labels and without a context.
        num_classes: Number of classes; one more than the largest label by default.

    Returns:
        ``x`` of shape (N, 1), a label each; ``context`` is what was ``x``.

    Raises:
        ValueError: If a split has no labels or a context already, or more classes than ``num_classes``.

    Example:
        >>> from pyrodgm import data
        >>> splits = data.labels_of(data.digits())
        >>> splits.train.x.shape[1:], splits.train.context.shape[1:], splits.num_levels
        (torch.Size([1]), torch.Size([64]), 10)
    """
    if splits.train.context is not None:
        raise ValueError(f"Expected data without a context; got {splits.name}, which have one. It has one place.")
    one_hot = with_label_context(splits, num_classes=num_classes).train.context

    def turn(part: Dataset) -> Dataset:
        return Dataset(cast(Tensor, part.labels)[:, None].to(part.x.dtype), part.x, part.labels)

    return dataclasses.replace(
        splits,
        train=turn(splits.train),
        valid=turn(splits.valid),
        test=turn(splits.test),
        name=f"labels of {splits.name}",
        shape=(1,),
        num_levels=cast(Tensor, one_hot).shape[1],
        shift=None,
        scale=None,
        characters=None,
    )
