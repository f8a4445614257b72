"""WaveNet."""

from collections.abc import Sequence

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.autoregressive.pixel_head import pixel_head
from pyrodgm.heads.head import Head
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.wavenet import WaveNet


def wavenet(
    length: int = 4096,
    context_dim: int | Sequence[int] = 0,
    *,
    num_levels: int = 256,
    num_layers: int = 10,
    num_cycles: int = 1,
    num_channels: int = 64,
    skip_channels: int = 128,
    head: Head | None = None,
) -> Autoregressive:
    r"""WaveNet: :math:`p(x \mid c) = \prod_t p(x_t \mid x_{t-R}, \dots, x_{t-1}, c)`, for sound sample by sample.

    The density takes one pass. A draw computes each unit once, so that the thousandth sample costs what the first did.

    No parameter depends on ``length``. To draw longer sounds than were trained on, or to score parts, build the model
    a second time with another length and load the state dict of the first.

    Args:
        length: Number of samples of one sound.
        context_dim: Number of context features of a sound, a label's one-hot code say; or the shape ``(k, length)`` of
            features that go along with it, repeated for the samples that they cover; 0 makes the model unconditional.
        num_levels: Number of values of a sample, 0 .. num_levels - 1: 256 for 8 bits (a mu-law scale, say), 65536 for
            16 bits, with a head for so many.
        num_layers: Number of layers of a cycle, with dilations :math:`1, 2, 4, \dots, 2^{\text{num\_layers} - 1}`.
        num_cycles: Number of cycles; a sample sees :math:`R = 1 + \text{num\_cycles} (2^\text{num\_layers} - 1)`.
        num_channels: Width of the layers.
        skip_channels: Width of the layers before the output.
        head: The distribution of one sample; by default :class:`~pyrodgm.heads.Categorical`, of two levels
            :class:`~pyrodgm.heads.Bernoulli`.

    Returns:
        A module; ``model(context)`` has ``event_shape == (length,)``, ``model.sample`` draws.

    Raises:
        ValueError: If a size is too small, the context is not as long as the sound, or the head is one of other levels.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar, heads
        >>> model = ar.wavenet(50, context_dim=10, num_layers=4, num_channels=8)
        >>> model.sample((2,), torch.eye(10)).shape
        torch.Size([2, 10, 50])
        >>> longer = ar.wavenet(80, context_dim=10, num_layers=4, num_channels=8)
        >>> longer.load_state_dict(model.state_dict())
        <All keys matched successfully>
        >>> longer.sample((2,), torch.eye(10)).shape
        torch.Size([2, 10, 80])
        >>> head = heads.DiscretizedLogisticMixture(10, num_levels=65536)
        >>> ar.wavenet(50, num_levels=65536, num_layers=4, head=head)().log_prob(torch.zeros(3, 50)).shape
        torch.Size([3])

    References:
        van den Oord and others (2016), WaveNet, https://arxiv.org/abs/1609.03499; van den Oord and others (2017),
        Parallel WaveNet, section 2.1 (16 bits, mixtures of logistics), https://arxiv.org/abs/1711.10433
    """
    head = pixel_head(check_dim("num_levels", num_levels, 2), head)
    net = WaveNet(
        length,
        head.num_params,
        num_levels=num_levels,
        context_dim=context_dim,
        num_layers=num_layers,
        num_cycles=num_cycles,
        num_channels=num_channels,
        skip_channels=skip_channels,
    )
    return Autoregressive(net, head)
