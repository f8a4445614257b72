"""Labels as what the data depend on."""

import dataclasses

import torch
import torch.nn.functional as F

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
    parts = {name: getattr(splits, name) for name in ("train", "valid", "test")}
    for name, part in parts.items():
        if part.labels is None:
            raise ValueError(f"Expected labels in the {name} split of {splits.name}; got none. Choose a labelled set.")
    needed = max(int(part.labels.max()) for part in parts.values()) + 1
    num_classes = needed if num_classes is None else num_classes
    if num_classes < needed:
        raise ValueError(f"Expected num_classes of at least {needed}; got {num_classes}. Count the label 0 too.")
    contexts = {name: F.one_hot(part.labels, num_classes).to(torch.get_default_dtype()) for name, part in parts.items()}
    changed = {name: Dataset(part.x, contexts[name], part.labels) for name, part in parts.items()}
    return dataclasses.replace(splits, **changed)
