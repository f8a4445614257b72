"""A univariate bijection with parameters of its own."""

import torch
from torch import Tensor, nn
from torch.distributions import constraints

from pyrodgm.nn.mlp import MLP
from pyrodgm.transforms.bijection import Bijection, check_input_dim
from pyrodgm.transforms.univariate.base import Univariate


class Elementwise(Bijection):
    r"""Each feature through its own learned bijection, :math:`y_i = f(x_i; \theta_i + g_i(c))`; starts at the identity.

    With :class:`~pyrodgm.transforms.Affine` it is the diagonal scaling that ends NICE.

    Args:
        univariate: The family.
        input_dim: Number of features.
        conditioner: A net of a context alone (``input_dim=0``) with ``num_params * D`` outputs, kind by kind, that adds
            to the parameters. ``None`` for no context.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.Elementwise(transforms.Affine(), 3).forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))

    References:
        Dinh, Krueger, Bengio (2015), NICE, section 3.3, https://arxiv.org/abs/1410.8516
    """

    def __init__(self, univariate: Univariate, input_dim: int, conditioner: MLP | None = None) -> None:
        super().__init__(context_dim=0 if conditioner is None else conditioner.context_dim)
        check_input_dim(input_dim)
        self.univariate = univariate
        self.conditioner = conditioner
        self.params = nn.Parameter(torch.zeros(input_dim, univariate.num_params))

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> constraints.Constraint:
        """What the family takes, in each feature."""
        return constraints.independent(self.univariate.domain, 1)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> constraints.Constraint:
        """What the family returns, in each feature."""
        return constraints.independent(self.univariate.codomain, 1)

    @torch.no_grad()
    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Set each feature's parameters from data, where the family knows how."""
        params = self.univariate.fit_codomain(y)
        if params is not None:
            self.params.copy_(params)

    def _params(self, context: Tensor | None) -> Tensor:
        if self.conditioner is None:
            return self.params
        flat = self.conditioner(self.params.new_empty(0), context)  # (*batch, num_params * D)
        return self.params + flat.unflatten(-1, self.params.shape[::-1]).mT

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Apply to each feature."""
        y, ladj = self.univariate.forward_and_ladj(x, self._params(context))
        return y, ladj.expand_as(y).sum(-1)

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Invert each feature."""
        x, ladj = self.univariate.inverse_and_ladj(y, self._params(context))
        return x, ladj.expand_as(x).sum(-1)
