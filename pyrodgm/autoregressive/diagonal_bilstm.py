"""Diagonal BiLSTM."""

from collections.abc import Sequence

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.autoregressive.pixel_head import pixel_head
from pyrodgm.heads.head import Head
from pyrodgm.nn.diagonal_bilstm import DiagonalBiLSTM


def diagonal_bilstm(
    shape: Sequence[int],
    context_dim: int | Sequence[int] = 0,
    *,
    num_levels: int = 2,
    num_layers: int = 7,
    num_channels: int = 16,
    head: Head | None = None,
) -> Autoregressive:
    r"""Diagonal BiLSTM: :math:`p(x \mid c) = \prod_i p(x_i \mid x_{<i}, c)` pixel by pixel, each seeing all before it.

    LSTMs go through the image from both upper corners; the density computes a whole diagonal at once, and every layer
    sees all that comes before a pixel. A draw computes each unit once.

    Args:
        shape: Shape (channels, height, width) of one image.
        context_dim: Number of context features, a label's one-hot code say, or the shape (k, height, width) of a
            feature map; 0 makes the model unconditional.
        num_levels: Number of values of a variable, 0 .. num_levels - 1.
        num_layers: Number of recurrent layers, each of two LSTMs.
        num_channels: Number of states of an LSTM; there are twice as many maps between layers. The paper has 7 layers
            of 16, or one of 32, for digits, and 12 of 128 for natural images.
        head: The distribution of one variable; by default :class:`~pyrodgm.heads.Bernoulli` of two levels, else
            :class:`~pyrodgm.heads.Categorical`. One with ``event_shape == (channels,)`` draws whole pixels.

    Returns:
        A module; ``model(context)`` has ``event_shape == shape``, ``model.sample`` draws.

    Raises:
        ValueError: If a size is not positive, a feature map or the head does not fit the image, or there are fewer
            states than channels that are drawn one after the other.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar
        >>> model = ar.diagonal_bilstm((1, 4, 6), 10, num_layers=2, num_channels=8)
        >>> model(torch.eye(10)).log_prob(torch.zeros(10, 1, 4, 6)).shape
        torch.Size([10])
        >>> model.sample((2,), torch.eye(10)).shape
        torch.Size([2, 10, 1, 4, 6])

    References:
        van den Oord, Kalchbrenner, Kavukcuoglu (2016), Pixel Recurrent Neural Networks, section 3.2,
        https://arxiv.org/abs/1601.06759
    """
    head = pixel_head(num_levels, head)
    net = DiagonalBiLSTM(
        shape,
        head.num_params,
        context_dim=context_dim,
        num_levels=num_levels,
        num_layers=num_layers,
        num_channels=num_channels,
        symbol_shape=head.event_shape,
    )
    return Autoregressive(net, head)
