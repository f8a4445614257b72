"""An orthogonal map made of reflections."""

import torch
from torch import Tensor, nn
from torch.linalg import solve_triangular, vector_norm

from pyrodgm.transforms.bijection import Bijection, check_input_dim
from pyrodgm.transforms.moments import rows_of


class Orthogonal(Bijection):
    r""":math:`y = Q x` with :math:`Q = H_1 \cdots H_K`, :math:`H_k = I - 2 v_k v_k^\top / |v_k|^2`; volume is kept.

    The product is applied at once, in its compact form :math:`Q = I - V T^{-1} V^\top` over unit columns, with
    :math:`T = \mathrm{triu}(V^\top V, 1) + I / 2`: two matrix products and one triangular solve, no loop. It starts at
    a random orthogonal matrix, a rotation if :math:`K` is even, else one with a reflection. With :math:`K = D`, every
    orthogonal matrix is reached up to the sign of one column.

    Args:
        input_dim: Number :math:`D` of features.
        num_reflections: Number :math:`K` of reflections; ``input_dim`` if ``None``.

    Raises:
        ValueError: If a size is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.Orthogonal(3).forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))

    References:
        Tomczak, Welling (2016), Improving Variational Auto-Encoders using Householder Flow, section 3,
        https://arxiv.org/abs/1611.09630; Meng et al. (2020), Gaussianization Flows, section 3.2,
        https://arxiv.org/abs/2003.01941; Joffrain et al. (2006), Accumulating Householder transformations, revisited,
        section 2 (the compact form), https://doi.org/10.1145/1141885.1141886
    """

    def __init__(self, input_dim: int, num_reflections: int | None = None) -> None:
        super().__init__()
        check_input_dim(input_dim)
        num = input_dim if num_reflections is None else num_reflections
        check_input_dim(num, what="num_reflections")
        self.input_dim = input_dim
        self.vectors = nn.Parameter(torch.randn(input_dim, num))

    def _reflectors(self) -> tuple[Tensor, Tensor]:
        """Return the unit columns ``(D, K)`` and the triangle ``(K, K)``."""
        # A vector too short to be divided by its length gives way to the first axis: a reflection, and no gradient.
        axis = torch.zeros_like(self.vectors[:, :1])
        axis[0] = 1
        is_long = vector_norm(self.vectors.detach(), dim=0) > torch.finfo(self.vectors.dtype).eps
        vectors = torch.where(is_long, self.vectors, axis)
        v = vectors / vector_norm(vectors, dim=0)
        return v, (v.mT @ v).triu(1) + 0.5 * torch.eye(v.shape[1], dtype=v.dtype, device=v.device)

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Rotate."""
        v, triangle = self._reflectors()
        rows = x.reshape(-1, self.input_dim)
        moved = rows - solve_triangular(triangle.mT, rows @ v, upper=False, left=False) @ v.mT
        return moved.reshape(x.shape), x.new_zeros(x.shape[:-1])

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Rotate back."""
        v, triangle = self._reflectors()
        rows = y.reshape(-1, self.input_dim)
        moved = rows - solve_triangular(triangle, rows @ v, upper=True, left=False) @ v.mT
        return moved.reshape(y.shape), y.new_zeros(y.shape[:-1])

    @torch.no_grad()
    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Make the inverse return principal components, the one of largest variance first.

        With fewer reflections than features, the first ``num_reflections`` features are principal components. Signs
        are arbitrary, and the mean is rotated, not removed.

        Args:
            y: Data, ``(num, input_dim)``.
            context: Not used.

        Raises:
            ValueError: If there are fewer than two rows.
        """
        rows = rows_of(y, self.input_dim, what=type(self).__name__)
        rows = rows - rows.mean(0)
        directions = torch.linalg.eigh(rows.mT @ rows).eigenvectors.flip(-1)  # largest variance first
        # Reflectors v_k = (0, .., 0, 1, *): where LAPACK would not reflect, ours flips the sign of one component.
        packed, _ = torch.geqrf(directions)
        vectors = packed.tril(-1) + torch.eye(self.input_dim, dtype=rows.dtype, device=rows.device)
        extra = self.vectors.shape[1] - self.input_dim
        if extra > 0:  # along the last axis, where a reflection only changes a sign
            vectors = torch.cat([vectors, vectors[:, -1:].expand(-1, extra)], -1)
        self.vectors.copy_(vectors[:, : self.vectors.shape[1]])
