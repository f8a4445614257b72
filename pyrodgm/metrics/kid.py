"""The kernel inception distance, over features of any network."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm.metrics.distances import CHUNK_SIZE
from pyrodgm.metrics.features import FeatureSource
from pyrodgm.metrics.permutations import kernel_discrepancies
from pyrodgm.metrics.result import Result
from pyrodgm.metrics.samples import Samples, check_samples


@dataclass(frozen=True, repr=False)
class KernelInceptionDistance(Result):
    """What :func:`kid` found.

    Attributes:
        value: Mean of the blocks' unbiased estimates; about 0, also below, where both sets are of one distribution.
        standard_error: Of that mean, from the spread of the blocks.
        num_blocks: Number of blocks.
        block_size: Rows of either set in a block.
        num_x: Rows of ``x``.
        num_y: Rows of ``y``.
        source: Of the features, if they are.
    """

    value: float
    standard_error: float
    num_blocks: int
    block_size: int
    num_x: int
    num_y: int
    source: FeatureSource | None = None


@torch.no_grad()
def kid(
    x: Samples, y: Samples, *, num_blocks: int = 10, degree: int = 3, chunk_size: int = CHUNK_SIZE
) -> KernelInceptionDistance:
    r"""Squared maximum mean discrepancy under the kernel :math:`k(a, b) = (a^\top b / D + 1)^3`, with a standard error.

    The estimate has no bias, whatever the number of samples. Both sets are shuffled by torch's generator and cut into
    blocks that share no row, so that the blocks' estimates are independent. With features of the Inception network it
    is the kernel inception distance; with any other it is another number.

    Args:
        x: Samples ``(num_x, ...)``, or :class:`Features`.
        y: Samples ``(num_y, ...)`` of the same width, or features of the same network.
        num_blocks: Number of blocks; the smaller set fills them.
        degree: Exponent of the kernel.
        chunk_size: Rows on either side of a block of the kernel in memory.

    Returns:
        The estimate, its standard error, and what they were computed from; computed in double precision.

    Raises:
        ValueError: If there are fewer than two blocks or two rows a block, NaN, or two widths.

    Example:
        >>> from pyrodgm import metrics
        >>> metrics.kid(torch.randn(100, 3), torch.randn(80, 3)).block_size
        8

    References:
        Binkowski, Sutherland, Arbel, Gretton (2018), Demystifying MMD GANs, https://arxiv.org/abs/1801.01401
    """
    if num_blocks < 2 or degree < 1 or chunk_size < 1:
        raise ValueError(
            f"Expected num_blocks >= 2, degree >= 1 and chunk_size >= 1; got {num_blocks}, {degree} and {chunk_size}. "
            "A standard error needs two blocks."
        )
    (x, y), source = check_samples({"x": x, "y": y}, least=2 * num_blocks)
    num_x, num_y, size = len(x), len(y), min(len(x), len(y)) // num_blocks
    x, y = (rows.double()[torch.randperm(len(rows))[: size * num_blocks].to(rows.device)] for rows in (x, y))
    dim = x.shape[1]

    def polynomial(rows: Tensor, others: Tensor) -> Tensor:
        return (rows @ others.T).div_(dim).add_(1).pow_(degree)

    values = torch.tensor(
        [
            kernel_discrepancies(some, others, polynomial, num_permutations=0, chunk_size=chunk_size)[0]
            for some, others in zip(x.split(size), y.split(size), strict=True)
        ],
        dtype=torch.float64,
    )
    error = values.std().item() / math.sqrt(num_blocks)
    return KernelInceptionDistance(values.mean().item(), error, num_blocks, size, num_x, num_y, source)
