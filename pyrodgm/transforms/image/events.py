"""The shape of an event that is an image, checked at the boundary."""

import torch
from torch import Tensor

Shape = tuple[int, int, int]


def check_event(x: Tensor, shape: Shape, *, what: str) -> torch.Size:
    """Return the batch shape of images.

    Raises:
        ValueError: If they are of another shape.
    """
    if x.dim() < 3 or x.shape[-3:] != shape:
        raise ValueError(
            f"Expected events of shape (*batch, {', '.join(map(str, shape))}); got {tuple(x.shape)}. "
            f"Build {what} for the shape of the images."
        )
    return x.shape[:-3]


def replace_event(shape: torch.Size, old: Shape, new: Shape, *, what: str) -> torch.Size:
    """Return the shape of a batch whose events change from one shape to another.

    Raises:
        ValueError: If its events are of a shape that is not the old one.
    """
    if len(shape) < 3 or tuple(shape[-3:]) != old:
        raise ValueError(
            f"Expected a shape (*batch, {', '.join(map(str, old))}); got {tuple(shape)}. "
            f"Build {what} for the shape of the images."
        )
    return torch.Size((*shape[:-3], *new))
