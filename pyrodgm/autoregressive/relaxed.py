"""Models over levels as densities over real numbers."""

import torch
from torch import Tensor

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.heads.discretized_logistic_mixture import DiscretizedLogisticMixture
from pyrodgm.heads.relaxed_logistic_mixture import RelaxedLogisticMixture
from pyrodgm.nn.causal import CausalNet, Stepper


def relaxed(model: Autoregressive) -> Autoregressive:
    r"""Return a model over levels :math:`0 \dots L - 1` as a density over real numbers, levels filling [-1, 1].

    The weights are shared. At each step the head's mixture of logistics is blurred over the width of one level (see
    :class:`~pyrodgm.heads.RelaxedLogisticMixture`), so that at levels, the first and the last left out,
    :math:`\log p(\tilde x) = \log P(x) + D \log \frac{L - 1}{2}` with :math:`\tilde x = \frac{2 x}{L - 1} - 1`.
    Between levels it is what continuous draws are scored by: a teacher of :func:`pyrodgm.infer.distill`.

    Args:
        model: A model whose head is :class:`~pyrodgm.heads.DiscretizedLogisticMixture` over one variable, and whose
            network reads levels as numbers.

    Returns:
        A model of the same ``event_shape``, whose parameters are those of ``model``.

    Raises:
        ValueError: If the head is another one, the sequences end, or the network looks levels up in a table, between
            whose rows there is nothing.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar, heads
        >>> model = ar.wavenet(50, num_layers=4, num_channels=8, head=heads.DiscretizedLogisticMixture(5))
        >>> ar.relaxed(model)().log_prob(torch.zeros(3, 50)).shape
        torch.Size([3])

    References:
        van den Oord and others (2017), Parallel WaveNet, https://arxiv.org/abs/1711.10433 (the teacher's mixtures of
        logistics, and continuous draws scored by them)
    """
    head = model.head
    if not isinstance(head, DiscretizedLogisticMixture) or head.event_shape:
        raise ValueError(
            f"Expected a model with heads.DiscretizedLogisticMixture over one variable; got {head!r}. "
            "Build it with that head: one for each value has nothing to say of numbers between."
        )
    if model.end is not None:
        raise ValueError(f"Expected a model without end; got end={model.end}. Numbers do not end; build it without.")
    if any(isinstance(part, torch.nn.Embedding) for part in model.net.modules()):
        raise ValueError(
            f"Expected a network that reads levels as numbers; got {type(model.net).__name__}, which looks them up. "
            "Take nn.WaveNet, say."
        )
    net = LevelsOnAxis(model.net, head.num_levels)
    return Autoregressive(net, RelaxedLogisticMixture(head.num_components, head.num_levels))


class LevelsOnAxis(CausalNet):
    """A network over levels, of numbers on the axis where the levels fill [-1, 1].

    Args:
        net: The network.
        num_levels: Number of levels.
    """

    def __init__(self, net: CausalNet, num_levels: int) -> None:
        super().__init__()
        self.net = net
        self.grid_shape, self.num_params, self.context_shape = net.grid_shape, net.num_params, net.context_shape
        self.half_range = (num_levels - 1) / 2
        self.register_buffer("order", net.order, persistent=False)

    @property
    def owner(self) -> torch.nn.Module:
        """The module that has the weights."""
        return self.net.owner

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the network's parameters at ``x``, ``(*batch, *grid_shape)``."""
        return self.net((x + 1) * self.half_range, context)  # type: ignore[no-any-return]

    def flat_stepper(self, batch: int, context: Tensor | None) -> Stepper:
        """Return the network's stepper, of numbers on the axis."""
        step = self.net.flat_stepper(batch, context)
        return lambda value: step(None if value is None else (value + 1) * self.half_range)
