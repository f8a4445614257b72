"""Variables with a finite number of values."""

from collections.abc import Sequence

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from pyrodgm.distributions.components import component_of
from pyrodgm.heads.head import Head


class Categorical(Head):
    r"""Independent variables over :math:`\{0, \dots, K-1\}`: :math:`p(x_i = k) \propto \exp \ell_{ik}`.

    Args:
        num_classes: Number :math:`K` of values.
        event_shape: Shape of one draw.

    Raises:
        ValueError: If there are fewer than two classes.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> head = heads.Categorical(17, 64)
        >>> head.num_params, head(torch.zeros(5, 17 * 64)).sample().shape
        (1088, torch.Size([5, 64]))
    """

    def __init__(self, num_classes: int, event_shape: int | Sequence[int] = ()) -> None:
        super().__init__(event_shape)
        if num_classes < 2:
            raise ValueError(f"Expected num_classes of at least 2; got {num_classes}. One value needs no distribution.")
        self.num_classes = num_classes

    @property
    def num_params(self) -> int:
        """One logit a class and variable."""
        return self.num_classes * self.num_variables

    def _logits(self, params: Tensor) -> Tensor:
        return self.split(params, self.num_classes).movedim(-1 - self.event_dim, -1)

    def make(self, params: Tensor) -> TorchDistribution:
        """Make the distribution from logits, class by class."""
        return dist.Categorical(logits=self._logits(params)).to_event(self.event_dim)

    def log_prob(self, params: Tensor, value: Tensor) -> Tensor:
        """Return the log-probability by the fused cross-entropy, which makes no normalized copy of the logits."""
        logits = self._logits(params)
        if logits.shape[:-1] != value.shape:
            shape = torch.broadcast_shapes(logits.shape[:-1], value.shape)
            logits, value = logits.expand(*shape, -1), value.expand(shape)
        flat = F.cross_entropy(logits.reshape(-1, self.num_classes), value.reshape(-1).long(), reduction="none")
        log_prob = -flat.reshape(value.shape)
        return log_prob.flatten(-self.event_dim).sum(-1) if self.event_dim else log_prob

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw uniforms."""
        return torch.rand((*shape, *self.event_shape), dtype=dtype, device=device)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Invert the cumulative distribution at the uniforms."""
        return component_of(noise, self._logits(params))

    def __repr__(self) -> str:
        return f"Categorical({self.num_classes}, event_shape={tuple(self.event_shape)})"
