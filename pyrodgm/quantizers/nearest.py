"""The search for the nearest code."""

import numpy
import torch
from torch import Tensor

CPU_ROWS = 128  # rows whose scores stay in a processor's cache: twice as fast as all distances at once
SCORES = 2**26  # scores in memory at once elsewhere


@torch.no_grad()
def nearest(rows: Tensor, codebook: Tensor) -> Tensor:
    r"""Return the index of the nearest code of each row, :math:`\arg\min_k \tfrac12 \|e_k\|^2 - x^\top e_k`.

    That orders codes as the distance does. Both sides are centred first, so that codes that lie close together far from
    zero are still told apart in single precision.

    Args:
        rows: ``(num_rows, code_dim)``.
        codebook: ``(num_codes, code_dim)``, of the same dtype.

    Returns:
        ``(num_rows,)``; of several codes at one distance one of them.
    """
    device = rows.device
    indices = torch.empty(len(rows), dtype=torch.long, device=device)
    size = CPU_ROWS if device.type == "cpu" else max(CPU_ROWS, SCORES // len(codebook))
    centre = codebook.mean(0)
    codes = codebook - centre
    half, across = 0.5 * codes.square().sum(1), codes.t()
    scores = torch.empty(min(size, len(rows)), len(codebook), dtype=rows.dtype, device=device)
    for start in range(0, len(rows), size):
        chunk = rows[start : start + size] - centre
        # With out= automatic mixed precision leaves the product alone: in half precision neighbours would be confused.
        found = torch.addmm(half, chunk, across, alpha=-1, out=scores[: len(chunk)])
        put_smallest(found, indices[start : start + size])
    return indices


def put_smallest(scores: Tensor, indices: Tensor) -> None:
    """Write the index of the smallest score of each row to ``indices``, the first of equal ones."""
    if scores.device.type == "cpu" and scores.dtype in (torch.float32, torch.float64):
        numpy.argmin(scores.numpy(), 1, out=indices.numpy())  # ten times as fast as torch's, which is half of a search
    else:
        torch.argmin(scores, 1, out=indices)
