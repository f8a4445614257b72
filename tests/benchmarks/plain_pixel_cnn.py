"""PixelCNN and Gated PixelCNN as one writes them down: square kernels times masks, over the weights of ours."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm.nn import GatedPixelCNN, PixelCNN
from pyrodgm.nn.masked_conv import MaskedConv2d
from pyrodgm.nn.pixel_net import add_bias


def plain_pixel_cnn(net: PixelCNN, x: Tensor) -> Tensor:
    """Return the parameters of images of one channel, ``(batch, 1, height, width, num_params)``."""
    h = add_bias(convolve(net.first, net.scaled(x)), net.biases(None)[0])
    for block in net.residual_blocks:
        a = F.relu(convolve(block.narrow, F.relu(h)))
        h = h + convolve(block.widen, F.relu(convolve(block.above, a)))
    return outputs(net, h)


def plain_gated_pixel_cnn(net: GatedPixelCNN, x: Tensor) -> Tensor:
    """Return the parameters of images of one channel, ``(batch, 1, height, width, num_params)``."""
    v = h = net.scaled(x)
    for layer, above_bias, along_bias in zip(net.gated_layers, *net.biases(None), strict=True):
        weight = layer.above.weight
        below = 2 * layer.radius + 1 - weight.shape[2]
        above = F.conv2d(v, F.pad(weight, (0, 0, 0, below)), layer.above.bias, padding=layer.radius)
        above = add_bias(above, above_bias)
        along = add_bias(convolve(layer.along, h) + layer.link(above), along_bias)
        mixed = convolve(layer.mix, gate(along))
        v, h = gate(above), mixed if layer.is_first else h + mixed
    return outputs(net, h)


def convolve(conv: MaskedConv2d, x: Tensor) -> Tensor:
    """Convolve with a kernel as wide as high, or as wide as what a row sees, half of it masked."""
    radius = conv.radius
    right = 0 if conv.num_above else radius
    weight = F.pad(conv.weight, (0, right, 0, conv.num_above))
    mask = F.pad(conv.mask, (0, right, 0, conv.num_above))
    return F.conv2d(x, weight * mask, conv.bias, padding=(conv.num_above, radius))


def gate(x: Tensor) -> Tensor:
    """Return the product of a tangent and a sigmoid."""
    a, b = x.chunk(2, 1)
    return torch.tanh(a) * torch.sigmoid(b)


def outputs(net: PixelCNN | GatedPixelCNN, h: Tensor) -> Tensor:
    """Return what the last two layers make of the maps."""
    params = convolve(net.last, F.relu(convolve(net.hidden, F.relu(h))))
    return params.movedim(1, -1).unsqueeze(1)
