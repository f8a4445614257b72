"""A dense linear map with a cheap inverse and determinant."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.linalg import solve_triangular

from pyrodgm.transforms.bijection import Bijection, check_input_dim
from pyrodgm.transforms.bounded import WIDE, bounded, unbounded
from pyrodgm.transforms.moments import rows_of, standardized
from pyrodgm.transforms.permute import Permute

SINGULAR = 1e-4  # of a column's standard deviation: what earlier columns must leave of it


class LULinear(Bijection):
    r""":math:`y = P\, D L U x + b`, both directions in :math:`O(D^2)` a row; starts at the permutation :math:`P`.

    :math:`L` is unit lower, :math:`U` unit upper triangular, the scales :math:`D = \mathrm{diag}(e^s)` are bounded.
    :math:`D L U = (D L D^{-1})(D U)` is the usual LU factorisation with :math:`e^s` as the diagonal of its second
    factor; with the scales in front, the triangles of data in any units are of order one.

    Args:
        input_dim: Number :math:`D` of features.
        permutation: The fixed order :math:`\pi` of :math:`P`, :math:`(P h)_i = h_{\pi(i)}`; none if ``None``.

    Raises:
        ValueError: If ``input_dim`` is not positive, or the permutation is none of its features.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.LULinear(3).forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))

    References:
        Oliva et al. (2018), Transformation Autoregressive Networks, section 2.2, https://arxiv.org/abs/1801.09819;
        Kingma, Dhariwal (2018), Glow, section 3.2, https://arxiv.org/abs/1807.03039
    """

    def __init__(self, input_dim: int, *, permutation: Sequence[int] | Tensor | None = None) -> None:
        super().__init__()
        check_input_dim(input_dim)
        self.input_dim = input_dim
        self.triangles = nn.Parameter(torch.zeros(input_dim, input_dim))  # L below the diagonal, U above it
        self.raw_log_scale = nn.Parameter(torch.zeros(input_dim))
        self.bias = nn.Parameter(torch.zeros(input_dim))
        self.permute = None if permutation is None else Permute(permutation)
        if self.permute is not None and len(self.permute.permutation) != input_dim:
            raise ValueError(
                f"Expected a permutation of {input_dim} features; got {len(self.permute.permutation)}. "
                "Name each feature once."
            )

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Multiply by the triangles, scale, reorder, shift."""
        log_scale = bounded(self.raw_log_scale, WIDE)
        return self._times(x, log_scale) + self.bias, log_scale.sum().expand(x.shape[:-1])

    def matrix_and_ladj(self) -> tuple[Tensor, Tensor]:
        """Return the matrix :math:`P D L U`, ``(D, D)``, and its log-determinant."""
        log_scale = bounded(self.raw_log_scale, WIDE)
        unit = torch.eye(self.input_dim, dtype=log_scale.dtype, device=log_scale.device)
        return self._times(unit, log_scale).mT, log_scale.sum()

    def _times(self, x: Tensor, log_scale: Tensor) -> Tensor:
        h = x + x @ self.triangles.triu(1).mT
        h = (h + h @ self.triangles.tril(-1).mT) * log_scale.exp()
        return h if self.permute is None else self.permute.forward_and_ladj(h)[0]

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Undo the shift, the order and the scales, then solve with the triangles."""
        log_scale = bounded(self.raw_log_scale, WIDE)
        h = y - self.bias
        h = h if self.permute is None else self.permute.inverse_and_ladj(h)[0]
        h = (h * (-log_scale).exp()).reshape(-1, self.input_dim)
        h = solve_triangular(self.triangles.mT, h, upper=True, left=False, unitriangular=True)
        x = solve_triangular(self.triangles.mT, h, upper=False, left=False, unitriangular=True)
        return x.reshape(y.shape), (-log_scale).sum().expand(y.shape[:-1])

    @torch.no_grad()
    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Make the inverse whiten the data: mean zero and covariance the identity.

        Columns that others determine are whitened as if they held a little noise of their own.

        Args:
            y: Data, ``(num, input_dim)``.
            context: Not used.

        Raises:
            ValueError: If there are fewer than two rows, or constant columns.
        """
        name = type(self).__name__
        mean, std, rows = standardized(rows_of(y, self.input_dim, what=name), what=name)
        if self.permute is not None:
            std, rows = std[self.permute.inverse_permutation], self.permute.inverse_and_ladj(rows)[0]
        correlation = rows.mT @ rows / (len(rows) - 1)
        factor, failed = torch.linalg.cholesky_ex(correlation)
        if failed or factor.diagonal().amin() < SINGULAR:
            correlation.diagonal().add_(SINGULAR**2)
            factor = torch.linalg.cholesky(correlation)
        scale = factor.diagonal()
        self.bias.copy_(mean)
        self.triangles.copy_((factor / scale[:, None]).tril(-1))
        self.raw_log_scale.copy_(unbounded((scale * std).log(), WIDE))
