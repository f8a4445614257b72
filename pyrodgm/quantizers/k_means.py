"""Codes that start from data."""

import torch
from torch import Tensor

from pyrodgm.quantizers.processes import gather, take_first

ROWS_PER_CODE = 64  # of more data, as many are drawn


@torch.no_grad()
def k_means(rows: Tensor, num_codes: int) -> Tensor:
    """Return centres of the rows of all processes, by scikit-learn; the same on every process.

    Args:
        rows: ``(num_rows, dim)``, finite.
        num_codes: Number of centres.

    Returns:
        ``(num_codes, dim)``.

    Raises:
        ValueError: If there are fewer rows than centres.
        ImportError: If scikit-learn is absent.
    """
    try:
        from sklearn.cluster import MiniBatchKMeans
    except ImportError as error:
        raise ImportError('Initializing codes needs scikit-learn; pip install "pyrodgm[train]".') from error
    rows = gather(rows)
    if len(rows) < num_codes:
        raise ValueError(
            f"Expected at least {num_codes} rows for {num_codes} codes; got {len(rows)}. Pass more data, or build a "
            "smaller codebook."
        )
    rows = rows[torch.randperm(len(rows), device=rows.device)[: ROWS_PER_CODE * num_codes]]
    seed = int(torch.randint(2**31 - 1, ()))
    points = rows.cpu().to(torch.float64 if rows.dtype == torch.float64 else torch.float32).numpy()
    fitted = MiniBatchKMeans(num_codes, random_state=seed, n_init=1, batch_size=max(1024, num_codes)).fit(points)
    return take_first(torch.from_numpy(fitted.cluster_centers_).to(rows))
