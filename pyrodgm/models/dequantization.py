"""Noise for integers, uniform or learned: what turns them into data with a density."""

from collections.abc import Sequence
from typing import cast

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn

from pyrodgm.conditional import Conditional, Embedded
from pyrodgm.flows.extend import extend
from pyrodgm.flows.flow import Flow
from pyrodgm.models.vae import extra_width
from pyrodgm.transforms.logit_transform import LogitTransform


class UniformDequantization(Conditional):
    r"""Noise :math:`u \sim U[0, 1)` for each integer, whatever its value: :math:`\log q(u \mid x) = 0`.

    Args:
        event_shape: Shape of one datum; an int is the shape of a vector.

    Raises:
        ValueError: If it has no dimension, or one of no size.

    Example:
        >>> import torch
        >>> from pyrodgm import models
        >>> models.UniformDequantization(3)(torch.tensor([[0.0, 4.0, 2.0]])).sample((5,)).shape
        torch.Size([5, 1, 3])

    References:
        Theis, van den Oord, Bethge (2016), A note on the evaluation of generative models, section 3.1,
        https://arxiv.org/abs/1511.01844
    """

    _zero: Tensor

    def __init__(self, event_shape: int | Sequence[int]) -> None:
        super().__init__()
        shape = (event_shape,) if isinstance(event_shape, int) else tuple(event_shape)
        if not shape or any(size < 1 for size in shape):
            raise ValueError(f"Expected event_shape of positive sizes; got {shape}. Name the shape of one datum.")
        self.context_shape = shape
        self.event_shape = torch.Size(shape)
        self.register_buffer("_zero", torch.zeros(()), persistent=False)  # carries the dtype, and follows a move

    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Return independent uniform noise, one of each integer."""
        x = cast(Tensor, context)
        return unit_noise(x.shape, x, len(self.event_shape), self._zero.dtype)


class VariationalDequantization(Conditional):
    r"""Noise from a flow that sees the integers: :math:`u = \mathrm{sigmoid}(v)`, :math:`v \sim q_v(v \mid x)`.

    .. math:: \log q(u \mid x) = \log q_v(v \mid x) - \sum_d \log u_d (1 - u_d)

    As the guide of :class:`Dequantized` it lifts the bound towards :math:`\log p(x)`, and reaches it where
    :math:`q(u \mid x) \propto p_y((x + u) / L)`. The flow sees the integers scaled to :math:`[-1, 1]`, or what ``net``
    makes of these. The density of the value just drawn costs no inverse. Over
    :func:`pyrodgm.flows.logistic_base`, a flow that starts near the identity starts near the uniform noise.

    Args:
        flow: The flow over :math:`v`; its context is ``x``, or the net's output.
        num_levels: Number :math:`L` of values.
        net: Maps scaled integers to the flow's context; by default they are the context themselves. A wider input
            than ``x`` takes the model's own context behind it.

    Raises:
        ValueError: If there are fewer than two levels, the flow has no context, or it is not made for ``x``.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, models
        >>> guide = models.VariationalDequantization(flows.realnvp(3, context_dim=3), num_levels=17)
        >>> guide(torch.tensor([[0.0, 4.0, 16.0]])).sample((5,)).shape
        torch.Size([5, 1, 3])

    References:
        Ho, Chen, Srinivas, Duan, Abbeel (2019), Flow++, section 3.1, https://arxiv.org/abs/1902.00275
    """

    def __init__(self, flow: Flow, *, num_levels: int, net: nn.Module | None = None) -> None:
        super().__init__()
        check_num_levels(num_levels)
        if not flow.context_shape:
            raise ValueError(
                "Expected a flow with a context; got an unconditional one. Build it with context_dim, "
                "the number of integers or the width of the net's output."
            )
        squash = LogitTransform(alpha=0.0, event_dim=flow.bijection.event_dim)
        squashed = extend(flow, [squash])
        self.conditional = squashed if net is None else Embedded(net, squashed)
        self.context_shape = self.conditional.context_shape
        self.event_shape = flow.event_shape
        self.num_levels = num_levels
        self.extra_width = extra_width(self.context_shape, self.event_shape, "dequantization", "x")

    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Pass noise and scaled integers on to the flow; here ``x`` is the noise, and the context the integers."""
        self.conditional.initialize(x, self.scaled(cast(Tensor, context)))

    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Return the noise given the integers."""
        return cast(TorchDistribution, self.conditional(self.scaled(cast(Tensor, context))))

    def scaled(self, context: Tensor) -> Tensor:
        """Scale the integers to [-1, 1], and leave what stands behind them as it is."""
        factor = 2.0 / (self.num_levels - 1)
        if not context.is_floating_point():
            context = context.to(floating_dtype(self.conditional))
        if not self.extra_width:
            return context * factor - 1.0
        dim = -len(self.context_shape)
        own, rest = context.split([self.event_shape[0], self.extra_width], dim)
        return torch.cat((own * factor - 1.0, rest), dim)


class UnitUniform(dist.Uniform):
    """The uniform distribution on [0, 1) as torch draws it, short of an exact zero, at which densities may be infinite.

    Zero stands for the lowest cell of the random number generator's grid; its middle takes its place.
    """

    def rsample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape)``."""
        draw = super().rsample(torch.Size(sample_shape))
        return draw.clamp_min(0.25 * torch.finfo(draw.dtype).eps)


def unit_noise(shape: Sequence[int], like: Tensor, event_dim: int, dtype: torch.dtype) -> TorchDistribution:
    """Return the uniform distribution on the unit cube, of the type of ``like`` if that is a floating one."""
    zero = like.new_zeros((), dtype=like.dtype if like.is_floating_point() else dtype)
    return UnitUniform(zero, zero + 1.0).expand(torch.Size(shape)).to_event(event_dim)


def floating_dtype(module: nn.Module) -> torch.dtype:
    """Return the type of a module's parameters; torch's default if it has none."""
    found = (p.dtype for p in module.parameters() if p.is_floating_point())
    return next(found, torch.get_default_dtype())


def check_num_levels(num_levels: int) -> None:
    """Refuse less than two levels.

    Raises:
        ValueError: If there are fewer.
    """
    if num_levels < 2:
        raise ValueError(f"Expected num_levels of at least 2; got {num_levels}. Give the number of values.")
