"""Two-sample statistics of a kernel under permutations of the labels, in one pass over the kernel's blocks."""

from collections.abc import Callable

import torch
from torch import Tensor

Kernel = Callable[[Tensor, Tensor], Tensor]  # rows (num, dim), rows (other, dim) -> (num, other)


def kernel_discrepancies(
    x: Tensor, y: Tensor, kernel: Kernel, *, num_permutations: int, chunk_size: int
) -> tuple[float, float]:
    r"""Unbiased estimate of :math:`E k(x, x') + E k(y, y') - 2 E k(x, y)`, and its permutation p-value.

    A division of the pooled rows into two sets is a vector of signs :math:`s`. The sums over pairs within and between
    the sets follow from :math:`s^\top K s`, :math:`s^\top K 1` and :math:`1^\top K 1`. So all divisions share one pass
    over blocks of :math:`K`, which is never stored, and each costs a column of a product of matrices.

    Args:
        x: Rows ``(num_x, dim)``, two at least.
        y: Rows ``(num_y, dim)``, two at least.
        kernel: A symmetric kernel.
        num_permutations: Number of random divisions, drawn by torch's global generator.
        chunk_size: Rows on either side of a block.

    Returns:
        The estimate, and the share of divisions, the real one among them, that have one at least as large.
    """
    num_x, num_y = len(x), len(y)
    rows = torch.cat([x, y])
    signs = -rows.new_ones(num_x + num_y, num_permutations + 1)
    signs[:num_x, 0] = 1
    for column in range(1, num_permutations + 1):
        signs[torch.randperm(num_x + num_y)[:num_x].to(rows.device), column] = 1
    quadratic, linear, total = signed_sums(rows, kernel, signs, chunk_size)
    within_x, within_y = (total + quadratic + 2 * linear) / 4, (total + quadratic - 2 * linear) / 4
    between = (total - quadratic) / 4
    values = within_x / (num_x * (num_x - 1)) + within_y / (num_y * (num_y - 1)) - 2 * between / (num_x * num_y)
    # a division that equals the real one must not fall below it by rounding
    rounding = 8 * torch.finfo(rows.dtype).eps * abs(total) / (len(rows) * (len(rows) - 1))
    num_as_large = int((values[1:] >= values[0] - rounding).sum())
    return values[0].item(), (1 + num_as_large) / (1 + num_permutations)


def signed_sums(rows: Tensor, kernel: Kernel, signs: Tensor, chunk_size: int) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return :math:`s^\top K s` and :math:`s^\top K 1` of each column, and :math:`1^\top K 1`, without the diagonal.

    Args:
        rows: Rows ``(num, dim)``.
        kernel: A symmetric kernel.
        signs: Columns of signs, ``(num, num_columns)``.
        chunk_size: Rows on either side of a block; only blocks on and above the diagonal are computed.

    Returns:
        ``(num_columns,)``, ``(num_columns,)`` and ``()``, in double precision.
    """
    quadratic = signs.new_zeros(signs.shape[1], dtype=torch.float64)
    linear, total = quadratic.clone(), quadratic.new_zeros(())
    chunks = list(zip(rows.split(chunk_size), signs.split(chunk_size), strict=True))
    for i, (some, their_signs) in enumerate(chunks):
        for j, (others, other_signs) in enumerate(chunks[i:], start=i):
            block = kernel(some, others)
            if i == j:
                block.fill_diagonal_(0.0)
            sums, signed = block.sum(1), block @ other_signs
            products = (their_signs * signed).sum(0, dtype=torch.float64)
            ours = (their_signs.T @ sums).double()
            if i == j:
                quadratic, linear, total = quadratic + products, linear + ours, total + sums.sum(dtype=torch.float64)
            else:  # the block below the diagonal is this one transposed
                quadratic = quadratic + 2 * products
                linear = linear + ours + signed.sum(0, dtype=torch.float64)
                total = total + 2 * sums.sum(dtype=torch.float64)
    return quadratic, linear, total


def check_permutations(num_permutations: int, chunk_size: int) -> None:
    """Raise unless the numbers make sense."""
    if num_permutations < 0 or chunk_size < 1:
        raise ValueError(
            f"Expected num_permutations >= 0 and chunk_size >= 1; got {num_permutations} and {chunk_size}. 200 "
            "permutations resolve p-values to half a percent."
        )
