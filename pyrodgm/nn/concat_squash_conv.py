"""The convolutional vector field of continuous flows over images."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.concat_squash import ConcatSquash
from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.smooth import check_smooth
from pyrodgm.nn.time_gates import TimeGates


class ConcatSquashConv(ConcatSquash):
    r"""A vector field over images, of convolutions :math:`*` that keep height and width.

    .. math:: h \leftarrow a\big((W * h + b) \odot \sigma(G [t, c] + g) + S [t, c]\big)

    in each layer; gates and shifts are one number a channel, and the last layer has no activation. Products with the
    Jacobian are written out.

    Args:
        shape: Shape (channels, height, width) of one image.
        hidden_channels: Channels of the hidden layers; empty makes the field linear in z.
        context_dim: Number of context features; 0 means no context.
        kernel_size: Side of the kernels, odd.
        activation: Class of the nonlinearity, ``torch.nn.Tanh`` or ``torch.nn.Softplus``: both are smooth.
        zero_init: Shrink the last layer to a thousandth of its usual start, so that a flow along the field starts close
            to its identity.

    Raises:
        ValueError: If a size is not positive, the kernel even or the activation not smooth; when called, if z or the
            context has another shape.

    Example:
        >>> import torch
        >>> field = ConcatSquashConv((1, 8, 6), hidden_channels=(4,), context_dim=2)
        >>> field(torch.tensor(0.5), torch.randn(7, 5, 1, 8, 6), torch.randn(5, 2)).shape
        torch.Size([7, 5, 1, 8, 6])

    References:
        Grathwohl, Chen, Bettencourt, Sutskever, Duvenaud (2019), FFJORD, https://arxiv.org/abs/1810.01367, whose
        published code names the layer
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        hidden_channels: Sequence[int] = (32, 32),
        context_dim: int = 0,
        kernel_size: int = 3,
        activation: type[nn.Module] = nn.Softplus,
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        self.shape = check_image_shape(shape)
        self.context_dim = check_dim("context_dim", context_dim, 0)
        self.hidden_channels = tuple(check_dim("hidden_channels", width) for width in hidden_channels)
        if check_dim("kernel_size", kernel_size) % 2 == 0:
            raise ValueError(f"Expected an odd kernel_size; got {kernel_size}. Give {kernel_size + 1}, say.")
        self.padding = kernel_size // 2
        self.activation = check_smooth(activation)
        widths = (self.shape[0], *self.hidden_channels, self.shape[0])
        layers = [
            nn.Conv2d(before, after, kernel_size, padding=self.padding) for before, after in itertools.pairwise(widths)
        ]
        if zero_init:
            with torch.no_grad():
                for parameter in layers[-1].parameters():
                    parameter.mul_(1e-3)
        self.layers = nn.ModuleList(layers)
        self.gates = TimeGates(widths[1:], context_dim, zero_init=zero_init)

    def check(self, z: Tensor) -> None:
        """Refuse another shape."""
        if z.shape[-3:] != self.shape:
            raise ValueError(
                f"Expected z of shape (*batch, {', '.join(map(str, self.shape))}); got {tuple(z.shape)}. "
                "Build the field with the shape of one image."
            )

    def linear(self, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve."""
        maps = F.conv2d(h.reshape(h.shape[:-3].numel(), *h.shape[-3:]), weight, bias, padding=self.padding)
        return maps.reshape(*h.shape[:-3], *maps.shape[-3:])

    def spread(self, part: Tensor) -> Tensor:
        """Return one number a channel."""
        return part[..., None, None]
