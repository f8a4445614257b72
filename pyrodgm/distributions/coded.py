"""Grids of code vectors whose probability is that of their indices."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

MAX_GRIDS = 1_000_000  # how many grids of codes are enumerated at most


class Codebook(Protocol):
    """What turns indices into code vectors and back, such as a :class:`~pyrodgm.quantizers.VectorQuantizer`."""

    num_codes: int
    code_dim: int

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the vectors ``(*batch, code_dim)`` of indices ``(*batch)``."""

    def indices_of(self, codes: Tensor) -> Tensor:
        """Return the indices ``(*batch)`` of vectors ``(*batch, code_dim)``."""


class Coded(TorchDistribution):
    r"""Code vectors on a grid, :math:`p(e_{k_1}, \dots, e_{k_P}) = p(k_1, \dots, k_P)`.

    Draws are indices looked up in a codebook, channels first as networks on images take them. A density scores the
    indices of the vectors that it is given: it is a probability of indices, in nats.

    Draws carry no gradient.

    Args:
        indices: Distribution of indices, an event for all :math:`P` positions, of any shape.
        codebook: Looks up vectors, and finds the indices of vectors.
        grid_shape: Shape of the positions, ``(height, width)`` say; that of an event of ``indices`` by default.

    Raises:
        ValueError: If the events of ``indices`` do not have one index for each position.

    Example:
        >>> import pyro.distributions as dist
        >>> import torch
        >>> from pyrodgm import distributions, quantizers
        >>> indices = dist.Categorical(logits=torch.zeros(7, 4, 6, 16)).to_event(2)
        >>> codes = distributions.Coded(indices, quantizers.VectorQuantizer(16, 3)).sample()
        >>> codes.shape
        torch.Size([7, 3, 4, 6])

    References:
        van den Oord, Vinyals, Kavukcuoglu (2017), Neural Discrete Representation Learning, sections 3.1 and 3.3,
        https://arxiv.org/abs/1711.00937
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- the name and type that torch reads
    has_rsample = False
    has_enumerate_support = True

    def __init__(self, indices: TorchDistribution, codebook: Codebook, grid_shape: Sequence[int] | None = None) -> None:
        self.grid_shape = indices.event_shape if grid_shape is None else torch.Size(grid_shape)
        if indices.event_shape.numel() != self.grid_shape.numel():
            raise ValueError(
                f"Expected one index for each of the positions {tuple(self.grid_shape)}; got events of shape "
                f"{tuple(indices.event_shape)}. Build the distribution of indices for this grid."
            )
        self.indices = indices
        self.codebook = codebook
        event_shape = torch.Size((codebook.code_dim, *self.grid_shape))
        super().__init__(indices.batch_shape, event_shape, validate_args=False)

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> constraints.Constraint:
        """Real vectors on the grid; what is not in the codebook counts as what is nearest."""
        return constraints.independent(constraints.real, len(self.event_shape))

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "Coded":
        """Return independent copies."""
        return Coded(self.indices.expand(torch.Size(batch_shape)), self.codebook, self.grid_shape)

    def sample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw ``(*sample_shape, *batch_shape, code_dim, *grid_shape)``."""
        with torch.no_grad():
            drawn = self.indices.sample(torch.Size(sample_shape))
        return self.looked_up(
            drawn.reshape(*drawn.shape[: drawn.dim() - len(self.indices.event_shape)], *self.grid_shape)
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probability of the vectors' indices in nats.

        Args:
            value: ``(*sample, *batch, code_dim, *grid_shape)``, broadcast against the batch.

        Raises:
            ValueError: If the events are of another shape.
        """
        num_dims = value.dim() - len(self.event_shape)
        if num_dims < 0 or value.shape[num_dims:] != self.event_shape:
            raise ValueError(
                f"Expected value of shape (*batch, {', '.join(map(str, self.event_shape))}); got {tuple(value.shape)}. "
                "The last dimensions are one grid of code vectors, channels first."
            )
        indices = self.codebook.indices_of(channels_last(value, len(self.grid_shape)))
        # Heads of binary variables take floating-point numbers; 32 bits hold every index exactly.
        numbers = indices.to(torch.promote_types(value.dtype, torch.float32))
        return self.indices.log_prob(numbers.reshape(*value.shape[:num_dims], *self.indices.event_shape))

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return every grid of codes, ``(num_codes ** num_positions, *batch_shape, *event_shape)``.

        Pyro's enumeration takes a grid as one variable, so that small grids are summed over exactly.

        Raises:
            ValueError: If there are too many.
        """
        num_positions, num_codes = self.grid_shape.numel(), self.codebook.num_codes
        if num_codes**num_positions > MAX_GRIDS:
            raise ValueError(
                f"Expected at most {MAX_GRIDS} grids to enumerate; got {num_codes} codes at {num_positions} positions. "
                "Draw instead."
            )
        device = self.indices.sample().device  # a draw is what every distribution tells it by
        digits = torch.arange(num_codes**num_positions, device=device)
        powers = num_codes ** torch.arange(num_positions, device=device)
        codes = self.looked_up((digits[:, None] // powers % num_codes).reshape(-1, *self.grid_shape))
        codes = codes.reshape(len(codes), *[1] * len(self.batch_shape), *self.event_shape)
        return codes.expand(-1, *self.batch_shape, *[-1] * len(self.event_shape)) if expand else codes

    def looked_up(self, indices: Tensor) -> Tensor:
        """Return the vectors ``(*batch, code_dim, *grid_shape)`` of indices ``(*batch, *grid_shape)``."""
        return channels_first(self.codebook.lookup(indices.long()), len(self.grid_shape))

    def __repr__(self) -> str:
        return f"Coded(batch_shape={tuple(self.batch_shape)}, event_shape={tuple(self.event_shape)})"


def channels_first(codes: Tensor, grid_dim: int) -> Tensor:
    """Turn ``(*batch, *grid_shape, code_dim)`` into ``(*batch, code_dim, *grid_shape)``."""
    return codes.movedim(-1, -1 - grid_dim)


def channels_last(codes: Tensor, grid_dim: int) -> Tensor:
    """Turn ``(*batch, code_dim, *grid_shape)`` into ``(*batch, *grid_shape, code_dim)``."""
    return codes.movedim(-1 - grid_dim, -1)
