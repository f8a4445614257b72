"""The containers: what they refuse, and how the refusal reads."""

import math
from typing import Any

import pytest
import torch

from pyrodgm.data import Dataset, Splits, with_label_context

X = torch.zeros(4, 6)


def splits(x: torch.Tensor, **changes: Any) -> Splits:
    members: dict[str, Any] = {"name": "n", "description": "d", "licence": "l", "shape": (6,), "num_levels": 2}
    return Splits(Dataset(X), Dataset(x), Dataset(X), **members | changes)


def with_value(row: int, value: float) -> torch.Tensor:
    x = torch.zeros(4, 6)
    x[row, 1] = value
    return x


def labelled() -> Splits:
    parts = [Dataset(X, labels=torch.tensor(labels)) for labels in ([0, 1, 2, 1], [3, 0, 0, 0], [1, 1, 1, 1])]
    return Splits(*parts, name="n", description="d", licence="l", shape=(6,))


BAD = {
    "no tensor": (lambda: Dataset([[0.0]]), r"Expected x as a tensor; got list"),  # type: ignore[arg-type]
    "empty": (lambda: Dataset(torch.zeros(0, 3)), r"Expected at least one datum in x; got shape \(0, 3\)"),
    "scalar": (lambda: Dataset(torch.tensor(1.0)), r"Expected at least one datum in x; got shape \(\)"),
    "labels": (lambda: Dataset(X, labels=torch.zeros(3)), r"Expected labels as long as x; got lengths 3 and 4"),
    "context": (lambda: Dataset(X, torch.zeros(5, 1)), r"Expected context as long as x; got lengths 5 and 4"),
    "nan": (lambda: Dataset(with_value(2, math.nan)), r"Expected finite numbers in x; got nan in row 2"),
    "inf": (lambda: Dataset(X, with_value(3, math.inf)), r"Expected finite numbers in context; got inf in row 3"),
    "inf label": (lambda: Dataset(X, labels=with_value(1, -math.inf)[:, 1]), r"in labels; got -inf in row 1"),
    "width": (lambda: splits(torch.zeros(4, 5)), r"Expected valid.x of shape \(N, 6\).*got \(4, 5\)"),
    "image not flat": (lambda: splits(torch.zeros(4, 1, 6)), r"Flatten each datum"),
    "level": (lambda: splits(with_value(3, 2.0)), r"Expected integers from 0 to 1 in valid.x; got others in row 3"),
    "negative": (lambda: splits(with_value(1, -1.0)), r"got others in row 1"),
    "no labels": (lambda: with_label_context(splits(X)), r"Expected labels in the train split of n; got none"),
    "classes": (
        lambda: with_label_context(labelled(), num_classes=3),
        r"Expected num_classes of at least 4; got 3\. Count the label 0 too",
    ),
    "half": (lambda: splits(with_value(0, 0.5)), r"got others in row 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_refuses(name: str) -> None:
    build, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        build()


def test_members_are_frozen_and_short_to_read() -> None:
    dataset = Dataset(X, torch.zeros(4, 2), torch.arange(4))
    assert len(dataset) == 4
    assert repr(dataset) == "Dataset(x=(4, 6), context=(4, 2), labels=(4,))"
    with pytest.raises(AttributeError):
        dataset.x = X  # type: ignore[misc]


def test_continuous_data_may_hold_anything_finite() -> None:
    assert splits(with_value(1, -7.25), num_levels=None).valid.x[1, 1] == -7.25


def test_labels_become_one_hot_contexts() -> None:
    changed = with_label_context(labelled())
    assert changed.valid.context is not None
    assert changed.valid.context.tolist() == [[0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert torch.equal(changed.train.context.argmax(1), labelled().train.labels)  # type: ignore[union-attr]
    assert changed.train.x is X
    assert changed.name == "n"
