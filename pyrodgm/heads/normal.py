"""Real variables with a location and a scale."""

import math
from collections.abc import Sequence

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from pyrodgm.heads.head import Head

UNIT_SCALE = math.log(math.expm1(1.0))  # softplus of this is 1, so that zero parameters mean N(0, 1)


class Normal(Head):
    r"""Independent normals :math:`N(\mu_i, \sigma_i^2)` with :math:`\sigma_i = \mathrm{softplus}(s_i + c) + \epsilon`.

    The constant makes zero parameters mean a scale of one; the softplus keeps any parameter finite.

    Args:
        event_shape: Shape of one draw.
        shared_scale: Whether one scale serves the whole event.
        min_scale: The floor :math:`\epsilon` of the scales.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> heads.Normal(8).num_params, heads.Normal(8, shared_scale=True).num_params
        (16, 9)
        >>> heads.Normal(8)(torch.zeros(5, 16)).rsample().shape
        torch.Size([5, 8])
    """

    def __init__(
        self, event_shape: int | Sequence[int] = (), *, shared_scale: bool = False, min_scale: float = 1e-4
    ) -> None:
        super().__init__(event_shape)
        self.shared_scale = shared_scale
        self.min_scale = min_scale

    @property
    def num_params(self) -> int:
        """Locations, and as many scales or one."""
        return self.num_variables + (1 if self.shared_scale else self.num_variables)

    def _loc_scale(self, params: Tensor) -> tuple[Tensor, Tensor]:
        loc, raw = params.split((self.num_variables, self.num_params - self.num_variables), -1)
        scale = F.softplus(raw + UNIT_SCALE) + self.min_scale
        if self.shared_scale:
            scale = scale.expand_as(loc)
        shape = params.shape[:-1] + self.event_shape
        return loc.reshape(shape), scale.reshape(shape)

    def make(self, params: Tensor) -> TorchDistribution:
        """Make the distribution from locations, then raw scales."""
        return dist.Normal(*self._loc_scale(params)).to_event(self.event_dim)

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw standard normals."""
        return torch.randn((*shape, *self.event_shape), dtype=dtype, device=device)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Return location plus scale times noise."""
        loc, scale = self._loc_scale(params)
        return loc + scale * noise

    def __repr__(self) -> str:
        shared = ", shared_scale=True" if self.shared_scale else ""
        return f"Normal(event_shape={tuple(self.event_shape)}{shared})"
