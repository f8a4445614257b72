"""A bijection with a triangular Jacobian: the layer of MintNet."""

import torch
from torch import Tensor, nn

from pyrodgm.nn.causal import flatten_batches
from pyrodgm.nn.triangular_net import TriangularNet
from pyrodgm.transforms.bijection import Bijection
from pyrodgm.transforms.bounded import WIDE, bounded, unbounded
from pyrodgm.transforms.diagonal_fixed_point import DiagonalFixedPoint
from pyrodgm.transforms.implicit import implicit_solution
from pyrodgm.transforms.moments import check_spread, rows_of


class Triangular(Bijection):
    r"""From the data, :math:`x = v + g(v; c)`, :math:`v = t \odot y + b`, with :math:`g` of triangular Jacobian.

    It is MintNet's layer :math:`t \odot y + \sum_i W^3_i\, h(\sum_j W^2_{ij}\, h(W^1_j y + b^1_j) + b^2_{ij}) + b^3`,
    with :math:`h = \tanh` and :math:`t > 0` taken into the :math:`W^1_j`, so that these see data of scale one: each
    variable has a factor :math:`t_i` of its own, set by :meth:`initialize`.

    The direction from data to base is one pass of the net, which returns the diagonal with it:

    .. math:: \log\left|\det \tfrac{\partial x}{\partial y}\right|
        = \sum_i \log t_i + \log\left(1 + \tfrac{\partial g_i}{\partial v_i}\right).

    The other direction solves for :math:`v`, in which the diagonal is from 1 to 218 everywhere, by
    :class:`DiagonalFixedPoint`. Gradients of a draw are those of the implicit function, exact in at most :math:`D`
    products with the Jacobian (usually a handful), and free of the solver's steps.

    Args:
        net: :class:`~pyrodgm.nn.TriangularMLP` for vectors, :class:`~pyrodgm.nn.TriangularConvNet` for images.
        solver: Inverts the pass; ``DiagonalFixedPoint()`` if ``None``.

    Raises:
        ValueError: When called, if events are of another shape than the net's, or a context is missing or superfluous.

    Example:
        >>> import torch
        >>> from pyrodgm import nn, transforms
        >>> y, ladj = transforms.Triangular(nn.TriangularConvNet((3, 4, 6))).forward_and_ladj(torch.randn(5, 3, 4, 6))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3, 4, 6]), torch.Size([5]))

    References:
        Song, Meng, Ermon (2019), MintNet: Building Invertible Neural Networks with Masked Convolutions,
        https://arxiv.org/abs/1907.07945
    """

    def __init__(self, net: TriangularNet, *, solver: DiagonalFixedPoint | None = None) -> None:
        super().__init__(event_dim=len(net.event_shape), context_dim=net.context_dim)
        self.net = net
        self.solver = DiagonalFixedPoint() if solver is None else solver
        self.raw_log_scale = nn.Parameter(torch.zeros(net.event_shape))
        self.shift = nn.Parameter(torch.zeros(net.event_shape))

    @torch.no_grad()
    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Standardize what the net sees: each feature of a vector, each channel of an image.

        Args:
            y: Data, ``(num, *event)``.
            context: Not used.

        Raises:
            ValueError: If there are fewer than two rows, some are not finite, or a feature or channel is constant.
        """
        what = type(self).__name__
        is_image = self.event_dim == 3
        columns = y.movedim(-3, -1) if is_image and y.dim() >= 3 else y  # channels last
        rows = rows_of(columns, self.net.event_shape[0], what=what)
        check_spread(rows, what=what)
        variance, mean = torch.var_mean(rows, 0)
        log_scale = -0.5 * variance.log()
        shift = -mean * log_scale.exp()
        if is_image:
            log_scale, shift = log_scale[:, None, None], shift[:, None, None]
        self.raw_log_scale.copy_(unbounded(log_scale, WIDE))
        self.shift.copy_(shift)

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the base's value in one pass."""
        self.net.check(y, context)
        log_scale = bounded(self.raw_log_scale, WIDE)
        v = y * log_scale.exp() + self.shift
        value, slope = self.net(v, context)
        return v + value, self._sum(slope.log1p() + log_scale)

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the data's value, solved for."""
        self.net.check(x, context)
        flat, contexts, batch = flatten_batches(x, self.event_dim, context, 1)
        rows = flat.flatten(1)  # (num, D)

        def system(v: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor]:
            value, slope = self.net(v.reshape(-1, *self.net.event_shape), c)
            return v + value.reshape(v.shape), 1 + slope.reshape(v.shape)

        def inverse(v: Tensor) -> tuple[Tensor, Tensor]:
            value, slope = system(v, contexts)
            return value, slope.log()

        v = self.solver.solve(system, rows.detach(), contexts, self.net.order, what=type(self).__name__)
        if torch.is_grad_enabled():
            v = implicit_solution(v, rows, inverse, self.net.order)
        v = v.reshape(*batch, *self.net.event_shape)
        log_scale = bounded(self.raw_log_scale, WIDE)
        ladj = -self._sum(self.net(v, context)[1].log1p() + log_scale)
        return (v - self.shift) * (-log_scale).exp(), ladj

    def _sum(self, ladj: Tensor) -> Tensor:
        return ladj.sum(tuple(range(-self.event_dim, 0)))
