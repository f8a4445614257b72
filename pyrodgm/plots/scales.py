"""What each scale of a multi-scale flow holds."""

import os
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pyrodgm.plots.grid import samples_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def scales(
    flow: Any,
    x: Tensor | int = 8,
    path: str | os.PathLike[str] | None = None,
    *,
    context: Tensor | None = None,
    value_range: tuple[float, float] | None = None,
) -> "Figure":
    """Draw images again with the latent variables of the finest scale new, then those of the two finest, and so on.

    What stays recognizable in a row is what the scales that it keeps hold. The last row keeps nothing: its images are
    draws.

    Args:
        flow: A multi-scale flow, such as those of ``flows.realnvp_image`` and ``flows.glow``; at a temperature below
            one, new latent variables are drawn at it.
        x: Images of shape ``(num, channels, height, width)``, or how many to draw.
        path: Where to write the picture; None writes nothing.
        context: ``(num, context_dim)`` for a conditional flow, one for each image.
        value_range: Values shown as black and white; the least and greatest of ``x`` by default.

    Returns:
        The figure.

    Raises:
        ValueError: The flow has no scales, or the images are not of its shape.

    Example:
        >>> from pyrodgm import flows
        >>> flow = flows.realnvp_image((1, 8, 8), num_scales=2, hidden_channels=4)
        >>> [label.get_text() for label in scales(flow, torch.rand(5, 1, 8, 8)).axes[0].get_yticklabels()]
        ['kept: all', 'kept: 1 of 2', 'kept: none']

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, https://arxiv.org/abs/1605.08803
    """
    shape = tuple(flow.event_shape)
    images: Tensor = flow(context).sample((x,) if context is None else ()) if isinstance(x, int) else x
    if images.dim() != 4 or tuple(images.shape[1:]) != shape or len(images) == 0:
        raise ValueError(
            f"Expected images of shape (num, {', '.join(map(str, shape))}), num > 0; got {tuple(images.shape)}. "
            "Give images of the flow's shape, or how many to draw."
        )
    rows = redrawn(flow, images, context)
    names = ["kept: all", *(f"kept: {kept} of {len(rows) - 1}" for kept in range(len(rows) - 2, 0, -1)), "kept: none"]
    if value_range is None:
        value_range = float(images.min()), float(images.max())
    pictures = dict(zip(names, rows, strict=True))
    return samples_grid(pictures, shape, path, num_columns=len(images), value_range=value_range)


@torch.no_grad()
def redrawn(flow: Any, x: Tensor, context: Tensor | None = None) -> list[Tensor]:
    """Return images with the latent variables of none, the finest, the two finest, ... and all scales drawn anew.

    Args:
        flow: A multi-scale flow.
        x: ``(num, *shape)``.
        context: ``(num, context_dim)`` or ``None``.

    Returns:
        ``(num, *shape)``, one more than scales.

    Raises:
        ValueError: The flow has no scales.
    """
    multiscale = multiscale_of(flow)
    own = multiscale.unpack(flow.to_base(x, context))
    new = multiscale.unpack(flow(context).base_dist.expand((len(x),)).sample())
    packed = (multiscale.pack([*new[:num], *own[num:]]) for num in range(1, len(own) + 1))
    return [x, *(flow.to_data(u, context) for u in packed)]


def multiscale_of(flow: Any) -> Any:
    """Return the part of a flow that packs latent variables of several scales, which is nearest to its base.

    Raises:
        ValueError: There is none.
    """
    part = flow.bijection
    while not callable(getattr(part, "unpack", None)):
        parts = getattr(part, "parts", None)
        if not parts:
            raise ValueError(
                f"Expected a multi-scale flow; got one that starts with {type(part).__name__}. Build it with "
                "flows.realnvp_image or flows.glow, or with transforms.Multiscale nearest to the base."
            )
        part = parts[0]
    return part
