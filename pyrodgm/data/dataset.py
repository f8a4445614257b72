"""What every reader returns: named splits of tensors with a description and a licence."""

from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor

from pyrodgm.data.characters import Characters
from pyrodgm.data.checks import check_finite


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Data with, where they exist, a context and labels for each datum.

    Args:
        x: Data of shape (N, D), a row a datum.
        context: What the data depend on, shape (N, C), or None.
        labels: Class of each datum, integers of shape (N,), or None.

    Raises:
        ValueError: If a member is no tensor, has a length of its own, is empty, or holds NaN or infinity.

    Example:
        >>> Dataset(torch.zeros(5, 3), labels=torch.arange(5))
        Dataset(x=(5, 3), labels=(5,))
        >>> len(Dataset(torch.zeros(5, 3)))
        5
    """

    x: Tensor
    context: Tensor | None = None
    labels: Tensor | None = None

    def __post_init__(self) -> None:
        for name, value in self._members().items():
            if not isinstance(value, Tensor):
                raise ValueError(f"Expected {name} as a tensor; got {type(value).__name__}. Convert it first.")
            if value.dim() == 0 or len(value) == 0:
                raise ValueError(f"Expected at least one datum in {name}; got shape {tuple(value.shape)}.")
            if len(value) != len(self.x):
                raise ValueError(
                    f"Expected {name} as long as x; got lengths {len(value)} and {len(self.x)}. Give a row for each x."
                )
            if value.is_floating_point():
                check_finite(value, name)

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return f"Dataset({', '.join(f'{name}={tuple(value.shape)}' for name, value in self._members().items())})"

    def _members(self) -> dict[str, Tensor]:
        members = {"x": self.x, "context": self.context, "labels": self.labels}
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, eq=False)
class Splits:
    """Training, validation and test data, and what there is to know about them.

    A standardized set remembers how: the raw datum is ``shift + scale * x``, and a log-density of ``x`` in nats
    minus ``scale.log().sum()`` is the log-density of the raw datum.

    Args:
        train: What models are fitted to.
        valid: What choices are made by.
        test: What results are reported on.
        name: Name of the set.
        description: Where it comes from, what the numbers are, how it was split.
        licence: Terms of use.
        shape: Shape of one datum before it was flattened, such as (1, 28, 28) for a grey picture, (D,) for a vector.
        num_levels: Number of values of each variable, 2 for binary and 256 for bytes; None if continuous.
        shift: Subtracted in standardization, shape (D,), or None.
        scale: Divided by in standardization, shape (D,), or None.
        characters: What the integers of a text stand for, or None: ``splits.characters.decode(splits.test.x[0])``.

    Raises:
        ValueError: If a split has another width than ``shape``, or values outside 0..num_levels - 1, or there are not
            ``num_levels`` characters.

    Example:
        >>> part = Dataset(torch.zeros(5, 4))
        >>> splits = Splits(part, part, part, name="zeros", description="", licence="", shape=(1, 2, 2), num_levels=2)
        >>> splits.train
        Dataset(x=(5, 4))
    """

    train: Dataset
    valid: Dataset
    test: Dataset
    _: KW_ONLY
    name: str
    description: str
    licence: str
    shape: tuple[int, ...]
    num_levels: int | None = None
    shift: Tensor | None = None
    scale: Tensor | None = None
    characters: Characters | None = None

    def __post_init__(self) -> None:
        if self.characters is not None and len(self.characters) != self.num_levels:
            raise ValueError(
                f"Expected as many characters as num_levels; got {len(self.characters)} and {self.num_levels}. "
                "Give num_levels=len(characters)."
            )
        width = torch.Size(self.shape).numel()
        for split, part in {"train": self.train, "valid": self.valid, "test": self.test}.items():
            if part.x.shape[1:] != (width,):
                raise ValueError(
                    f"Expected {split}.x of shape (N, {width}) for data of shape {self.shape}; "
                    f"got {tuple(part.x.shape)}. Flatten each datum."
                )
            if self.num_levels is not None:
                self._check_levels(split, part.x, self.num_levels)

    @staticmethod
    def _check_levels(split: str, x: Tensor, num_levels: int) -> None:
        wrong = ((x < 0) | (x > num_levels - 1) | (x != x.floor())).any(-1).nonzero()
        if len(wrong):
            raise ValueError(
                f"Expected integers from 0 to {num_levels - 1} in {split}.x; got others in row {int(wrong[0])}. "
                "Check the file, or give the right num_levels."
            )
