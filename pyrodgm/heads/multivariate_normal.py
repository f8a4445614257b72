"""Vectors of real variables with a covariance between them: full, or diagonal plus low rank."""

from collections.abc import Sequence

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from pyrodgm.heads.head import Head
from pyrodgm.heads.normal import UNIT_SCALE
from pyrodgm.nn.mlp import check_dim


class MultivariateNormal(Head):
    r"""A normal vector with a full covariance, :math:`N(\mu, L L^\top)`, :math:`L` triangular with a positive diagonal.

    The parameters are, in this order, means, raw diagonal of :math:`L` and its rows below the diagonal. Zero parameters
    mean :math:`N(0, I)`.

    Args:
        num_features: Number of features of one draw.
        min_scale: The least value on the diagonal of :math:`L`.

    Raises:
        ValueError: If there is no feature.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> heads.MultivariateNormal(4).num_params, heads.MultivariateNormal(4)(torch.zeros(5, 14)).rsample().shape
        (14, torch.Size([5, 4]))
    """

    def __init__(self, num_features: int, *, min_scale: float = 1e-4) -> None:
        super().__init__(check_dim("num_features", num_features))
        self.num_features = num_features
        self.min_scale = min_scale

    @property
    def num_params(self) -> int:
        """Means, and the triangle."""
        return 2 * self.num_features + self.num_features * (self.num_features - 1) // 2

    def _loc_tril(self, params: Tensor) -> tuple[Tensor, Tensor]:
        num = self.num_features
        loc, raw, below = params.split((num, num, self.num_params - 2 * num), -1)
        tril = torch.diag_embed(F.softplus(raw + UNIT_SCALE) + self.min_scale)
        rows, columns = torch.tril_indices(num, num, -1, device=params.device)
        tril[..., rows, columns] = below
        return loc, tril

    def make(self, params: Tensor) -> TorchDistribution:
        """Make the distribution."""
        loc, tril = self._loc_tril(params)
        return dist.MultivariateNormal(loc, scale_tril=tril)

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw standard normals."""
        return torch.randn((*shape, self.num_features), dtype=dtype, device=device)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Return the mean plus the triangle times noise."""
        loc, tril = self._loc_tril(params)
        return loc + (tril @ noise.unsqueeze(-1)).squeeze(-1)

    def __repr__(self) -> str:
        return f"MultivariateNormal({self.num_features})"


class LowRankNormal(Head):
    r"""A normal vector whose covariance is diagonal plus low rank, :math:`N(\mu, W W^\top + \mathrm{diag}\, \sigma^2)`.

    The parameters are, in this order, means, raw scales :math:`\sigma` and the rows of :math:`W`. Zero parameters mean
    :math:`N(0, I)`.

    Args:
        num_features: Number of features of one draw.
        rank: Number of columns of :math:`W`.
        min_scale: The least :math:`\sigma`.

    Raises:
        ValueError: If a number is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> heads.LowRankNormal(4, 2).num_params, heads.LowRankNormal(4, 2)(torch.zeros(5, 16)).rsample().shape
        (16, torch.Size([5, 4]))

    References:
        Rezende, Mohamed, Wierstra (2014), Stochastic Backpropagation, section 4.3 (structured covariances),
        https://arxiv.org/abs/1401.4082
    """

    def __init__(self, num_features: int, rank: int = 1, *, min_scale: float = 1e-4) -> None:
        super().__init__(check_dim("num_features", num_features))
        self.num_features = num_features
        self.rank = check_dim("rank", rank)
        self.min_scale = min_scale

    @property
    def num_params(self) -> int:
        """Means, scales and factors."""
        return (2 + self.rank) * self.num_features

    @property
    def noise_shape(self) -> torch.Size:
        """Noise of each feature, then of each factor."""
        return torch.Size([self.num_features + self.rank])

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        num = self.num_features
        loc, raw, factor = params.split((num, num, self.rank * num), -1)
        return loc, F.softplus(raw + UNIT_SCALE) + self.min_scale, factor.unflatten(-1, (num, self.rank))

    def make(self, params: Tensor) -> TorchDistribution:
        """Make the distribution."""
        loc, scale, factor = self._parts(params)
        return dist.LowRankMultivariateNormal(loc, factor, scale.square())

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw standard normals."""
        return torch.randn((*shape, *self.noise_shape), dtype=dtype, device=device)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Return the mean, plus scales times noise, plus factors times noise."""
        loc, scale, factor = self._parts(params)
        own, shared = noise.split((self.num_features, self.rank), -1)
        return loc + scale * own + (factor @ shared.unsqueeze(-1)).squeeze(-1)

    def __repr__(self) -> str:
        return f"LowRankNormal({self.num_features}, rank={self.rank})"
