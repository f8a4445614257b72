"""The contract of a head: parameter tensor -> distribution."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor


class Head(ABC):
    """A small immutable object that makes a distribution from a tensor of parameters.

    Parameters of ``k`` kinds over an event are laid out ``(*batch, k * prod(event_shape))``, kind by kind, so that
    an image decoder's ``k * channels`` feature maps, flattened, fit as they are. A head owns no parameters.

    Args:
        event_shape: Shape of one draw; an int is the shape of a vector, ``()`` that of one variable.

    Attributes:
        event_shape: Shape of one draw.
        event_dim: Number of its dimensions.
        num_variables: Number of scalar variables of one draw.
    """

    def __init__(self, event_shape: int | Sequence[int] = ()) -> None:
        shape = (event_shape,) if isinstance(event_shape, int) else tuple(event_shape)
        if any(size < 1 for size in shape):
            raise ValueError(f"Expected event_shape of positive sizes; got {shape}. Name the shape of one draw.")
        self.event_shape = torch.Size(shape)
        self.num_variables, self.event_dim = math.prod(shape), len(shape)

    @property
    @abstractmethod
    def num_params(self) -> int:
        """Number of parameters of one event."""

    @abstractmethod
    def make(self, params: Tensor) -> TorchDistribution:
        """Make the distribution from ``(*batch, num_params)``."""

    @abstractmethod
    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw the noise ``(*shape, *noise_shape)`` that :meth:`from_noise` turns into events."""

    @abstractmethod
    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Turn noise into draws, deterministically: equal noise and parameters give equal draws."""

    def __call__(self, params: Tensor) -> TorchDistribution:
        """Return the distribution with ``batch_shape == params.shape[:-1]``.

        Raises:
            ValueError: If the last dimension is not ``num_params`` wide.
        """
        if params.shape[-1:] != (self.num_params,):
            raise ValueError(
                f"Expected params of shape (*batch, {self.num_params}) for {self!r}; got {tuple(params.shape)}. "
                f"Give the net an output of {self.num_params}."
            )
        return self.make(params)

    def log_prob(self, params: Tensor, value: Tensor) -> Tensor:
        """Return the log-density of ``value`` in nats; what ``self(params).log_prob(value)`` is, perhaps faster.

        Args:
            params: ``(*batch, num_params)``.
            value: ``(*batch, *event_shape)``, inside the support.
        """
        return self.make(params).log_prob(value)

    def split(self, params: Tensor, num_kinds: int) -> Tensor:
        """View ``(*batch, k * prod(event_shape))`` as ``(*batch, k, *event_shape)``."""
        return params.reshape(*params.shape[:-1], num_kinds, *self.event_shape)

    @property
    def noise_shape(self) -> torch.Size:
        """Shape of the noise of one event; by default that of the event."""
        return self.event_shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}(event_shape={tuple(self.event_shape)})"
