"""Masked autoregressive bijections, with a direction that others run in D passes, in two or three."""

import math

import torch
from torch import Tensor
from torch.distributions import constraints
from tqdm import tqdm

from pyrodgm.nn.causal import CausalNet
from pyrodgm.nn.masked_mlp import MaskedMLP
from pyrodgm.nn.masked_steps import masked_steps
from pyrodgm.nn.masked_sweep import masked_sweep
from pyrodgm.transforms.bijection import Bijection
from pyrodgm.transforms.implicit import implicit_solution
from pyrodgm.transforms.univariate.base import Univariate

FEW = 16  # up to so many features, single steps are faster than the sweep, with gradients and without
PATIENCE = 2.0  # seconds after which steps through a network show how far they are


class MaskedAutoregressive(Bijection):
    r""":math:`y_i = f(x_i; \theta_i(y_{<i}, c))`: density in one pass, draws feature by feature.

    The direction from data to base is one pass of the net. From base to data, features are solved for block by block,
    what earlier blocks contribute being computed once: the work of two or three passes, instead of :math:`D`.
    Gradients of a draw come from the implicit function theorem, exact in at most :math:`D` products with the
    triangular Jacobian (usually a handful), and cost no memory for the steps. Up to 16 features are drawn one by one.

    Any other causal network on a row, such as :class:`~pyrodgm.nn.WaveNet`, is gone through by its own stepper, which
    does each piece of work once, :math:`D` small steps in all; the gradients are the same.

    Args:
        univariate: The family :math:`f`.
        net: A causal network on a row of features, ``(y, context) -> (*batch, D, num_params)``; a draw reads the layers
            and the order of a :class:`~pyrodgm.nn.MaskedMLP`, or steps through another one. The context is
            ``(*batch, *net.context_shape)``.

    Raises:
        ValueError: If the net has other parameters than the family, or is none on a row.

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

    def __init__(self, univariate: Univariate, net: CausalNet) -> None:
        super().__init__(context_dim=math.prod(net.context_shape) if net.context_shape else 0)
        if net.num_params != univariate.num_params:
            raise ValueError(
                f"Expected a net with {univariate.num_params} parameters a feature for {type(univariate).__name__}; "
                f"got {net.num_params}. Build the net with num_params={univariate.num_params}."
            )
        if net.symbol_shape or len(net.grid_shape) != 1:
            raise ValueError(
                f"Expected a causal net on a row of features; got {type(net).__name__} on events of shape "
                f"{tuple(net.event_shape)}. Take nn.MaskedMLP or nn.WaveNet, say."
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
        """Set the last layer's biases so that each feature alone is about standard, where family and net know how."""
        if not isinstance(self.net, MaskedMLP):
            return
        params = self.univariate.fit_codomain(y)  # (D, num_params)
        if params is not None:
            self.net.linears[-1].bias.copy_(params.t().flatten())

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the base's value in one pass."""
        x, ladj = self.univariate.inverse_and_ladj(y, self.net(y, context))
        return x, ladj.sum(-1)

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the data's value, drawn feature by feature."""
        if context is not None:
            batch = context.shape[: context.dim() - (len(self.net.context_shape) or 1)]
            if batch != x.shape[:-1]:
                x = x.expand(torch.broadcast_shapes(x.shape[:-1], batch) + x.shape[-1:])
        if isinstance(self.net, MaskedMLP):
            if 1 < self.net.input_dim <= FEW:  # the only feature of one uses no weights: steps would leave them out
                return masked_steps(self.net, x, self.univariate.forward_and_ladj, context)
            y, params = masked_sweep(self.net, x, self.univariate.forward, context)
            if not torch.is_grad_enabled():
                return y, self.univariate.forward_and_ladj(x, params)[1].sum(-1)
        else:
            y = self._stepped(x, context)

        def inverse(value: Tensor) -> tuple[Tensor, Tensor]:
            return self.univariate.inverse_and_ladj(value, self.net(value, context))

        if torch.is_grad_enabled():
            y = implicit_solution(y, x, inverse, self.net.order)
        return y, -self.inverse_and_ladj(y, context)[1]

    @torch.no_grad()
    def _stepped(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Solve for one feature after the other through the net's stepper, without gradients."""
        stepper = self.net.stepper(x.shape[:-1], context)
        sources = x.unbind(-1)
        y = list(sources)
        value: Tensor | None = None
        for i in tqdm(self.net.order.tolist(), desc="stepping", delay=PATIENCE, leave=False):
            value = self.univariate.forward(sources[i], stepper(value))
            y[i] = value
        return torch.stack(y, -1)
