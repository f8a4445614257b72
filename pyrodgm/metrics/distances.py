"""Distances between rows of numbers, in blocks that bound the memory."""

import torch
from torch import Tensor

EXACT_DIM = 8  # up to here differences cost no more than the product of matrices, and nothing cancels
CHUNK_SIZE = 1024  # rows on either side of a block: 4 MiB in single precision


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    r"""Return :math:`\|x_i - y_j\|^2`, ``(num_x, num_y)``.

    In more than a few dimensions by a product of matrices, which loses digits of distances that are small beside the
    rows themselves: centre the rows first.
    """
    if x.shape[1] <= EXACT_DIM:
        return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square_()
    distances = torch.addmm(y.square().sum(1), x, y.T, alpha=-2)
    return distances.add_(x.square().sum(1)[:, None]).clamp_(min=0)


def centred(*parts: Tensor) -> tuple[Tensor, ...]:
    """Return sets of rows less the mean of them all, which changes no distance."""
    mean = sum(part.sum(0) for part in parts) / sum(len(part) for part in parts)
    return tuple(part - mean for part in parts)


def nearest(
    x: Tensor, y: Tensor, num: int, *, leave_out_self: bool = False, chunk_size: int = CHUNK_SIZE
) -> tuple[Tensor, Tensor]:
    """Find the nearest rows of ``y`` for each row of ``x``.

    Args:
        x: Rows ``(num_x, dim)``.
        y: Rows ``(num_y, dim)``.
        num: How many to find.
        leave_out_self: Whether ``y`` is ``x``, and no row is its own neighbour.
        chunk_size: Rows on either side of a block.

    Returns:
        Squared distances and indices into ``y``, each ``(num_x, num)``, the nearest first.
    """
    distances, indices = [], []
    for row, some in enumerate(x.split(chunk_size)):
        best, where = some.new_full((len(some), 0), 0.0), some.new_zeros((len(some), 0), dtype=torch.long)
        for column, others in enumerate(y.split(chunk_size)):
            block = squared_distances(some, others)
            if leave_out_self and row == column:
                block.fill_diagonal_(torch.inf)
            found = block.topk(min(num, len(others)), largest=False)
            best = torch.cat([best, found.values], 1)
            where = torch.cat([where, found.indices + column * chunk_size], 1)
            best, kept = best.topk(min(num, best.shape[1]), largest=False)
            where = where.gather(1, kept)
        distances.append(best)
        indices.append(where)
    return torch.cat(distances), torch.cat(indices)
