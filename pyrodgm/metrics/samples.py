"""What metrics of samples are given: rows of numbers, or features with their source."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pyrodgm.metrics.features import Features, FeatureSource

Samples = Tensor | Features


def check_samples(samples: Mapping[str, Samples], *, least: int = 1) -> tuple[tuple[Tensor, ...], FeatureSource | None]:
    """Return sets of samples as rows of one width, dtype and device, and the one source of all if they are features.

    Args:
        samples: From what the error calls them to data ``(num, ...)``, which are flattened, or :class:`Features`.
        least: Number of rows that each set needs.

    Returns:
        One tensor ``(num, dim)`` a set, in single precision or better, and the source or None.

    Raises:
        ValueError: If a set is no tensor, has too few rows, or NaN or infinity in one; if the widths differ; or if
            the features are of several sources, or only some are features.
    """
    rows = {name: to_rows(name, part, least) for name, part in samples.items()}
    first, *others = rows.items()
    for name, part in others:
        if part.shape[1] != first[1].shape[1]:
            raise ValueError(
                f"Expected {first[0]} and {name} of one width; got {first[1].shape[1]} and {part.shape[1]} numbers a "
                "row. Take the same variables, or features of the same network."
            )
    sources = {name: part.source if isinstance(part, Features) else None for name, part in samples.items()}
    if len(set(sources.values())) > 1:
        told = "; ".join(f"{name}: {source or 'a tensor'}" for name, source in sources.items())
        raise ValueError(f"Expected all samples of one source; got {told}. Compute all features by one network.")
    dtype = torch.float32
    for part in rows.values():
        dtype = torch.promote_types(dtype, part.dtype)
    return tuple(part.to(first[1].device, dtype) for part in rows.values()), next(iter(sources.values()))


def to_rows(name: str, samples: Samples, least: int) -> Tensor:
    """Return one set as rows, or raise."""
    values = samples.values if isinstance(samples, Features) else samples
    if not isinstance(values, Tensor) or values.is_complex():
        raise ValueError(f"Expected {name} as a tensor of real numbers; got {type(values).__name__}. Convert it first.")
    if values.dim() < 2 or values[:1].numel() == 0:
        raise ValueError(
            f"Expected {name} of shape (num, ...), a row a datum; got {tuple(values.shape)}. Single numbers are rows "
            "of one: x[:, None]."
        )
    if len(values) < least:
        raise ValueError(f"Expected at least {least} rows of {name}; got {len(values)}. Draw more.")
    values = values.detach().flatten(1)
    wrong = (~values.isfinite()).any(1).nonzero()
    if len(wrong):
        raise ValueError(
            f"Expected finite numbers in {name}; got NaN or inf in {len(wrong)} row(s), first in row {int(wrong[0])}. "
            "A model that draws such rows has failed; do not leave them out silently."
        )
    return values
