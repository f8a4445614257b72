"""Draws of a known density as a data set."""

from dataclasses import dataclass

import torch
from torch.distributions import Distribution

from pyrodgm.data.dataset import Dataset, Splits


@dataclass(frozen=True, eq=False, kw_only=True)
class DensitySplits(Splits):
    """Splits of draws whose density is known.

    Args:
        density: What they were drawn from.
    """

    density: Distribution


def draws_of(
    density: Distribution,
    *,
    num_train: int = 50_000,
    num_held_aside: int = 10_000,
    name: str = "draws",
    seed: int = 0,
) -> DensitySplits:
    """Draw training, validation and test data from a density of vectors, such as those of ``data.toy``.

    Args:
        density: A distribution of vectors without batch dimensions.
        num_train: Number of training data.
        num_held_aside: Number of validation data, and of test data.
        name: Name of the set.
        seed: Seed of the draws; torch's generator is left as it was.

    Raises:
        ValueError: If the density is not one of vectors, or a number is not positive.

    Example:
        >>> from pyrodgm import data
        >>> splits = data.draws_of(data.toy.eight_gaussians(), num_train=100, num_held_aside=10)
        >>> splits.train.x.shape, splits.test.x.shape
        (torch.Size([100, 2]), torch.Size([10, 2]))
    """
    if density.batch_shape or len(density.event_shape) != 1:
        raise ValueError(
            f"Expected a density of vectors; got batch_shape {tuple(density.batch_shape)} and event_shape "
            f"{tuple(density.event_shape)}. Make the dimensions one event: density.to_event(1)."
        )
    if min(num_train, num_held_aside) < 1:
        raise ValueError(f"Expected at least one datum a split; got {num_train} and {num_held_aside}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        x = density.sample((num_train + 2 * num_held_aside,))
    train, valid, test = (Dataset(part) for part in x.split([num_train, num_held_aside, num_held_aside]))
    return DensitySplits(
        train,
        valid,
        test,
        name=name,
        description=f"{num_train:,} draws of a known density, seed {seed}",
        licence="none",
        shape=tuple(density.event_shape),
        density=density,
    )
