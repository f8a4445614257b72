"""Any conditional as a model of data."""

import pyro
from torch import Tensor
from torch.distributions import Distribution

from pyrodgm.conditional import Conditional
from pyrodgm.models.checks import check_rows, check_support
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program, data_plate, num_rows
from pyrodgm.transforms.univariate.checks import validation_enabled


class Density(Model):
    r"""Maximum likelihood: :math:`x \sim p(x \mid c)`, with an empty guide, so that the ELBO is the log-likelihood.

    Args:
        conditional: The density, a flow or an autoregressive model say.

    Example:
        >>> import torch
        >>> from pyro.infer import Trace_ELBO
        >>> from pyrodgm import flows, models
        >>> density = models.Density(flows.maf(3))
        >>> Trace_ELBO()(density.model, density.guide)(torch.randn(5, 3)).shape
        torch.Size([])
    """

    def __init__(self, conditional: Conditional) -> None:
        super().__init__()
        self.conditional = conditional
        self.event_shape = conditional.event_shape
        self.pair(DensityModel(conditional), EmptyGuide())

    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Pass the data on to the density."""
        self.conditional.initialize(x, context)

    def observation(self, context: Tensor | None) -> Distribution:
        """Return the density itself."""
        return self.conditional(context)


class DensityModel(Program):
    """The program ``x ~ p(x | c)``."""

    def __init__(self, conditional: Conditional) -> None:
        super().__init__()
        self.conditional = conditional

    def forward(
        self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None, num: int = 1
    ) -> Tensor:
        """Sample or score ``x``."""
        with data_plate(num_rows(x, context, num), size):
            distribution = self.conditional(context)
            if x is not None and validation_enabled():
                check_rows(x, self.conditional.event_shape)
                check_support(distribution, x)
            return pyro.sample("x", distribution, obs=x)


class EmptyGuide(Program):
    """The guide of a model without latent variables."""

    def forward(self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None) -> None:
        """Sample nothing."""
