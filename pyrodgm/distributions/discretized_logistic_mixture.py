"""Mixtures of logistics over whole numbers, for grey values, colours and sound."""

from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.distributions.components import component_of, components_first, log_sum_exp
from pyrodgm.distributions.discretized_logistic import level_edges, level_of, logistic_log_mass, scale_levels

MIN_LOG_SCALE = -7.0
MAX_LOG_SCALE = 60.0  # of a scale so wide that the first and the last level take all, in any precision


class DiscretizedLogisticMixture(TorchDistribution):
    r"""A mixture of logistics rounded to :math:`\{0, \dots, L - 1\}`, for one variable or the channels of a pixel.

    Parameters live on the axis :math:`\tilde x = 2 x / (L - 1) - 1`, where the levels fill :math:`[-1, 1]`. A level has
    what lies within half a step of it, the first level also everything below, the last everything above:

    .. math::
        P(x) = \sum_k \pi_k \left[\sigma\left(\tfrac{\tilde x + 1 / (L - 1) - \mu_k}{s_k}\right)
        - \sigma\left(\tfrac{\tilde x - 1 / (L - 1) - \mu_k}{s_k}\right)\right]

    With ``coefficients`` an event is a pixel of :math:`C` channels that share the component, and channel :math:`i`
    depends on the earlier ones through its location
    :math:`\mu_{ik} + \sum_{j < i} \tanh(c_{ijk})\, \tilde x_j`; without them an event is one variable.

    Log-scales are clamped at -7, as in the paper, and at 60, and get no gradient beyond; the head of the same name
    keeps inside smoothly. Parameters of half precision are lifted to single.

    Args:
        logits: Unnormalized log-weights :math:`\log \pi` of the components, ``(*batch, num_components)``.
        loc: Locations :math:`\mu`, ``(*batch, num_components)``, or ``(*batch, C, num_components)`` with coefficients.
        log_scale: Logarithms of the scales :math:`s`, shaped like ``loc``.
        coefficients: ``(*batch, C * (C - 1) / 2, num_components)``, before the tanh; of channel 1 on 0, 2 on 0, 2 on 1,
            3 on 0 and so on. ``None`` means one variable.
        num_levels: Number :math:`L` of levels.
        validate_args: Whether parameters and values are checked; as torch's setting if ``None``, and never in a graph
            that is compiled.

    Raises:
        ValueError: If there are fewer than two levels, or shapes do not fit.

    Example:
        >>> import torch
        >>> from pyrodgm import distributions
        >>> grey = distributions.DiscretizedLogisticMixture(torch.zeros(7, 5), torch.randn(7, 5), torch.zeros(7, 5))
        >>> grey.log_prob(torch.tensor(255)).shape
        torch.Size([7])
        >>> logits, loc, log_scale, c = torch.zeros(7, 5), torch.randn(7, 3, 5), torch.zeros(7, 3, 5), torch.zeros(3, 5)
        >>> distributions.DiscretizedLogisticMixture(logits, loc, log_scale, c, num_levels=32).sample((4,)).shape
        torch.Size([4, 7, 3])

    References:
        Salimans, Karpathy, Chen, Kingma (2017), PixelCNN++, sections 2.1-2.2, https://arxiv.org/abs/1701.05517
    """

    arg_constraints: dict[str, Any] = {  # noqa: RUF012 -- the name and type that torch reads
        "logits": constraints.real,
        "loc": constraints.real,
        "log_scale": constraints.real,
        "coefficients": constraints.real,
    }
    has_rsample = False

    def __init__(
        self,
        logits: Tensor,
        loc: Tensor,
        log_scale: Tensor,
        coefficients: Tensor | None = None,
        num_levels: int = 256,
        *,
        validate_args: bool | None = None,
    ) -> None:
        if num_levels < 2:
            raise ValueError(f"Expected num_levels of at least 2; got {num_levels}. One level needs no distribution.")
        event_shape = torch.Size() if coefficients is None else loc.shape[-2:-1]
        if coefficients is None:
            coefficients = logits.new_empty(0, *logits.shape[-1:])
        dtype = torch.float32  # at least: half precision cannot tell neighbouring levels apart
        for parameter in (logits, loc, log_scale):
            dtype = torch.promote_types(dtype, parameter.dtype)
        parameters = [t.to(dtype) for t in (logits, loc, log_scale, coefficients)]
        kinds = _shapes_of_one(logits.shape[-1:], event_shape)
        batch_shape = _batch_shape(parameters, kinds)
        self.logits, self.loc, self.log_scale, self.coefficients = (
            t.expand(batch_shape + kind) for t, kind in zip(parameters, kinds, strict=True)
        )
        self.num_levels = num_levels
        if torch.compiler.is_compiling():
            validate_args = False  # what depends on values breaks a graph
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True)
    def support(self) -> constraints.Constraint:
        """Whole numbers from 0 to ``num_levels - 1``, one for each channel."""
        levels = constraints.integer_interval(0, self.num_levels - 1)
        return constraints.independent(levels, 1) if self.event_shape else levels

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Whether the values can be listed: those of one variable."""
        return not self.event_shape

    @property
    def mean(self) -> Tensor:
        """The mean of one variable, by summation over the levels.

        Raises:
            NotImplementedError: For a pixel of several channels, whose mean has no such form.
        """
        if self.event_shape:
            raise NotImplementedError(
                "The mean of a pixel of several channels has no short form; average draws instead."
            )
        levels = torch.arange(1, self.num_levels, dtype=self.loc.dtype, device=self.loc.device)
        edges = level_edges(levels, self.num_levels)[0]
        rate = (-self._bounded_log_scale()).exp()
        above = ((self.loc.unsqueeze(-1) - edges) * rate.unsqueeze(-1)).sigmoid()  # (*batch, num_components, L - 1)
        return (self.logits.softmax(-1) * above.sum(-1)).sum(-1)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> "DiscretizedLogisticMixture":
        """Return independent copies."""
        new = self._get_checked_instance(DiscretizedLogisticMixture, _instance)
        batch_shape = torch.Size(batch_shape)
        for name in self.arg_constraints:
            parameter = getattr(self, name)
            kind = parameter.shape[len(self.batch_shape) :]
            setattr(new, name, parameter.expand(batch_shape + kind))
        new.num_levels = self.num_levels
        super(DiscretizedLogisticMixture, new).__init__(batch_shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log-probabilities in nats.

        Args:
            value: Whole numbers of any type, ``(*sample, *batch, *event_shape)``, broadcast against the batch.
        """
        if self._validate_args:
            self._validate_sample(value)
        value = value.to(self.loc.dtype)
        levels = value.unbind(-1) if self.event_shape else (value,)
        batch_dim, num_dims = len(self.batch_shape), max(len(self.batch_shape), levels[0].dim())
        logits, loc, log_scale, coefficients = (
            components_first(t, batch_dim, num_dims)
            for t in (self.logits, self.loc, self._bounded_log_scale(), self.coefficients)
        )
        locs, log_scales = (t.unbind(0) if self.event_shape else (t,) for t in (loc, log_scale))
        return mixture_log_prob(levels, logits, locs, log_scales, coefficients.unbind(0), self.num_levels)

    def sample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, *event_shape)`` in the parameters' dtype."""
        shape = torch.Size(sample_shape) + self.batch_shape + (1 + self.event_shape.numel(),)
        with torch.no_grad():
            return self.from_uniforms(torch.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def from_uniforms(self, uniforms: Tensor) -> Tensor:
        """Turn uniforms into draws, exactly: one picks the component, then one each channel, given the earlier ones.

        Args:
            uniforms: In [0, 1), ``(*sample, *batch, 1 + C)``, where ``C`` is 1 for one variable.
        """
        uniforms = uniforms.to(self.loc.dtype)
        component = component_of(uniforms[..., 0], self.logits)

        def chosen(parameter: Tensor) -> Sequence[Tensor]:
            channels = parameter if self.event_shape else parameter.unsqueeze(-2)
            index = component[..., None, None].expand(*component.shape, channels.shape[-2], 1)
            channels = channels.expand(*component.shape, *channels.shape[-2:])
            return channels.gather(-1, index).squeeze(-1).unbind(-1)

        locs, scales = chosen(self.loc), chosen(self._bounded_log_scale().exp())
        coefficients = chosen(self.coefficients) if self.event_shape else ()
        levels: list[Tensor] = []
        for channel, (loc, scale) in enumerate(zip(locs, scales, strict=True)):
            earlier = [scale_levels(level, self.num_levels) for level in levels]
            logistic = _shifted(loc, coefficients, earlier) + scale * uniforms[..., 1 + channel].logit()
            levels.append(level_of(logistic, self.num_levels))
        return torch.stack(levels, -1) if self.event_shape else levels[0]

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return the levels, ``(num_levels, *batch_shape)`` or with ones in place of the batch.

        Raises:
            NotImplementedError: For a pixel of several channels.
        """
        if self.event_shape:
            raise NotImplementedError("The values of a pixel of several channels are too many to be listed.")
        levels = torch.arange(self.num_levels, dtype=self.loc.dtype, device=self.loc.device)
        levels = levels.reshape(-1, *[1] * len(self.batch_shape))
        return levels.expand(-1, *self.batch_shape) if expand else levels

    def _bounded_log_scale(self) -> Tensor:
        return self.log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE)


def mixture_log_prob(
    levels: Sequence[Tensor],
    logits: Tensor,
    locs: Sequence[Tensor],
    log_scales: Sequence[Tensor],
    coefficients: Sequence[Tensor],
    num_levels: int,
) -> Tensor:
    """Return log-probabilities in nats from parameters that come channel by channel, as planes.

    Args:
        levels: Levels of each channel, ``(*batch)``.
        logits: ``(num_components, *batch)``.
        locs: Locations of each channel, ``(num_components, *batch)``.
        log_scales: Log-scales of each channel, within their bounds.
        coefficients: One plane for each pair of channels, before the tanh.
        num_levels: Number of levels.
    """
    earlier = [scale_levels(level, num_levels) for level in levels[:-1]]
    masses = []
    for channel, level in enumerate(levels):
        loc = _shifted(locs[channel], coefficients, earlier[:channel])
        masses.append(logistic_log_mass(*level_edges(level, num_levels), loc, log_scales[channel]))
    # A stack is kept for the way back by a compiled graph, which would compute terms of a running sum once more.
    logits = logits - logits.detach().amax(0)  # large ones would cost the difference below its last digits
    joint = logits + torch.stack(masses).sum(0)
    return log_sum_exp(joint) - log_sum_exp(logits)


def _shifted(loc: Tensor, coefficients: Sequence[Tensor], earlier: Sequence[Tensor]) -> Tensor:
    """Shift a channel's location by the scaled levels of the channels before it."""
    first = len(earlier) * (len(earlier) - 1) // 2
    for coefficient, scaled in zip(coefficients[first:], earlier, strict=False):
        loc = loc + (2 * (2 * coefficient).sigmoid() - 1) * scaled  # that is tanh, faster
    return loc


def _shapes_of_one(components: torch.Size, event_shape: torch.Size) -> list[torch.Size]:
    """Return the shapes that logits, locations, log-scales and coefficients have without a batch."""
    num_pairs = event_shape.numel() * (event_shape.numel() - 1) // 2
    per_channel = event_shape + components
    return [components, per_channel, per_channel, torch.Size((num_pairs,)) + components]


def _batch_shape(parameters: Sequence[Tensor], kinds: Sequence[torch.Size]) -> torch.Size:
    """Return the common batch shape.

    Raises:
        ValueError: If a parameter is not of its kind's shape, or the batches do not broadcast.
    """
    names = ("logits", "loc", "log_scale", "coefficients")
    shapes = [tuple(t.shape) for t in parameters]
    for name, shape, kind in zip(names, shapes, kinds, strict=True):
        if not kind or not kind[-1] or shape[max(len(shape) - len(kind), 0) :] != kind:
            raise ValueError(
                f"Expected {name} of shape (*batch, {', '.join(map(str, kind)) or 'num_components'}); got {shape}. "
                "All parameters have as many components; several channels need coefficients, one for each pair."
            )
    try:
        return torch.broadcast_shapes(
            *(shape[: len(shape) - len(kind)] for shape, kind in zip(shapes, kinds, strict=True))
        )
    except RuntimeError as error:
        raise ValueError(
            f"Expected parameters whose batches broadcast; got {dict(zip(names, shapes, strict=True))}. "
            "All but the last dimensions make up the batch."
        ) from error
