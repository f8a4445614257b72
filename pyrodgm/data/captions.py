"""Pictures of one or two digits with captions made from their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.mnist import mnist
from pyrodgm.data.words import Words

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
HELD_OUT = tuple((digit, (3 * digit + 1) % 10) for digit in range(10))  # each digit once on the left, once on the right
SINGLE = 100  # labels of single digits start here
SHARE_OF_SINGLES = 0.2
THRESHOLD = 90.0  # grey from which an average of four pixels is ink: thin strokes stay whole


@dataclass(frozen=True, eq=False, kw_only=True)
class CaptionedSplits(Splits):
    """Splits whose contexts are captions.

    Args:
        words: What the integers of a context stand for: ``splits.words.decode(splits.test.context[0])``.
    """

    words: Words


def digit_words() -> Words:
    """Return the words of all captions of digits."""
    captions = [f"a handwritten {name}" for name in NAMES]
    return Words([*captions, "a zero left of a one", "a zero right of a one"])


def captioned_digits(
    splits: Splits,
    *,
    num_train: int = 20_000,
    num_held_aside: int = 2_000,
    held_out_pairs: Sequence[tuple[int, int]] = HELD_OUT,
    seed: int = 0,
) -> CaptionedSplits:
    """Pairs of pictures of digits side by side, and single ones in the middle, with captions made from their labels.

    A fifth are single digits, "a handwritten seven". Of the pairs one half is "a seven left of a three" and the other
    half says the same as "a three right of a seven". Digits of each split come from the same split of ``splits``,
    drawn with replacement. Pairs that are held out are never in the training and validation splits; the test split has
    all pairs.

    Args:
        splits: Pictures of shape (1, H, W) with labels 0..9.
        num_train: Number of training pictures.
        num_held_aside: Number of validation pictures, and of test pictures.
        held_out_pairs: Digits ``(left, right)`` that are never side by side in training; by default ten of the 100, in
            which each digit is once on the left and once on the right.
        seed: Seed of the choice.

    Returns:
        ``x`` of shape (N, H * 2 W), ``shape`` (1, H, 2 W); ``context`` the captions as integers, ``words`` what they
        stand for; ``labels`` ``10 * left + right`` of a pair, ``100 + digit`` of a single one.

    Raises:
        ValueError: If pictures or labels are others, a number is not positive, or all pairs are held out.

    Example:
        >>> from pyrodgm import data
        >>> splits = data.captioned_digits(data.digits(), num_train=50, num_held_aside=10)
        >>> splits.shape, splits.train.x.shape, splits.train.context.shape
        ((1, 8, 16), torch.Size([50, 128]), torch.Size([50, 6]))
    """
    if len(splits.shape) != 3 or splits.shape[0] != 1:
        raise ValueError(f"Expected pictures of shape (1, height, width); got {splits.shape}. Pass grey ones.")
    if num_train < 1 or num_held_aside < 1:
        raise ValueError(f"Expected numbers of pictures of at least 1; got {num_train} and {num_held_aside}.")
    pairs = [divmod(number, 10) for number in range(100)]
    held_out = {(int(left), int(right)) for left, right in held_out_pairs}
    allowed = [pair for pair in pairs if pair not in held_out]
    if not allowed or not held_out <= set(pairs):
        raise ValueError(
            f"Expected held_out_pairs of digits (left, right), not all 100; got {sorted(held_out)[:3]} and so on, "
            f"{len(held_out)} in all. Leave some pairs to learn from."
        )
    random, words = np.random.RandomState(seed), digit_words()
    train = compose(splits, "train", allowed, num_train, words, random)
    valid = compose(splits, "valid", allowed, num_held_aside, words, random)
    test = compose(splits, "test", pairs, num_held_aside, words, random)
    channels, height, width = splits.shape
    return CaptionedSplits(
        train,
        valid,
        test,
        name=f"captioned_{splits.name}",
        description=f"{splits.description}; two side by side or one in the middle, with captions made from the labels, "
        f"chosen with seed {seed}; pairs never in training or validation: {sorted(held_out)}",
        licence=splits.licence,
        shape=(channels, height, 2 * width),
        num_levels=splits.num_levels,
        words=words,
    )


def captioned_mnist(
    root: str | Path,
    *,
    num_train: int = 20_000,
    num_held_aside: int = 2_000,
    held_out_pairs: Sequence[tuple[int, int]] = HELD_OUT,
    seed: int = 0,
) -> CaptionedSplits:
    """Pairs of MNIST digits, 12 x 24 binary pixels, with captions made from their labels.

    Small enough for a processor: grey values of four neighbours are averaged, an average of at least 90 of 255 is ink,
    and the outermost pixels, nearly always empty, are cut off. Pairs, captions and splits are those of
    :func:`captioned_digits`.

    Args:
        root: Folder with the four files of :func:`mnist`.
        num_train: Number of training pictures.
        num_held_aside: Number of validation pictures, and of test pictures.
        held_out_pairs: Digits ``(left, right)`` that are never side by side in training.
        seed: Seed of the choice.

    Returns:
        As :func:`captioned_digits`: ``x`` of shape (N, 288) with values 0 and 1, ``shape`` (1, 12, 24).

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If a file is damaged, a number is not positive, or all pairs are held out.
    """
    grey = mnist(root)
    train, valid, test = (halved(part) for part in (grey.train, grey.valid, grey.test))
    binary = Splits(
        train,
        valid,
        test,
        name="mnist",
        description=f"{grey.description}; averaged over 2 x 2 pixels, ink from {THRESHOLD:g} of 255, cut to 12 x 12",
        licence=grey.licence,
        shape=(1, 12, 12),
        num_levels=2,
    )
    return captioned_digits(
        binary, num_train=num_train, num_held_aside=num_held_aside, held_out_pairs=held_out_pairs, seed=seed
    )


def halved(part: Dataset) -> Dataset:
    """Return pictures of half the height and width, in black and white, without their outermost pixels."""
    averages = F.avg_pool2d(part.x.reshape(-1, 1, 28, 28), 2)[..., 1:-1, 1:-1]
    return Dataset((averages >= THRESHOLD).to(part.x.dtype).flatten(1), labels=part.labels)


def compose(
    splits: Splits,
    split: str,
    pairs: Sequence[tuple[int, int]],
    num: int,
    words: Words,
    random: np.random.RandomState,
) -> Dataset:
    """Return ``num`` pictures of a split's digits with their captions."""
    part: Dataset = getattr(splits, split)
    rows = rows_of_digits(part, split)
    _, height, width = splits.shape
    pictures = part.x.reshape(-1, height, width)
    x = pictures.new_zeros(num, height, 2 * width)
    captions, labels = [], []
    for canvas in x:
        if random.rand() < SHARE_OF_SINGLES:
            digit = random.randint(10)
            left = width // 2
            canvas[:, left : left + width] = pictures[random.choice(rows[digit])]
            captions.append(f"a handwritten {NAMES[digit]}")
            labels.append(SINGLE + digit)
            continue
        first, second = pairs[random.randint(len(pairs))]
        canvas[:, :width] = pictures[random.choice(rows[first])]
        canvas[:, width:] = pictures[random.choice(rows[second])]
        on_the_left = random.rand() < 0.5
        captions.append(
            f"a {NAMES[first]} left of a {NAMES[second]}"
            if on_the_left
            else f"a {NAMES[second]} right of a {NAMES[first]}"
        )
        labels.append(10 * first + second)
    return Dataset(x.flatten(1), words.encode(captions), torch.tensor(labels))


def rows_of_digits(part: Dataset, split: str) -> list[NDArray[np.int64]]:
    """Return which rows show each digit.

    Raises:
        ValueError: If there are no labels, or a digit is not there.
    """
    labels: Tensor | None = part.labels
    if labels is None:
        raise ValueError(f"Expected labels in the {split} split; got none. Choose a labelled set.")
    rows = [np.flatnonzero(labels.numpy() == digit) for digit in range(10)]
    missing = [digit for digit, found in enumerate(rows) if not len(found)]
    if missing:
        raise ValueError(f"Expected every digit in the {split} split; got no {missing[0]}. Choose a whole set.")
    return rows
