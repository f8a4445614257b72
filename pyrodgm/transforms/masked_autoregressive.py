"""Masked autoregressive bijections, with a direction that others run in D passes, in two or three."""

import torch
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.nn.masked_mlp import MaskedMLP
from pyrodgm.nn.masked_steps import masked_steps
from pyrodgm.nn.masked_sweep import masked_sweep
from pyrodgm.transforms.bijection import Bijection
from pyrodgm.transforms.implicit import implicit_solution
from pyrodgm.transforms.univariate.base import Univariate

FEW = 16  # up to so many features, single steps are faster than the sweep, with gradients and without


class MaskedAutoregressive(Bijection):
    r""":math:`y_i = f(x_i; \theta_i(y_{<i}, c))`: density in one pass, draws feature by feature.

    The direction from data to base is one pass of the net. From base to data, features are solved for block by block,
    what earlier blocks contribute being computed once: the work of two or three passes, instead of :math:`D`.
    Gradients of a draw come from the implicit function theorem, exact in at most :math:`D` products with the
    triangular Jacobian (usually a handful), and cost no memory for the steps. Up to 16 features are drawn one by one.

    Args:
        univariate: The family :math:`f`.
        net: A causal network, ``(y, context) -> (*batch, D, num_params)``; a draw reads its layers and its order.

    Example:
        >>> import torch
        >>> from pyrodgm import nn, transforms
        >>> bijection = transforms.MaskedAutoregressive(transforms.Affine(), nn.MaskedMLP(3, 2))
        >>> y, ladj = bijection.forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))

    References:
        Papamakarios, Pavlakou, Murray (2017), Masked Autoregressive Flow for Density Estimation, eq. 2-5,
        https://arxiv.org/abs/1705.07057
    """

    def __init__(self, univariate: Univariate, net: MaskedMLP) -> None:
        super().__init__(context_dim=net.context_dim)
        if net.num_params != univariate.num_params:
            raise ValueError(
                f"Expected a net with {univariate.num_params} parameters a feature for {type(univariate).__name__}; "
                f"got {net.num_params}. Build the net with num_params={univariate.num_params}."
            )
        self.univariate = univariate
        self.net = net

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
        """Set the last layer's biases so that each feature alone is about standard, where the family knows how."""
        params = self.univariate.fit_codomain(y)  # (D, num_params)
        if params is not None:
            self.net.linears[-1].bias.copy_(params.t().flatten())

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the base's value in one pass."""
        x, ladj = self.univariate.inverse_and_ladj(y, self.net(y, context))
        return x, ladj.sum(-1)

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the data's value, drawn feature by feature."""
        if context is not None and context.shape[:-1] != x.shape[:-1]:
            x = x.expand(torch.broadcast_shapes(x.shape[:-1], context.shape[:-1]) + x.shape[-1:])
        if 1 < self.net.input_dim <= FEW:  # the only feature of one uses no weights: steps would leave them out
            return masked_steps(self.net, x, self.univariate.forward_and_ladj, context)
        y, params = masked_sweep(self.net, x, self.univariate.forward, context)
        if not torch.is_grad_enabled():
            return y, self.univariate.forward_and_ladj(x, params)[1].sum(-1)

        def inverse(value: Tensor) -> tuple[Tensor, Tensor]:
            return self.univariate.inverse_and_ladj(value, self.net(value, context))

        y = implicit_solution(y, x, inverse, self.net.order)
        return y, -self.inverse_and_ladj(y, context)[1]
