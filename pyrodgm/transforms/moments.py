"""The rows of data that bijections start from: checked once, in double precision."""

import torch
from torch import Tensor


def rows_of(y: Tensor, input_dim: int, *, what: str) -> Tensor:
    """Return data as rows in double precision, without a graph.

    Args:
        y: ``(*batch, input_dim)``.
        input_dim: Number of features that the bijection was built for.
        what: The bijection, for the error.

    Returns:
        ``(num, input_dim)``.

    Raises:
        ValueError: If the width is wrong, there are fewer than two rows, or a row is not finite.
    """
    if y.dim() < 2 or y.shape[-1] != input_dim:
        raise ValueError(
            f"Expected y of shape (num, {input_dim}) to initialize {what}; got {tuple(y.shape)}. One datum a row."
        )
    rows = y.detach().double().flatten(0, -2)
    if len(rows) < 2:
        raise ValueError(f"Expected at least 2 rows to initialize {what}; got {len(rows)}. Pass more of the data.")
    bad = (~rows.isfinite()).any(-1).nonzero()
    if len(bad):
        raise ValueError(
            f"Expected finite rows to initialize {what}; got NaN or inf in row {bad[0].item()}. Remove such rows."
        )
    return rows


def check_spread(rows: Tensor, *, what: str) -> None:
    """Refuse columns that hold one value only.

    Raises:
        ValueError: If there are such columns; it names them.
    """
    constant = (rows.amax(0) == rows.amin(0)).nonzero().flatten().tolist()
    if constant:
        raise ValueError(
            f"Expected columns that vary to initialize {what}; got one value only in column(s) {constant}. "
            "Leave such columns out, or add noise to them."
        )


def standardized(rows: Tensor, *, what: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, standard deviation and the rows standardized by them.

    Returns:
        ``(D,)``, ``(D,)`` and ``(num, D)``.

    Raises:
        ValueError: If a column is constant.
    """
    check_spread(rows, what=what)
    variance, mean = torch.var_mean(rows, 0)
    return mean, variance.sqrt(), (rows - mean) / variance.sqrt()
