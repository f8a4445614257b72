"""The shape of an event that is an image, checked at the boundary."""

import torch
import torch.nn.functional as F
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


def to_channels(x: Tensor, factor: int) -> Tensor:
    """Gather blocks of ``factor`` x ``factor`` pixels into channels."""
    *batch, channels, height, width = x.shape
    if x.numel():  # torch returns a batch without rows as it is
        return F.pixel_unshuffle(x, factor)
    return x.reshape(*batch, channels * factor**2, height // factor, width // factor)


def to_pixels(x: Tensor, factor: int) -> Tensor:
    """Lay channels out as blocks of ``factor`` x ``factor`` pixels: the inverse of :func:`to_channels`."""
    *batch, channels, height, width = x.shape
    if x.numel():
        return F.pixel_shuffle(x, factor)
    return x.reshape(*batch, channels // factor**2, height * factor, width * factor)
