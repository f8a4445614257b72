"""Coupling over images: the squares of one colour of a checkerboard set how those of the other move."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.transforms.image.coupling import ImageCoupling
from pyrodgm.transforms.image.events import Shape, check_event
from pyrodgm.transforms.univariate.base import Univariate


class CheckerboardCoupling(ImageCoupling):
    r""":math:`y_a = x_a,\; y_b = f(x_b; \theta(x_a, c))`, where :math:`a` and :math:`b` are squares of a checkerboard.

    Pixels whose row and column are both even or both odd stay, the others move, in all channels. Only these go through
    the family, whatever the size of the image, odd ones included.

    Args:
        shape: Shape (channels, height, width) of one image.
        univariate: The family that moves the squares of one colour.
        conditioner: A net ``(x, context) -> (*batch, num_params * channels, height, width)``, kind by kind. It sees
            ``channels + 1`` channels: the image with zeros where it moves, and a map of ones where it stays.
        flip: Whether the other squares stay instead.
        context_dim: Number of context features.

    Raises:
        ValueError: If no square moves; when called, if events are of another shape.

    Example:
        >>> import torch
        >>> from pyrodgm import nn, transforms
        >>> coupling = transforms.CheckerboardCoupling((3, 8, 8), transforms.Affine(), nn.ResidualConv(4, 2 * 3))
        >>> y, ladj = coupling.forward_and_ladj(torch.randn(5, 3, 8, 8))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3, 8, 8]), torch.Size([5]))

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, section 3.4,
        https://arxiv.org/abs/1605.08803
    """

    odd_rows: Tensor
    stays: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        univariate: Univariate,
        conditioner: nn.Module,
        *,
        flip: bool = False,
        context_dim: int = 0,
    ) -> None:
        channels, height, width = check_image_shape(shape)
        super().__init__(shape, univariate, conditioner, num_moving=channels, context_dim=context_dim)
        self.flip = flip
        rows, columns = torch.arange(height)[:, None], torch.arange(width)
        stays = (rows + columns) % 2 == int(flip)
        if stays.all():
            raise ValueError(
                f"Expected squares that move; got images of {height} x {width} with flip={flip}. "
                "Build it with flip=True, or for images of at least two pixels."
            )
        self.register_buffer("odd_rows", rows % 2 == 1, persistent=False)  # (height, 1)
        self.register_buffer("stays", stays.to(torch.get_default_dtype())[None], persistent=False)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the squares that stay and those that move."""
        check_event(x, self.shape, what="CheckerboardCoupling")
        return squares(x, self.odd_rows, light=self.flip).flatten(-2), self.select(x).flatten(-2)

    def join(self, staying: Tensor, moved: Tensor) -> Tensor:
        """Put the squares in their places."""
        dark, light = (moved, staying) if self.flip else (staying, moved)
        return board(dark, light, self.odd_rows, self.shape)

    def seen(self, x: Tensor, staying: Tensor) -> Tensor:
        """Return the image without what moves, and where that is not."""
        return torch.cat((x * self.stays, self.stays.expand(*x.shape[:-3], *self.stays.shape)), -3)

    def select(self, maps: Tensor) -> Tensor:
        """Return the squares that move."""
        return squares(maps, self.odd_rows, light=not self.flip)


def squares(x: Tensor, odd_rows: Tensor, *, light: bool) -> Tensor:
    """Return the squares of one colour.

    Args:
        x: ``(*batch, channels, height, width)``.
        odd_rows: Whether a row is odd, ``(height, 1)``.
        light: Whether to return the squares whose row and column add up to an odd number.

    Returns:
        ``(*batch, channels, num_squares)``.
    """
    if x.shape[-1] % 2:  # the colours alternate along the whole image, from one row to the next too
        return x.flatten(-2)[..., int(light) :: 2]
    even, odd = x.unflatten(-1, (x.shape[-1] // 2, 2)).unbind(-1)  # columns
    return (torch.where(odd_rows, even, odd) if light else torch.where(odd_rows, odd, even)).flatten(-2)


def board(dark: Tensor, light: Tensor, odd_rows: Tensor, shape: Shape) -> Tensor:
    """Return the image of which the squares are given: ``(*batch, channels, height, width)``.

    Args:
        dark: The squares whose row and column add up to an even number, ``(*batch, channels * num_dark)``.
        light: The others, ``(*batch, channels * num_light)``.
        odd_rows: Whether a row is odd, ``(height, 1)``.
        shape: ``(channels, height, width)``.
    """
    channels, height, width = shape
    dark, light = (colour.unflatten(-1, (channels, colour.shape[-1] // channels)) for colour in (dark, light))
    if width % 2:
        light = F.pad(light, (0, dark.shape[-1] - light.shape[-1]))
        whole = torch.stack((dark, light), -1).flatten(-2)[..., : height * width]
        return whole.unflatten(-1, (height, width))
    dark, light = (colour.unflatten(-1, (height, width // 2)) for colour in (dark, light))
    even, odd = torch.where(odd_rows, light, dark), torch.where(odd_rows, dark, light)  # columns
    return torch.stack((even, odd), -1).flatten(-2)
