"""A continuous density as a model of integers."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.transforms import AffineTransform
from torch import Tensor
from torch.distributions import Distribution

from pyrodgm.conditional import Conditional
from pyrodgm.models.checks import check_rows, validation_enabled
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program, data_plate, num_rows


class Dequantized(Model):
    r"""Integers :math:`0 \dots L-1` under a density of :math:`y = (x + u) / L`, with uniform :math:`u` as the guide.

    .. math:: \log p(x) = \log \int_0^1 p_y\!\left(\tfrac{x+u}{L}\right) L^{-D}\, du
        \ge E_u \log p_y\!\left(\tfrac{x+u}{L}\right) - D \log L

    The ELBO is the usual dequantized likelihood, of the integers, in nats; importance weighting tightens it.

    Args:
        conditional: The density on (about) the unit cube.
        num_levels: Number :math:`L` of values.

    Raises:
        ValueError: If there are fewer than two levels.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, models
        >>> model = models.Dequantized(flows.maf(3), num_levels=17)
        >>> model.sample(5).shape
        torch.Size([5, 3])

    References:
        Theis, van den Oord, Bethge (2016), A note on the evaluation of generative models, section 3.1,
        https://arxiv.org/abs/1511.01844
    """

    def __init__(self, conditional: Conditional, *, num_levels: int) -> None:
        super().__init__()
        if num_levels < 2:
            raise ValueError(f"Expected num_levels of at least 2; got {num_levels}. Give the number of values.")
        self.conditional = conditional
        self.num_levels = num_levels
        self.event_shape = conditional.event_shape
        self.pair(DequantizedModel(conditional, num_levels), UniformGuide(conditional.event_shape))

    def observation(self, context: Tensor | None) -> Distribution:
        """Return the uniform distribution over the integers, whose support is that of the data."""
        uniform = dist.Categorical(probs=torch.ones(self.num_levels)).expand(self.event_shape)
        return uniform.to_event(len(self.event_shape))


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
        conditional = self.conditional
        with data_plate(num_rows(x, context, num), size):
            if x is None:
                y = pyro.sample("y", conditional(context))
                return (y * self.num_levels).floor().clamp(0, self.num_levels - 1)
            u = pyro.sample("u", unit_noise(conditional.event_shape, x))
            scale = u.new_full(conditional.event_shape, float(self.num_levels))  # one log L a dimension
            to_integers = AffineTransform(-u, scale, event_dim=len(conditional.event_shape))
            return pyro.sample("x", dist.TransformedDistribution(conditional(context), [to_integers]), obs=x)


class UniformGuide(Program):
    """The program ``u ~ U(0, 1)``."""

    def __init__(self, event_shape: torch.Size) -> None:
        super().__init__()
        self.event_shape = event_shape

    def forward(self, x: Tensor, context: Tensor | None = None, *, size: int | None = None) -> Tensor:
        """Sample the part of ``y`` below one level."""
        if validation_enabled():
            check_rows(x, self.event_shape)
        with data_plate(len(x), size):
            return pyro.sample("u", unit_noise(self.event_shape, x))


def unit_noise(event_shape: torch.Size, like: Tensor) -> dist.TorchDistribution:
    """Return the uniform distribution on the unit cube."""
    zero = like.new_zeros(())
    return dist.Uniform(zero, zero + 1.0).expand(event_shape).to_event(len(event_shape))
