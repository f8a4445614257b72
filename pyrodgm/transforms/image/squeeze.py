"""Resolution traded for channels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.transforms.bijection import Bijection
from pyrodgm.transforms.image.events import check_event, replace_event, to_channels, to_pixels


class Squeeze(Bijection):
    r"""Blocks of 2 x 2 pixels from four channels: :math:`y_{c,\,2h+i,\,2w+j} = x_{4c+2i+j,\,h,\,w}`.

    The base's side is ``(4 channels, height / 2, width / 2)``, the data's side ``shape``; the log-determinant is zero.

    Args:
        shape: Shape (channels, height, width) of the data's side, with even height and width.

    Raises:
        ValueError: If height or width is odd; when called, if events are of another shape.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> squeeze = transforms.Squeeze((3, 8, 6))
        >>> squeeze.forward_and_ladj(torch.randn(5, 12, 4, 3))[0].shape
        torch.Size([5, 3, 8, 6])
        >>> squeeze.inverse_shape(torch.Size((5, 3, 8, 6)))
        torch.Size([5, 12, 4, 3])

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, section 3.6,
        https://arxiv.org/abs/1605.08803
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__(event_dim=3)
        channels, height, width = self.shape = check_image_shape(shape)
        if height % 2 or width % 2:
            raise ValueError(
                f"Expected an even height and width to squeeze; got {height} x {width}. "
                f"Pad or crop the images to {height + height % 2} x {width + width % 2}, say."
            )
        self.base_shape = (4 * channels, height // 2, width // 2)

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of the data's side."""
        return replace_event(shape, self.base_shape, self.shape, what="Squeeze")

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of the base's side."""
        return replace_event(shape, self.shape, self.base_shape, what="Squeeze")

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Lay four channels out as blocks of pixels."""
        batch = check_event(x, self.base_shape, what="Squeeze")
        return to_pixels(x, 2), x.new_zeros(batch)

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Gather blocks of pixels into four channels."""
        batch = check_event(y, self.shape, what="Squeeze")
        return to_channels(y, 2), y.new_zeros(batch)
