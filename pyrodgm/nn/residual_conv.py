"""A residual convolutional network from images to maps of the same size, with an optional context."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.conv_net import add_to_pixels, context_layer, image_batch, zero_convolution
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.res_net import ResidualBlock
from pyrodgm.nn.weight_norm import WeightNormConv2d


class ResidualConv(nn.Module):
    """A convolution, residual blocks, a convolution: the conditioner of couplings over images.

    All layers but the last have weight normalization. The context is projected once and added to every pixel of the
    first layer, from where the sum of the blocks carries it on. The last layer starts at zero, so that a flow whose
    parameters come from this network starts at its identity.

    Args:
        input_channels: Channels of the images.
        output_channels: Channels of the output.
        hidden_channels: Channels of every layer in between.
        num_blocks: Number of residual blocks; each sees two pixels further.
        context_dim: Number of context features; 0 means no context.

    Raises:
        ValueError: If a size is no positive integer (``num_blocks`` and ``context_dim`` may be 0), or, when called, if
            x has other channels, or a context is missing, superfluous or of another width.

    Example:
        >>> import torch
        >>> net = ResidualConv(3, 6, hidden_channels=8, context_dim=2)
        >>> net(torch.randn(7, 5, 3, 8, 9), torch.randn(5, 2)).shape
        torch.Size([7, 5, 6, 8, 9])

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, https://arxiv.org/abs/1605.08803;
        He, Zhang, Ren, Sun (2016), Identity Mappings in Deep Residual Networks, https://arxiv.org/abs/1603.05027;
        Salimans, Kingma (2016), Weight Normalization, https://arxiv.org/abs/1602.07868
    """

    def __init__(
        self,
        input_channels: int,
        output_channels: int,
        *,
        hidden_channels: int = 32,
        num_blocks: int = 2,
        context_dim: int = 0,
    ) -> None:
        super().__init__()
        self.input_channels = check_dim("input_channels", input_channels)
        self.output_channels = check_dim("output_channels", output_channels)
        self.hidden_channels = check_dim("hidden_channels", hidden_channels)
        self.num_blocks = check_dim("num_blocks", num_blocks, 0)
        self.context_dim = check_dim("context_dim", context_dim, 0)
        self.input_layer = WeightNormConv2d(input_channels, hidden_channels, 3, padding=1)
        self.context_layer = context_layer(context_dim, hidden_channels)
        blocks = [ResidualBlock(hidden_channels, WeightNormConv2d) for _ in range(num_blocks)]
        self.blocks = nn.Sequential(*blocks)
        self.output_layer = zero_convolution(hidden_channels, output_channels)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Evaluate the network.

        Args:
            x: Images of shape (*batch, input_channels, height, width).
            context: Context of shape (*batch', context_dim), where batch and batch' broadcast.

        Returns:
            Maps of shape (*broadcast(batch, batch'), output_channels, height, width).

        Raises:
            ValueError: If x has other channels, or a context is missing, superfluous or of another width.
        """
        batch = image_batch(x, self.input_channels, context, self.context_dim)
        h = self.input_layer(x.reshape(math.prod(batch), *x.shape[-3:]))
        if self.context_layer is not None:
            h, batch = add_to_pixels(h, batch, self.context_layer(context))
        h = self.output_layer(F.relu(self.blocks(h), inplace=True))
        return h.reshape(*batch, *h.shape[1:])
