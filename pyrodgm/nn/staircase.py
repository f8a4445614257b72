"""Products with masked matrices whose ones fill a staircase, without most of the zeros."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

NUM_BLOCKS = 4
WIDE = 1 << 18  # elements from which a matrix is worth cutting: below, more and smaller products cost more

Block = tuple[int, int, int, int]


def staircase(mask: Tensor, num_params: int) -> list[Block]:
    """Cut the rows of a mask into blocks, and find the columns that each block uses.

    Args:
        mask: ``(num_params * rows, columns)``; rows are cut alike for each parameter.
        num_params: Number of parameters.

    Returns:
        First and last row, first and last column of each block, as of slices. Empty for small masks.
    """
    if mask.numel() < WIDE:
        return []
    used = mask.view(num_params, -1, mask.shape[1]).bool().any(0)
    edges = [len(used) * number // NUM_BLOCKS for number in range(NUM_BLOCKS + 1)]
    blocks = []
    for begin, end in itertools.pairwise(edges):
        columns = used[begin:end].any(0).nonzero()
        first, last = (int(columns.min()), int(columns.max()) + 1) if len(columns) else (0, 0)
        blocks.append((begin, end, first, last))
    return blocks


def staircase_linear(h: Tensor, weight: Tensor, mask: Tensor, bias: Tensor, blocks: list[Block]) -> Tensor:
    """Return ``F.linear(h, weight * mask, bias)``, block by block of rows.

    Without gradients it saves what the zeros cost, three eighths of a triangle with four blocks. With them, the
    gradients of slices cost more than that.

    Args:
        h: ``(*batch, columns)``.
        weight: ``(num_params * rows, columns)``.
        mask: As ``weight``.
        bias: ``(num_params * rows,)``.
        blocks: What :func:`staircase` found; not empty.
    """
    rows = blocks[-1][1]
    planes, masks, biases = (t.view(-1, rows, *t.shape[1:]) for t in (weight, mask, bias))  # (num_params, rows, ...)
    parts = []
    for begin, end, first, last in blocks:
        block = planes[:, begin:end, first:last] * masks[:, begin:end, first:last]
        part = F.linear(h[..., first:last], block.flatten(0, 1), biases[:, begin:end].flatten())
        parts.append(part.unflatten(-1, (len(planes), end - begin)))
    return torch.cat(parts, -1).flatten(-2)
