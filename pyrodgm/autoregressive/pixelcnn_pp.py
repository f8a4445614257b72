"""PixelCNN++."""

from collections.abc import Sequence

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.autoregressive.pixel_head import pixel_head
from pyrodgm.heads import Bernoulli, Categorical, DiscretizedLogisticMixture
from pyrodgm.heads.head import Head
from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.pixel_cnn_pp import PixelCNNPlusPlus


def pixelcnn_pp(
    shape: Sequence[int],
    context_dim: int | Sequence[int] = 0,
    *,
    num_levels: int = 256,
    num_channels: int = 64,
    num_blocks: int = 2,
    num_scales: int = 3,
    dropout: float = 0.0,
    head: Head | None = None,
) -> Autoregressive:
    r"""PixelCNN++: :math:`p(x \mid c) = \prod_i p(x_i \mid x_{<i}, c)` over whole pixels, row by row.

    Two streams of shifted convolutions see all pixels above, and those to the left; blocks at coarser resolutions see
    far at little cost, and skip connections keep what is fine. A pixel's channels are drawn from one discretized
    logistic mixture, in which they depend on each other.

    The paper has 160 channels, 5 blocks, 3 scales, dropout 0.5 and 10 components.

    Args:
        shape: Shape (channels, height, width) of one image.
        context_dim: Number of context features, a label's one-hot code say, or the shape (k, height, width) of a
            feature map; 0 makes the model unconditional.
        num_levels: Number of values of a variable, 0 .. num_levels - 1.
        num_channels: Number of feature maps of each stream.
        num_blocks: Number of blocks a resolution on the way down; there are about as many on the way up.
        num_scales: Number of resolutions, each half of the one before, rounded up.
        dropout: Probability of dropping a unit inside of each block, in training.
        head: The distribution of one pixel; by default :class:`~pyrodgm.heads.DiscretizedLogisticMixture` of 10
            components, or :class:`~pyrodgm.heads.Bernoulli` where there is one channel of two levels.
            :class:`~pyrodgm.heads.Categorical` and, for several channels, :class:`~pyrodgm.heads.ChannelCategorical`
            fit too.

    Returns:
        A module; ``model(context)`` has ``event_shape == shape``, ``model.sample`` draws.

    Raises:
        ValueError: If a size is not positive, a feature map does not fit the image, ``dropout`` is not in [0, 1), or
            the head is not one of a whole pixel whose channels depend on each other.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar
        >>> model = ar.pixelcnn_pp((3, 4, 6), 10, num_channels=8, num_blocks=1, num_scales=2)
        >>> model(torch.eye(10)).log_prob(torch.zeros(10, 3, 4, 6)).shape
        torch.Size([10])
        >>> model.sample((2,), torch.eye(10)).shape
        torch.Size([2, 10, 3, 4, 6])

    References:
        Salimans, Karpathy, Chen, Kingma (2017), PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture
        Likelihood and Other Modifications, section 2, https://arxiv.org/abs/1701.05517
    """
    channels = check_image_shape(shape)[0]
    check_dim("num_levels", num_levels, 2)
    symbol_shape = (channels,) if channels > 1 else ()
    if head is None:
        binary = channels == 1 and num_levels == 2
        head = Bernoulli() if binary else DiscretizedLogisticMixture(10, num_levels, symbol_shape)
    head = pixel_head(num_levels, head)
    if tuple(head.event_shape) != symbol_shape or (symbol_shape and isinstance(head, (Bernoulli, Categorical))):
        raise ValueError(
            f"Expected a head of one pixel, event_shape={symbol_shape}"
            f"{', whose channels depend on each other' if symbol_shape else ''}; got {head!r}. "
            "Use heads.DiscretizedLogisticMixture or heads.ChannelCategorical, or pixelcnn, channel by channel."
        )
    net = PixelCNNPlusPlus(
        shape,
        head.num_params,
        context_dim=context_dim,
        num_levels=num_levels,
        num_channels=num_channels,
        num_blocks=num_blocks,
        num_scales=num_scales,
        dropout=dropout,
    )
    return Autoregressive(net, head)
