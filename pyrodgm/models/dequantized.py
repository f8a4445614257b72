"""A continuous density as a model of integers."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.transforms import AffineTransform
from torch import Tensor
from torch.distributions import Distribution

from pyrodgm.conditional import Conditional
from pyrodgm.models.checks import check_rows, check_support
from pyrodgm.models.dequantization import (
    UniformDequantization,
    check_num_levels,
    floating_dtype,
    unit_noise,
)
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program, data_plate, num_rows
from pyrodgm.models.vae import extra_width, join
from pyrodgm.transforms.univariate.checks import validation_enabled


class Dequantized(Model):
    r"""Integers :math:`0 \dots L-1` under a density of :math:`y = (x + u) / L`, with a guide over the noise :math:`u`.

    .. math:: \log p(x) = \log \int_{[0, 1]^D} p_y\!\left(\tfrac{x+u}{L}\right) L^{-D}\, du
        \ge E_{q(u \mid x)} \log p_y\!\left(\tfrac{x+u}{L}\right) - D \log L - E_{q(u \mid x)} \log q(u \mid x)

    The ELBO is of the integers, in nats. With uniform noise, :math:`\log q = 0`, it is the usual dequantized
    likelihood; a learned guide tightens it, and importance weighting tightens either. Divided by
    :math:`-D \log 2` it is in bits per dimension. Mass of the density outside of the unit cube is lost: the
    probabilities of all integers sum to at most one, and draws from there are counted to the nearest integer.

    Args:
        conditional: The density on (about) the unit cube.
        num_levels: Number :math:`L` of values.
        guide: The noise ``q(u | x)`` or ``q(u | x, c)`` over the unit cube; uniform if ``None``.

    Raises:
        ValueError: If there are fewer than two levels, or the guide is not over the noise of ``x`` given ``x``.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, models
        >>> guide = models.VariationalDequantization(flows.realnvp(3, context_dim=3), num_levels=17)
        >>> model = models.Dequantized(flows.maf(3), num_levels=17, guide=guide)
        >>> model.sample(5).shape
        torch.Size([5, 3])

    References:
        Theis, van den Oord, Bethge (2016), A note on the evaluation of generative models, section 3.1,
        https://arxiv.org/abs/1511.01844; Ho, Chen, Srinivas, Duan, Abbeel (2019), Flow++, eq. 11-12,
        https://arxiv.org/abs/1902.00275
    """

    def __init__(self, conditional: Conditional, *, num_levels: int, guide: Conditional | None = None) -> None:
        super().__init__()
        check_num_levels(num_levels)
        dequantization = UniformDequantization(conditional.event_shape) if guide is None else guide
        check_guide(dequantization, conditional)
        self.conditional = conditional
        self.dequantization = dequantization
        self.num_levels = num_levels
        self.event_shape = conditional.event_shape
        self.pair(DequantizedModel(conditional, num_levels), DequantizedGuide(dequantization, self.event_shape))

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Dequantize the data by uniform noise, and pass them on to the density, and the noise to the guide."""
        u = unit_noise(x.shape, x, x.dim(), floating_dtype(self.conditional)).sample()
        levels = ToLevels(u, self.num_levels, len(self.event_shape))
        self.conditional.initialize(levels.inv(x), context)
        self.dequantization.initialize(u, join(x, context, self.dequantization.context_shape))

    def observation(self, context: Tensor | None) -> Distribution:
        """Return the uniform distribution over the integers, whose support is that of the data."""
        return uniform_integers(self.num_levels, self.event_shape)


class DequantizedModel(Program):
    """The program ``u ~ U(0, 1); y ~ p(y | c); x = floor(L y)``, scored at ``y = (x + u) / L``."""

    def __init__(self, conditional: Conditional, num_levels: int) -> None:
        super().__init__()
        self.conditional = conditional
        self.num_levels = num_levels

    def forward(
        self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None, num: int = 1
    ) -> Tensor:
        """Sample or score ``x``."""
        conditional, event_dim = self.conditional, len(self.conditional.event_shape)
        with data_plate(num_rows(x, context, num), size):
            if x is None:
                y = pyro.sample("y", conditional(context))
                return (y * self.num_levels).floor().clamp(0, self.num_levels - 1)
            if validation_enabled():
                check_support(uniform_integers(self.num_levels, conditional.event_shape), x)
            noise = unit_noise(conditional.event_shape, x, event_dim, floating_dtype(conditional))
            u = pyro.sample("u", noise)
            levels = ToLevels(u, self.num_levels, event_dim)
            return pyro.sample("x", dist.TransformedDistribution(conditional(context), [levels]), obs=x)


class DequantizedGuide(Program):
    """The program ``u ~ q(u | x, c)``."""

    def __init__(self, dequantization: Conditional, event_shape: torch.Size) -> None:
        super().__init__()
        self.dequantization = dequantization
        self.event_shape = event_shape

    def forward(self, x: Tensor, context: Tensor | None = None, *, size: int | None = None) -> Tensor:
        """Sample the part of ``y`` below one level."""
        dequantization = self.dequantization
        if validation_enabled():
            check_rows(x, self.event_shape)
        with data_plate(len(x), size):
            return pyro.sample("u", dequantization(join(x, context, dequantization.context_shape)))


class ToLevels(AffineTransform):
    """The map ``x = L y - u``, given the noise; its inverse ``y`` stays inside of the open unit interval.

    Rounded to the data's type, ``(L - 1 + u) / L`` may be 1, which a density on the open interval cannot take.
    """

    def __init__(self, u: Tensor, num_levels: int, event_dim: int) -> None:
        scale = u.new_full(u.shape[u.dim() - event_dim :], float(num_levels))  # one log L a dimension
        super().__init__(-u, scale, event_dim=event_dim)

    def _inverse(self, y: Tensor) -> Tensor:
        """Return the place in the unit interval of the integers."""
        place = super()._inverse(y)
        finfo = torch.finfo(place.dtype)
        return place.clamp(finfo.tiny, 1.0 - 0.5 * finfo.eps)


def uniform_integers(num_levels: int, event_shape: torch.Size) -> Distribution:
    """Return the uniform distribution over the integers of one datum."""
    uniform = dist.Categorical(probs=torch.ones(num_levels)).expand(event_shape)
    return uniform.to_event(len(event_shape))


def check_guide(guide: Conditional, conditional: Conditional) -> None:
    """Refuse a guide over other noise, or with another context, than that of the density.

    Raises:
        ValueError: Naming the shapes.
    """
    if guide.event_shape != conditional.event_shape:
        raise ValueError(
            f"Expected a guide over noise of shape {tuple(conditional.event_shape)}, that of the data; got "
            f"{tuple(guide.event_shape)}. Build both for the same data."
        )
    extra = extra_width(guide.context_shape, conditional.event_shape, "guide", "x")
    if extra not in (0, conditional.context_dim):
        raise ValueError(
            f"Expected a guide whose context beside x is the density's, of width {conditional.context_dim}; got "
            f"{extra}. Build both with one context."
        )
