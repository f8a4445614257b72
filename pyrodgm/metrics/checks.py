"""The check of what a metric is given."""

from torch import Tensor


def check_scores(name: str, scores: Tensor) -> None:
    """Raise unless there is one number for each of at least one datum; infinities pass.

    Args:
        name: What the error calls them.
        scores: Floats of shape (num,).

    Raises:
        ValueError: If they have another shape or dtype, or one is NaN, with its row.
    """
    if scores.dim() != 1 or len(scores) == 0 or not scores.is_floating_point():
        raise ValueError(
            f"Expected {name} as floats of shape (num,), num > 0; got {scores.dtype} of shape {tuple(scores.shape)}. "
            "Give one number a datum."
        )
    wrong = scores.isnan().nonzero()
    if len(wrong):
        raise ValueError(f"Expected numbers in {name}; got NaN in row {int(wrong[0])}. Look at that datum.")
