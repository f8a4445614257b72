"""Grey values, colours and sound, as mixtures of logistics over whole numbers."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pyrodgm import distributions
from pyrodgm.distributions.components import components_first
from pyrodgm.distributions.discretized_logistic_mixture import mixture_log_prob
from pyrodgm.heads.head import Head
from pyrodgm.heads.mixtures import check_components, spread

MAX_LOG_SCALE = 7.0
START = 2 * math.atanh(math.log(0.3) / MAX_LOG_SCALE)  # zero parameters mean a scale of 0.3


class DiscretizedLogisticMixture(Head):
    r"""One variable over :math:`\{0, \dots, L-1\}`, or one pixel whose channels depend on each other linearly.

    See :class:`pyrodgm.distributions.DiscretizedLogisticMixture`. The parameters are, in this order, logits, locations,
    raw log-scales and, for a pixel, coefficients. Zero parameters mean locations spread evenly over the data's range
    and scales of 0.3, a nearly flat distribution whose components differ from the start. The log-scales are
    :math:`7 \tanh\left(\frac{s}{7} + c\right)`, so that none leaves :math:`[-7, 7]` and all have a gradient.

    Args:
        num_components: Number :math:`K` of components.
        num_levels: Number :math:`L` of levels.
        event_shape: ``()`` for one variable, ``(C,)`` for a pixel of :math:`C` channels.

    Raises:
        ValueError: If there is no component, fewer than two levels, or more than one dimension in ``event_shape``.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> head = heads.DiscretizedLogisticMixture(10, event_shape=3)
        >>> head.num_params, head(torch.zeros(5, 8, 8, 100)).sample().shape
        (100, torch.Size([5, 8, 8, 3]))

    References:
        Salimans, Karpathy, Chen, Kingma (2017), PixelCNN++, sections 2.1-2.2, https://arxiv.org/abs/1701.05517
    """

    def __init__(self, num_components: int = 10, num_levels: int = 256, event_shape: int | Sequence[int] = ()) -> None:
        super().__init__(event_shape)
        check_components(num_components)
        if num_levels < 2:
            raise ValueError(f"Expected num_levels of at least 2; got {num_levels}. One level needs no distribution.")
        if self.event_dim > 1:
            raise ValueError(
                f"Expected event_shape () or (channels,); got {tuple(self.event_shape)}. "
                "Positions belong to the batch: give one position's shape."
            )
        self.num_components = num_components
        self.num_levels = num_levels

    @property
    def num_params(self) -> int:
        """Logits, locations, raw log-scales and coefficients."""
        return sum(self._num_rows) * self.num_components

    @property
    def noise_shape(self) -> torch.Size:
        """A uniform for the component, and one a variable."""
        return torch.Size((1 + self.num_variables,))

    @property
    def _num_rows(self) -> tuple[int, int, int, int]:
        """Number of logits, locations, log-scales and coefficients of one component."""
        return 1, self.num_variables, self.num_variables, self.num_variables * (self.num_variables - 1) // 2

    def make(self, params: Tensor) -> distributions.DiscretizedLogisticMixture:
        """Make the distribution."""
        return self._make(params)

    def _make(self, params: Tensor, validate_args: bool | None = None) -> distributions.DiscretizedLogisticMixture:
        params = _lifted(params)
        rows = params.unflatten(-1, (-1, self.num_components))
        logits, loc, raw, coefficients = rows.split(self._num_rows, -2)
        if not self.event_dim:
            loc, raw = loc.squeeze(-2), raw.squeeze(-2)
        return distributions.DiscretizedLogisticMixture(
            logits.squeeze(-2),
            loc + spread(self.num_components, params),
            log_scale(raw),
            coefficients if self.event_dim else None,
            num_levels=self.num_levels,
            validate_args=validate_args,
        )

    def log_prob(self, params: Tensor, value: Tensor) -> Tensor:
        """Return log-probabilities in nats, of values that need no check."""
        params = _lifted(params)
        levels = value.to(params.dtype)
        channels = levels.unbind(-1) if self.event_dim else (levels,)
        num_dims = max(params.dim() - 1, channels[0].dim())
        planes = components_first(params, params.dim() - 1, num_dims).split(self.num_components)
        _, loc_end, scale_end, _ = itertools.accumulate(self._num_rows)
        start = spread(self.num_components, params).reshape(-1, *[1] * num_dims)
        return mixture_log_prob(
            channels,
            planes[0],
            [plane + start for plane in planes[1:loc_end]],
            [log_scale(plane) for plane in planes[loc_end:scale_end]],
            planes[scale_end:],
            self.num_levels,
        )

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw uniforms."""
        return torch.rand((*shape, *self.noise_shape), dtype=dtype, device=device)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Pick a component, then for each channel the level on which its uniform falls, given the earlier ones."""
        return self._make(params, validate_args=False).from_uniforms(noise)

    def __repr__(self) -> str:
        return (
            f"DiscretizedLogisticMixture({self.num_components}, num_levels={self.num_levels}, "
            f"event_shape={tuple(self.event_shape)})"
        )


def _lifted(params: Tensor) -> Tensor:
    """Half precision cannot tell neighbouring levels apart."""
    return params.to(torch.promote_types(params.dtype, torch.float32))


def log_scale(raw: Tensor) -> Tensor:
    """Bound raw log-scales smoothly: a sigmoid over twice the range is the tanh of the documentation, and faster."""
    return 2 * MAX_LOG_SCALE * (START + raw * (2 / MAX_LOG_SCALE)).sigmoid() - MAX_LOG_SCALE
