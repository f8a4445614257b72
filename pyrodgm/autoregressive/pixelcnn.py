"""PixelCNN."""

from collections.abc import Sequence

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.autoregressive.pixel_head import pixel_head
from pyrodgm.heads.head import Head
from pyrodgm.nn.pixel_cnn import PixelCNN


def pixelcnn(
    shape: Sequence[int],
    context_dim: int | Sequence[int] = 0,
    *,
    num_levels: int = 2,
    num_layers: int = 7,
    num_channels: int = 64,
    kernel_sizes: tuple[int, int] = (7, 3),
    coordinates: bool = True,
    head: Head | None = None,
) -> Autoregressive:
    r"""PixelCNN: :math:`p(x \mid c) = \prod_i p(x_i \mid x_{<i}, c)` pixel by pixel, by masked convolutions.

    The density takes one pass. A draw computes each unit once, and pixels that do not see each other together: lines
    through the image, in ``width + 4 * (height - 1)`` steps under a first kernel of 7.

    Args:
        shape: Shape (channels, height, width) of one image.
        context_dim: Number of context features, a label's one-hot code say, or the shape (k, height, width) of a
            feature map; 0 makes the model unconditional.
        num_levels: Number of values of a variable, 0 .. num_levels - 1.
        num_layers: Number of layers that see neighbours: the first, and residual blocks.
        num_channels: Number of feature maps inside a block; there are twice as many between blocks. The paper has 15
            layers of 128 for natural images.
        kernel_sizes: Width of the first convolution and of the others, odd.
        coordinates: Whether the first layer knows the pixel's row and column. The paper's network does not; a shallow
            one gains much, since it cannot see how far the image's edges are.
        head: The distribution of one variable; by default :class:`~pyrodgm.heads.Bernoulli` of two levels, else
            :class:`~pyrodgm.heads.Categorical`. One with ``event_shape == (channels,)`` draws whole pixels.

    Returns:
        A module; ``model(context)`` has ``event_shape == shape``, ``model.sample`` draws.

    Raises:
        ValueError: If a size is not positive, a kernel is even, a feature map or the head does not fit the image, or
            there are fewer feature maps than channels that are drawn one after the other.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar
        >>> model = ar.pixelcnn((3, 4, 6), 10, num_levels=256, num_layers=2, num_channels=12)
        >>> model(torch.eye(10)).log_prob(torch.zeros(10, 3, 4, 6)).shape
        torch.Size([10])
        >>> model.sample((2,), torch.eye(10)).shape
        torch.Size([2, 10, 3, 4, 6])

    References:
        van den Oord, Kalchbrenner, Kavukcuoglu (2016), Pixel Recurrent Neural Networks, sections 3.3-3.5,
        https://arxiv.org/abs/1601.06759
    """
    head = pixel_head(num_levels, head)
    net = PixelCNN(
        shape,
        head.num_params,
        context_dim=context_dim,
        num_levels=num_levels,
        num_layers=num_layers,
        num_channels=num_channels,
        kernel_sizes=kernel_sizes,
        coordinates=coordinates,
        symbol_shape=head.event_shape,
    )
    return Autoregressive(net, head)
