"""Data between two bounds, as generators that end in a tanh make them."""

import dataclasses

import torch

from pyrodgm.data.dataset import Dataset, Splits


def rescaled(splits: Splits, *, low: float = -1.0, high: float = 1.0) -> Splits:
    """Return the same data with levels from 0 to ``num_levels - 1`` moved to the interval from ``low`` to ``high``.

    Args:
        splits: Data of integers.
        low: Where level 0 goes.
        high: Where the last level goes.

    Returns:
        Continuous data; ``shift`` and ``scale`` lead back, ``shift + scale * x``.

    Raises:
        ValueError: If the data have no levels, or the bounds are in the wrong order.

    Example:
        >>> from pyrodgm import data
        >>> x = data.rescaled(data.digits(num_levels=17)).train.x
        >>> x.min().item(), x.max().item()
        (-1.0, 1.0)
    """
    if splits.num_levels is None:
        raise ValueError(f"Expected data of integers 0 .. num_levels - 1; got {splits.name}, which are continuous.")
    if not low < high:
        raise ValueError(f"Expected low < high; got {low} and {high}. Exchange them.")
    factor = (high - low) / (splits.num_levels - 1)

    def move(part: Dataset) -> Dataset:
        return dataclasses.replace(part, x=low + factor * part.x)

    width = splits.train.x.shape[1]
    return dataclasses.replace(
        splits,
        train=move(splits.train),
        valid=move(splits.valid),
        test=move(splits.test),
        description=f"{splits.description}; levels 0..{splits.num_levels - 1} as {low:g}..{high:g}",
        num_levels=None,
        shift=torch.full((width,), -low / factor),
        scale=torch.full((width,), 1 / factor),
    )
