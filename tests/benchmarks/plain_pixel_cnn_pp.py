"""PixelCNN++ as one writes it down from the paper, over the weights of our network."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def plain_pixel_cnn_pp(net: Any, x: Tensor) -> Tensor:
    """Return ``(batch, 1, height, width, num_params)`` of binary images ``(batch, 1, height, width)``."""
    x = 2.0 * x - 1.0
    x = torch.cat((x, torch.ones_like(x)), 1)
    u = convolve(net.enter_above, down_shift(x))
    ul = convolve(net.enter_row_above, down_shift(x)) + convolve(net.enter_left, right_shift(x))
    ul = both_streams(net.above, net.left, u, ul)[1]
    return F.conv2d(both_signs(ul), net.output_layer.weight, net.output_layer.bias).movedim(1, -1).unsqueeze(1)


def both_streams(above: Any, left: Any, u: Tensor, ul: Tensor) -> tuple[Tensor, Tensor]:
    """Go down, through the coarser resolutions, and up."""
    us, uls = [u], [ul]
    for upper_block, left_block in zip(above.down, left.down, strict=True):
        us.append(gated_block(upper_block, us[-1], None))
        uls.append(gated_block(left_block, uls[-1], us[-1]))
    if above.inner is None:
        u, ul = us.pop(), uls.pop()
    else:
        u, ul = both_streams(above.inner, left.inner, convolve(above.shrink, us[-1]), convolve(left.shrink, uls[-1]))
        height, width = us[-1].shape[2:]
        u, ul = above.grow(u)[..., :height, :width], left.grow(ul)[..., :height, :width]
    for upper_block, left_block in zip(above.up, left.up, strict=True):
        u = gated_block(upper_block, u, us.pop())
        ul = gated_block(left_block, ul, torch.cat((u, uls.pop()), 1))
    return u, ul


def gated_block(block: Any, x: Tensor, other: Tensor | None) -> Tensor:
    """Return ``x + a * sigmoid(b)``."""
    h = convolve(block.first, both_signs(x))
    if other is not None:
        parts = [both_signs(part) for part in other.split(x.shape[1], 1)]
        h = h + block.others_layer(torch.cat(parts, 1))
    a, b = convolve(block.second, both_signs(h)).chunk(2, 1)
    return x + a * b.sigmoid()


def both_signs(x: Tensor) -> Tensor:
    """Apply the ELU to both signs."""
    return F.elu(torch.cat((x, -x), 1))


def convolve(layer: Any, x: Tensor) -> Tensor:
    """Pad above, and on both sides or on the left."""
    rows, columns = layer.kernel_size
    right = (columns - 1) // 2
    return F.conv2d(F.pad(x, (columns - 1 - right, right, rows - 1, 0)), layer.weight, layer.bias, layer.stride)


def down_shift(x: Tensor) -> Tensor:
    """Move rows down by one."""
    return F.pad(x[:, :, :-1], (0, 0, 1, 0))


def right_shift(x: Tensor) -> Tensor:
    """Move columns to the right by one."""
    return F.pad(x[:, :, :, :-1], (1, 0, 0, 0))
