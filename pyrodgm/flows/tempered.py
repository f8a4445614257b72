"""A base whose draws are scaled."""

import pyro.distributions as dist
from pyro.distributions.torch_distribution import TorchDistribution
from pyro.distributions.transforms import AffineTransform
from torch import Tensor

from pyrodgm.conditional import Conditional, Fixed


class Tempered(Conditional):
    r"""The distribution of :math:`t\, u` with :math:`u` from a base of mean zero: :math:`\log p(u / t) - D \log t`.

    Args:
        base: A base without parameters, whose mean is zero: standard normal or logistic.
        temperature: The factor :math:`t > 0`; below one, draws are nearer to the mode.

    Raises:
        ValueError: If the temperature is not positive, or the base has parameters or another mean.

    Example:
        >>> from pyrodgm import Fixed, distributions
        >>> Tempered(Fixed(distributions.StandardNormal(3)), 0.7)().sample((5,)).shape
        torch.Size([5, 3])
    """

    def __init__(self, base: Conditional, temperature: float) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"Expected temperature > 0; got {temperature}. 1 leaves draws as they are.")
        if not isinstance(base, Tempered) and not (isinstance(base, Fixed) and is_centred(base.distribution(None))):
            raise ValueError(
                f"Expected a base without parameters, of mean zero; got {type(base).__name__}. Build the flow over "
                "its default base, or over flows.logistic_base."
            )
        self.base = base
        self.temperature = float(temperature)
        self.event_shape = base.event_shape

    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Scale the base's draws."""
        scale = AffineTransform(0.0, self.temperature, event_dim=len(self.event_shape))
        return dist.TransformedDistribution(self.base.distribution(None), [scale])


def is_centred(distribution: TorchDistribution) -> bool:
    """Return whether a distribution is known to have the mean zero."""
    try:
        return not distribution.mean.any()
    except NotImplementedError:
        return False
