"""A point mass, for deterministic generators."""

from collections.abc import Sequence

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from pyrodgm.heads.head import Head


class Delta(Head):
    r"""A point mass at the parameters, :math:`x = v`: its ``log_prob`` is 0 there and :math:`-\infty` elsewhere.

    Args:
        event_shape: Shape of one draw.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> heads.Delta((1, 8, 8))(torch.zeros(5, 64)).rsample().shape
        torch.Size([5, 1, 8, 8])
    """

    @property
    def num_params(self) -> int:
        """One value a variable."""
        return self.num_variables

    def make(self, params: Tensor) -> TorchDistribution:
        """Make the distribution from its value."""
        return dist.Delta(self._value(params), event_dim=self.event_dim)

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Return zeros: a point mass needs no noise."""
        return torch.zeros((*shape, *self.event_shape), dtype=dtype, device=device)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Return the value, for all of the noise."""
        value = self._value(params)
        return value.expand(torch.broadcast_shapes(value.shape, noise.shape))

    def _value(self, params: Tensor) -> Tensor:
        return params.reshape(params.shape[:-1] + self.event_shape)
