"""A multi-scale architecture as one bijection."""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.transforms.bijection import Bijection
from pyrodgm.transforms.compose import Compose, own_context
from pyrodgm.transforms.image.events import Shape, check_event, to_channels, to_pixels


class Multiscale(Bijection):
    r"""Scales, after each of which half of the channels leave: an image from latent variables of its own shape.

    From data to base, scale :math:`i` takes :math:`h_{i-1}`, with :math:`h_0 = y`, to
    :math:`(h_i, z_i) = g_i^{-1}(h_{i-1})`: the first half of the channels goes on to the next scale, the second half
    leaves as that scale's latent variables. All that the last scale returns is latent.

    The base's side is one tensor of the image's shape, so that the flow is an ordinary one over a base of that shape.
    Its layout is that of the image: undoing the squeezes of a scale takes ``cat(h_i, z_i)`` to the pixels that they
    describe. :meth:`unpack` splits such a tensor into the latent variables of each scale, :meth:`pack` joins them.

    Args:
        shape: Shape (channels, height, width) of one image.
        scales: The bijections :math:`g_i`, the one nearest to the data first. Each may squeeze.

    Raises:
        ValueError: If there is no scale, one does not take what the scale before leaves, contexts differ, or channels
            cannot be halved after a scale, which is named; when called, if events are of another shape.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> shapes = [(1, 8, 8), (2, 4, 4)]
        >>> multiscale = transforms.Multiscale((1, 8, 8), [transforms.Squeeze(shape) for shape in shapes])
        >>> [z.shape for z in multiscale.unpack(torch.randn(5, 1, 8, 8))]
        [torch.Size([5, 2, 4, 4]), torch.Size([5, 8, 2, 2])]

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, section 3.6,
        https://arxiv.org/abs/1605.08803
    """

    def __init__(self, shape: Sequence[int], scales: Iterable[Bijection]) -> None:
        together = Compose(scales)  # refuses none, and contexts or event dimensions that differ
        if together.event_dim != 3:
            raise ValueError(f"Expected scales of event_dim 3; got {together.event_dim}. Build them for images.")
        super().__init__(event_dim=3, context_dim=together.context_dim)
        self.shape = check_image_shape(shape)
        self.scales = together.bijections
        self.data_shapes: list[Shape] = []
        self.base_shapes: list[Shape] = []
        data = self.shape
        for index, scale in enumerate(self.parts, 1):
            base = base_shape(scale, data, index)
            self.data_shapes.append(data)
            self.base_shapes.append(base)
            if base[0] % 2 and index < len(self.parts):
                raise ValueError(
                    f"Expected an even number of channels after scale {index}, of which half leave; got {base[0]}. "
                    "Squeeze in that scale, or give it an even number of channels."
                )
            data = (base[0] // 2, base[1], base[2])

    @property
    def parts(self) -> list[Bijection]:
        """The scales, the one nearest to the data first."""
        return cast(list[Bijection], list(self.scales))

    @property
    def latent_shapes(self) -> list[Shape]:
        """Shapes of the latent variables of each scale, the one nearest to the data first."""
        *halved, last = self.base_shapes
        return [*((channels // 2, height, width) for channels, height, width in halved), last]

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> constraints.Constraint:
        """What the scale nearest to the data returns."""
        return self.parts[0].codomain

    def unpack(self, x: Tensor) -> list[Tensor]:
        """Split the base's side into the latent variables of each scale, the one nearest to the data first.

        Args:
            x: ``(*batch, *shape)``.

        Returns:
            Tensors ``(*batch, *latent_shape)``.
        """
        check_event(x, self.shape, what="Multiscale")
        latents: list[Tensor] = []
        for data, base in zip(self.data_shapes, self.base_shapes, strict=True):
            x = to_channels(x, data[1] // base[1]) if data != base else x
            if len(latents) + 1 < len(self.base_shapes):
                x, latent = x.chunk(2, -3)
                latents.append(latent)
        return [*latents, x]

    def pack(self, latents: Sequence[Tensor]) -> Tensor:
        """Join the latent variables of each scale, the one nearest to the data first: the inverse of :meth:`unpack`.

        Args:
            latents: Tensors ``(*batch, *latent_shape)``, whose batches broadcast.

        Returns:
            ``(*batch, *shape)``.

        Raises:
            ValueError: If there are not as many as scales, or one is of another shape.
        """
        if [tuple(latent.shape[-3:]) for latent in latents] != self.latent_shapes:
            raise ValueError(
                f"Expected latent variables of shapes {self.latent_shapes}; got "
                f"{[tuple(latent.shape) for latent in latents]}. Give those of every scale, as unpack returns them."
            )
        *finer, x = latents
        for index in reversed(range(len(latents))):
            if index < len(finer):
                x = cat_channels(x, finer[index])
            data, base = self.data_shapes[index], self.base_shapes[index]
            x = to_pixels(x, data[1] // base[1]) if data != base else x
        return x

    @torch.no_grad()
    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Set the scale nearest to the data, then the next from what goes on to it, and so on."""
        for scale in self.parts:
            own = own_context(scale, context)
            scale.initialize(y, own)
            y = scale.inverse_and_ladj(y, own)[0].chunk(2, -3)[0]

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run from the coarsest scale to the data, taking the latent variables of each in, adding up ladj."""
        *finer, y = self.unpack(x)
        *others, last = self.parts
        y, total = last.forward_and_ladj(y, own_context(last, context))
        for scale, latent in zip(reversed(others), reversed(finer), strict=True):
            y, ladj = scale.forward_and_ladj(cat_channels(y, latent), own_context(scale, context))
            total = total + ladj
        return y, total

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run from the data to the coarsest scale, leaving half of the channels behind at each, adding up ladj."""
        check_event(y, self.shape, what="Multiscale")
        latents, ladjs = [], []
        for scale in self.parts:
            y, ladj = scale.inverse_and_ladj(y, own_context(scale, context))
            ladjs.append(ladj)
            if len(ladjs) < len(self.base_shapes):
                y, latent = y.chunk(2, -3)
                latents.append(latent)
        return self.pack([*latents, y]), sum(ladjs[1:], ladjs[0])


def base_shape(scale: Bijection, data: Shape, index: int) -> Shape:
    """Return the shape of the base's side of a scale.

    Raises:
        ValueError: Naming the scale, if it does not take images of the shape, or does more than squeeze them.
    """
    try:
        channels, height, width = scale.inverse_shape(torch.Size(data))
    except ValueError as error:
        raise ValueError(
            f"Expected scale {index} to take images of shape {data}, which come to it; {error} Build it for these."
        ) from error
    factor = data[1] // max(height, 1)
    if (channels, height * factor, width * factor) != (data[0] * factor**2, *data[1:]):
        raise ValueError(
            f"Expected scale {index} to keep the shape {data} or to squeeze it; got {(channels, height, width)}. "
            "Use Squeeze for what changes the shape."
        )
    return channels, height, width


def cat_channels(first: Tensor, last: Tensor) -> Tensor:
    """Put the channels of one batch of images before those of another, batches broadcast."""
    if first.shape[:-3] != last.shape[:-3]:
        batch = torch.broadcast_shapes(first.shape[:-3], last.shape[:-3])
        first, last = (part.expand(*batch, *part.shape[-3:]) for part in (first, last))
    return torch.cat((first, last), -3)
