"""A step along one direction, by an amount that depends on one other."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from pyrodgm.heads.normal import UNIT_SCALE
from pyrodgm.nn.mlp import MLP
from pyrodgm.transforms.bijection import Bijection, check_input_dim
from pyrodgm.transforms.root import solve_increasing

STEEPEST = 1e-3  # 1 + w.u_hat stays above it, so that the inverse's slope stays below a thousand
SHORTEST = 1e-12  # of |w|^2


class Planar(Bijection):
    r""":math:`y = x + \hat u \tanh(w^\top x + b)`, forward in closed form, inverse by one scalar root.

    It is invertible if :math:`w^\top \hat u > -1`. Hence
    :math:`\hat u = u + (m(w^\top u) - w^\top u)\, w / |w|^2` with :math:`m(a) = (1 - \delta)(\zeta(a + c) - 1)`, where
    :math:`\zeta` is softplus, :math:`\delta` = 1e-3 keeps the slope away from zero, and :math:`c = \log(e - 1)` gives
    :math:`m(0) = 0`, so that :math:`u = 0` is the identity. Parameters :math:`u, w, b` are the bijection's own
    plus, with a context, a network's.

    The inverse solves :math:`\alpha + w^\top \hat u \tanh(\alpha + b) = w^\top y` for :math:`\alpha = w^\top x`.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features.
        hidden_dims: Widths of the hidden layers of the context's network; empty makes it linear.

    Raises:
        ValueError: If a size is not positive, or, when called, a context is missing or of the wrong width.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.Planar(3, context_dim=2).forward_and_ladj(torch.randn(5, 3), torch.randn(5, 2))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))

    References:
        Rezende, Mohamed (2015), Variational Inference with Normalizing Flows, eq. 10-12 and appendix A.1 (there without
        :math:`c` and :math:`\delta`), https://arxiv.org/abs/1505.05770
    """

    def __init__(self, input_dim: int, context_dim: int = 0, *, hidden_dims: Sequence[int] = ()) -> None:
        super().__init__(context_dim=context_dim)
        check_input_dim(input_dim)
        self.input_dim = input_dim
        start = torch.cat([0.01 * torch.randn(input_dim), torch.randn(input_dim) / input_dim**0.5, torch.zeros(1)])
        self.params = nn.Parameter(start)  # u, w, b
        self.net = (
            MLP(0, 2 * input_dim + 1, hidden_dims=hidden_dims, context_dim=context_dim, zero_init=True)
            if context_dim
            else None
        )

    def _parts(self, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return ``u_hat`` and ``w``, each ``(*batch, D)``, ``b`` and ``w . u_hat``, each ``(*batch)``."""
        params = self.params
        if self.net is not None:
            params = params + self.net(params.new_empty(0), context)  # (*batch, 2 D + 1)
        u, w, b = params.split_with_sizes((self.input_dim, self.input_dim, 1), -1)
        product = (w * u).sum(-1)
        slope = (1 - STEEPEST) * (softplus(product + UNIT_SCALE) - 1)
        along = (slope - product) / w.square().sum(-1).clamp_min(SHORTEST)
        return u + along[..., None] * w, w, b[..., 0], slope

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Take the step."""
        u_hat, w, b, slope = self._parts(context)
        t = ((x * w).sum(-1) + b).tanh()
        return x + u_hat * t[..., None], (slope * (1 - t * t)).log1p()

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Find how far the step went, and take it back."""
        u_hat, w, b, slope = self._parts(context)

        def along(alpha: Tensor) -> tuple[Tensor, Tensor]:
            t = (alpha + b).tanh()
            return alpha + slope * t, 1 + slope * (1 - t * t)

        goal = (y * w).sum(-1)
        reach = slope.abs().detach()
        alpha = solve_increasing(along, goal, goal - reach, goal + reach, what=type(self).__name__)
        t = (alpha + b).tanh()
        return y - u_hat * t[..., None], -(slope * (1 - t * t)).log1p()
