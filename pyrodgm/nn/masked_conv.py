"""Convolutions that see only what comes before a pixel, row by row and channel by channel."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def share(num_maps: int, num_channels: int, part: int) -> slice:
    """Return the feature maps that belong to one of an image's channels, in equal shares."""
    return slice(-(-part * num_maps // num_channels), -(-(part + 1) * num_maps // num_channels))


def share_channels(num_maps: int, num_channels: int) -> Tensor:
    """Return to which of an image's channels each feature map belongs, in equal shares, ``(num_maps,)``."""
    return torch.arange(num_maps) * num_channels // num_maps


class MaskedConv2d(nn.Module):
    r"""Convolution over the rows above a pixel and the pixels to its left, and over earlier channels of the pixel.

    The kernel ends with the pixel's own row, so that what a square kernel has below it is never multiplied. Of that row
    what is right of the pixel is masked, and of the pixel itself later channels. Masks are multiplied in at each call
    and never written into the weights.

    Args:
        in_channels: ``(num_in,)``, the image channel that each input map belongs to.
        out_channels: ``(num_out,)``, the same for each output map.
        radius: Columns seen on either side.
        num_above: Rows seen above; ``radius`` by default.
        strict: Whether an output sees of its own pixel the maps of *earlier* channels alone (mask A of the paper); else
            also those of its own channel (mask B).

    Attributes:
        weight: ``(num_out, num_in, num_above + 1, 2 * radius + 1)``, without the right columns where no row above is
            seen; in the memory order of ``channels_last``, in which convolutions run faster on a processor.

    Example:
        >>> conv = MaskedConv2d(share_channels(3, 3), share_channels(8, 3), 3, strict=True)
        >>> conv(torch.randn(5, 3, 28, 20)).shape
        torch.Size([5, 8, 28, 20])

    References:
        van den Oord, Kalchbrenner, Kavukcuoglu (2016), Pixel Recurrent Neural Networks, section 3.4 and figure 2,
        https://arxiv.org/abs/1601.06759
    """

    mask: Tensor
    in_channels: Tensor
    out_channels: Tensor

    def __init__(
        self,
        in_channels: Tensor,
        out_channels: Tensor,
        radius: int,
        *,
        num_above: int | None = None,
        strict: bool = False,
    ) -> None:
        super().__init__()
        self.radius = radius
        self.strict = strict
        self.num_above = radius if num_above is None else num_above
        self.register_buffer("in_channels", in_channels, persistent=False)
        self.register_buffer("out_channels", out_channels, persistent=False)
        width = 2 * radius + 1 if self.num_above else radius + 1
        mask = torch.ones(len(out_channels), len(in_channels), self.num_above + 1, width)
        mask[:, :, -1, radius + 1 :] = 0
        here = out_channels[:, None] > in_channels if strict else out_channels[:, None] >= in_channels
        mask[:, :, -1, radius] = here.to(mask.dtype)
        self.register_buffer("mask", mask.contiguous(memory_format=torch.channels_last), persistent=False)
        self.is_masked = bool((mask == 0).any())
        bound = mask.flatten(1).sum(1).clamp(min=1).rsqrt()  # of the inputs that an output sees
        weight = (2 * torch.rand_like(self.mask) - 1) * bound[:, None, None, None]
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter((2 * torch.rand_like(bound) - 1) * bound)

    def masked_weight(self) -> Tensor:
        """Return the weight with zeros where nothing may be seen."""
        return self.weight * self.mask if self.is_masked else self.weight

    def num_seen(self, part: int) -> int:
        """Return how many input maps of its own pixel, the first ones, an output map of a channel sees."""
        seen = self.in_channels < part if self.strict else self.in_channels <= part
        return int(seen.sum())

    def matrix(self, part: int) -> Tensor:
        """Return the weights of a channel's output maps over all that they see, ``(num_rows_of_window, num_maps)``.

        The window reads from the top down and from the left to the right, and ends with the pixel itself, of which the
        last maps are left out where they are not seen.
        """
        weight = self.masked_weight().detach()[self.out_channels == part].permute(2, 3, 1, 0)  # (row, column, in, out)
        num_in = len(self.in_channels)
        num_before = self.num_above * weight.shape[1] * num_in + self.radius * num_in
        return weight.flatten(0, 2)[: num_before + self.num_seen(part)].contiguous()

    def biased_matrix(self, part: int) -> Tensor:
        """Return the same below the biases: for inputs that begin with a one."""
        return torch.cat([self.bias.detach()[self.out_channels == part].unsqueeze(0), self.matrix(part)])

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, num_out, height, width)`` of ``x``, ``(batch, num_in, height, width)``."""
        y = F.conv2d(x, self.masked_weight(), self.bias, padding=(self.num_above, self.radius))
        if y.shape[2:] == x.shape[2:]:
            return y
        return y[:, :, : x.shape[2], : x.shape[3]]  # what is beyond sees the image from below or from the right
