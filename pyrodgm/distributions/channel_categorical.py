"""Categorical channels of one pixel that depend on each other."""

from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.distributions.components import component_of
from pyrodgm.distributions.discretized_logistic import scale_levels


class ChannelCategorical(TorchDistribution):
    r"""The :math:`C` channels of a pixel over :math:`\{0, \dots, L-1\}`, each a categorical given the earlier ones.

    .. math:: p(x) = \prod_i \mathrm{softmax}\Big(\ell_i + \sum_{j < i} \tilde x_j\, b_{ij}\Big)_{x_i}

    where :math:`\tilde x = 2 x / (L - 1) - 1`. It is to a categorical what the linear dependence of channels is to
    :class:`DiscretizedLogisticMixture`: no shape of a channel is out of reach, and a network draws a pixel whole.

    Args:
        logits: :math:`\ell`, ``(*batch, C, L)``.
        coefficients: :math:`b`, ``(*batch, C * (C - 1) / 2, L)``; of channel 1 on 0, 2 on 0, 2 on 1, 3 on 0 and so on.
        validate_args: Whether parameters and values are checked; as torch's setting if ``None``.

    Raises:
        ValueError: If there are fewer than two levels, or shapes do not fit.

    Example:
        >>> import torch
        >>> from pyrodgm import distributions
        >>> pixel = distributions.ChannelCategorical(torch.zeros(7, 3, 16), torch.randn(7, 3, 16))
        >>> pixel.log_prob(torch.zeros(7, 3)).shape, pixel.sample((4,)).shape
        (torch.Size([7]), torch.Size([4, 7, 3]))

    References:
        Salimans, Karpathy, Chen, Kingma (2017), PixelCNN++, section 2.2 (channels of a pixel drawn together),
        https://arxiv.org/abs/1701.05517
    """

    arg_constraints: dict[str, Any] = {  # noqa: RUF012 -- the name and type that torch reads
        "logits": constraints.independent(constraints.real, 2),
        "coefficients": constraints.independent(constraints.real, 2),
    }
    has_rsample = False

    def __init__(self, logits: Tensor, coefficients: Tensor, *, validate_args: bool | None = None) -> None:
        channels, num_levels = logits.shape[-2:] if logits.dim() > 1 else (0, 0)
        kind = torch.Size((channels * (channels - 1) // 2, num_levels))
        if channels < 1 or num_levels < 2 or coefficients.shape[-2:] != kind:
            raise ValueError(
                "Expected logits of shape (*batch, C, L), L of at least 2, and coefficients of shape "
                f"(*batch, C * (C - 1) / 2, L); got {tuple(logits.shape)} and {tuple(coefficients.shape)}. "
                "Give one row of logits a channel, and one row of coefficients a pair of channels."
            )
        try:
            batch_shape = torch.broadcast_shapes(logits.shape[:-2], coefficients.shape[:-2])
        except RuntimeError as error:
            raise ValueError(
                f"Expected parameters whose batches broadcast; got {tuple(logits.shape)} and "
                f"{tuple(coefficients.shape)}. All but the last two dimensions make up the batch."
            ) from error
        self.logits = logits.expand(batch_shape + logits.shape[-2:])
        self.coefficients = coefficients.expand(batch_shape + kind)
        super().__init__(batch_shape, torch.Size((channels,)), validate_args=validate_args)

    @property
    def num_levels(self) -> int:
        """Number of levels."""
        return self.logits.shape[-1]

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> constraints.Constraint:
        """Whole numbers from 0 to ``num_levels - 1``, one for each channel."""
        return constraints.independent(constraints.integer_interval(0, self.num_levels - 1), 1)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> "ChannelCategorical":
        """Return independent copies."""
        new = self._get_checked_instance(ChannelCategorical, _instance)
        batch_shape = torch.Size(batch_shape)
        new.logits = self.logits.expand(batch_shape + self.logits.shape[-2:])
        new.coefficients = self.coefficients.expand(batch_shape + self.coefficients.shape[-2:])
        super(ChannelCategorical, new).__init__(batch_shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-probabilities in nats.

        Args:
            value: Whole numbers of any type, ``(*sample, *batch, C)``, broadcast against the batch.
        """
        if self._validate_args:
            self._validate_sample(value)
        batch = torch.broadcast_shapes(value.shape[:-1], self.batch_shape)
        levels = value.expand(batch + self.event_shape).unbind(-1)
        log_prob = torch.zeros((), dtype=self.logits.dtype, device=self.logits.device)
        for channel, level in enumerate(levels):
            logits = self._channel_logits(channel, levels).expand(*batch, -1)
            log_prob = log_prob + logits.log_softmax(-1).gather(-1, level.long().unsqueeze(-1)).squeeze(-1)
        return log_prob

    def sample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, C)`` in the parameters' dtype."""
        shape = torch.Size(sample_shape) + self.batch_shape + self.event_shape
        with torch.no_grad():
            return self.from_uniforms(torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device))

    def from_uniforms(self, uniforms: Tensor) -> Tensor:
        """Turn uniforms in [0, 1), ``(*sample, *batch, C)``, into draws by the inverse of each channel's sums."""
        levels: list[Tensor] = []
        for channel, uniform in enumerate(uniforms.unbind(-1)):
            level = component_of(uniform, self._channel_logits(channel, levels))
            levels.append(level.to(self.logits.dtype))
        return torch.stack(levels, -1)

    def _channel_logits(self, channel: int, earlier: Sequence[Tensor]) -> Tensor:
        """Return the logits of a channel given the levels of those before it, ``(*batch, L)``."""
        logits, first = self.logits[..., channel, :], channel * (channel - 1) // 2
        for j in range(channel):
            scaled = scale_levels(earlier[j].to(logits.dtype), self.num_levels).unsqueeze(-1)
            logits = logits + scaled * self.coefficients[..., first + j, :]
        return logits
