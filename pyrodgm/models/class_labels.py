"""What the labels of a classifier must be."""

from torch import Tensor


def check_labels(labels: Tensor, num_rows: int, num_classes: int) -> None:
    """Refuse labels that are no classes, or not one a row.

    Raises:
        ValueError: Naming the shape, or the first bad row.
    """
    if labels.shape != (num_rows,):
        raise ValueError(
            f"Expected one label a row, of shape ({num_rows},); got {tuple(labels.shape)}. "
            "Pass the classes as integers, not one-hot."
        )
    wrong = (labels < 0) | (labels >= num_classes) | (labels % 1 != 0)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ValueError(
            f"Expected labels 0 .. {num_classes - 1}; got {labels[row].item():g} in row {row}. "
            "Number the classes from 0, or build with more."
        )
