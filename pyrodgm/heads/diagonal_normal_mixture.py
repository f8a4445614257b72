"""Vectors of real variables from a mixture of diagonal normals."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm import distributions
from pyrodgm.distributions.components import component_of
from pyrodgm.heads.head import Head
from pyrodgm.heads.mixtures import check_components, spread
from pyrodgm.heads.normal import UNIT_SCALE
from pyrodgm.nn.mlp import check_dim


class DiagonalNormalMixture(Head):
    r"""A mixture of diagonal normals over vectors, :math:`\sum_k \pi_k\, N(\mu_k, \mathrm{diag}\, \sigma_k^2)`.

    The features of a draw share its component, unlike those of :class:`~pyrodgm.heads.MixtureNormal`; draws carry
    gradients (:class:`pyrodgm.distributions.DiagonalNormalMixture`), so that it can be a posterior. The parameters are,
    in this order, logits, then means and raw scales component by component. Zero parameters mean scales of one and
    means spread evenly over :math:`[-1, 1]`, so that the components differ.

    Args:
        num_components: Number of components.
        num_features: Number of features of one draw.
        min_scale: The least scale.

    Raises:
        ValueError: If a number is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> heads.DiagonalNormalMixture(3, 4)(torch.zeros(5, 27)).rsample().shape
        torch.Size([5, 4])

    References:
        Graves (2016), Stochastic Backpropagation through Mixture Density Distributions, https://arxiv.org/abs/1607.05690
    """

    def __init__(self, num_components: int, num_features: int, *, min_scale: float = 1e-4) -> None:
        super().__init__(check_dim("num_features", num_features))
        check_components(num_components)
        self.num_components, self.num_features = num_components, num_features
        self.min_scale = min_scale

    @property
    def num_params(self) -> int:
        """Logits, means and scales."""
        return self.num_components * (1 + 2 * self.num_features)

    @property
    def noise_shape(self) -> torch.Size:
        """A uniform for the component, then noise of each feature."""
        return torch.Size([1 + self.num_features])

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        num = self.num_components
        logits, loc, raw = params.split((num, num * self.num_features, num * self.num_features), -1)
        loc, raw = (t.unflatten(-1, (num, self.num_features)) for t in (loc, raw))
        return logits, loc + spread(num, params).unsqueeze(-1), F.softplus(raw + UNIT_SCALE) + self.min_scale

    def make(self, params: Tensor) -> distributions.DiagonalNormalMixture:
        """Make the distribution."""
        return distributions.DiagonalNormalMixture(*self._parts(params))

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw uniforms and standard normals."""
        uniforms = torch.rand((*shape, 1), dtype=dtype, device=device)
        return torch.cat((uniforms, torch.randn((*shape, self.num_features), dtype=dtype, device=device)), -1)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Pick components by the uniforms; return mean plus scale times noise."""
        logits, loc, scale = self._parts(params)
        index = component_of(noise[..., 0], logits)
        shape = (*index.shape, *loc.shape[-2:])
        place = index[..., None, None]
        loc, scale = (t.expand(shape).take_along_dim(place, -2).squeeze(-2) for t in (loc, scale))
        return loc + scale * noise[..., 1:]

    def __repr__(self) -> str:
        return f"DiagonalNormalMixture({self.num_components}, {self.num_features})"
