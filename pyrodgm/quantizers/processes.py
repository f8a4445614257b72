"""What processes that train in parallel tell each other, so that their codebooks stay one."""

import torch
import torch.distributed as dist
from torch import Tensor


def num_processes() -> int:
    """Return how many processes train together; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def add_up(tensor: Tensor) -> Tensor:
    """Add a tensor up over all processes, in place."""
    if num_processes() > 1:
        dist.all_reduce(tensor)
    return tensor


def take_first(tensor: Tensor) -> Tensor:
    """Overwrite a tensor by that of the first process."""
    if num_processes() > 1:
        dist.broadcast(tensor, src=0)
    return tensor


def sizes_of(rows: Tensor) -> list[int]:
    """Return how many rows each process has."""
    if num_processes() == 1:
        return [len(rows)]
    sizes = torch.zeros(num_processes(), dtype=torch.long, device=rows.device)
    sizes[dist.get_rank()] = len(rows)
    return [int(size) for size in add_up(sizes)]


def gather(rows: Tensor) -> Tensor:
    """Return the rows of all processes, one process after the other."""
    sizes = sizes_of(rows)
    if len(sizes) == 1:
        return rows
    padded = rows.new_zeros(max(sizes), *rows.shape[1:])
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(parts, padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def draw(rows: Tensor, num: int) -> Tensor:
    """Draw rows from those of all processes, the same on each, none twice while they last.

    Args:
        rows: ``(num_rows, dim)``, this process's.
        num: How many to draw.

    Returns:
        ``(num, dim)``, what one process with all rows draws from the first process's generator.
    """
    sizes = sizes_of(rows)
    total = sum(sizes)
    device = rows.device
    chosen = torch.randperm(total, device=device) if num <= total else torch.randint(total, (num,), device=device)
    chosen = take_first(chosen[:num].contiguous())
    if len(sizes) == 1:
        return rows[chosen]
    here = chosen - sum(sizes[: dist.get_rank()])
    own = (here >= 0) & (here < len(rows))
    drawn = rows.new_zeros(num, *rows.shape[1:])
    drawn[own] = rows[here[own]]
    return add_up(drawn)
