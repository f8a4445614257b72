"""Row LSTM."""

from collections.abc import Sequence

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.autoregressive.pixel_head import pixel_head
from pyrodgm.heads.head import Head
from pyrodgm.nn.row_lstm import RowLSTM


def row_lstm(
    shape: Sequence[int],
    context_dim: int | Sequence[int] = 0,
    *,
    num_levels: int = 2,
    num_layers: int = 7,
    num_channels: int = 16,
    kernel_size: int = 3,
    head: Head | None = None,
) -> Autoregressive:
    r"""Row LSTM: :math:`p(x \mid c) = \prod_i p(x_i \mid x_{<i}, c)` pixel by pixel, with LSTMs that go down the rows.

    The density computes a whole row at once. A draw computes each unit once, and pixels that do not see each other
    together.

    Args:
        shape: Shape (channels, height, width) of one image.
        context_dim: Number of context features, a label's one-hot code say, or the shape (k, height, width) of a
            feature map; 0 makes the model unconditional.
        num_levels: Number of values of a variable, 0 .. num_levels - 1.
        num_layers: Number of recurrent layers.
        num_channels: Number of states of a layer; there are twice as many maps between layers. The paper has 16 for
            digits and 128 for natural images.
        kernel_size: Width of the convolutions along a row, odd: how fast the field of view opens upwards.
        head: The distribution of one variable; by default :class:`~pyrodgm.heads.Bernoulli` of two levels, else
            :class:`~pyrodgm.heads.Categorical`. One with ``event_shape == (channels,)`` draws whole pixels.

    Returns:
        A module; ``model(context)`` has ``event_shape == shape``, ``model.sample`` draws.

    Raises:
        ValueError: If a size is not positive, the kernel is even, a feature map or the head does not fit the image, or
            there are fewer states than channels that are drawn one after the other.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar
        >>> model = ar.row_lstm((1, 4, 6), 10, num_layers=2, num_channels=8)
        >>> model(torch.eye(10)).log_prob(torch.zeros(10, 1, 4, 6)).shape
        torch.Size([10])
        >>> model.sample((2,), torch.eye(10)).shape
        torch.Size([2, 10, 1, 4, 6])

    References:
        van den Oord, Kalchbrenner, Kavukcuoglu (2016), Pixel Recurrent Neural Networks, section 3.1,
        https://arxiv.org/abs/1601.06759
    """
    head = pixel_head(num_levels, head)
    net = RowLSTM(
        shape,
        head.num_params,
        context_dim=context_dim,
        num_levels=num_levels,
        num_layers=num_layers,
        num_channels=num_channels,
        kernel_size=kernel_size,
        symbol_shape=head.event_shape,
    )
    return Autoregressive(net, head)
