"""Discrete variables with one probability for every combination of their values."""

import math
from collections.abc import Sequence
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import constraints


class JointCategorical(TorchDistribution):
    r"""The full table: :math:`p(x_1 = k_1, \dots, x_n = k_n) \propto \exp \ell_{k_1 \dots k_n}`.

    Args:
        logits: ``(*batch, num_states_1, ..., num_states_n)``.
        num_variables: Number :math:`n` of variables, the last dimensions of the logits.

    Raises:
        ValueError: If there is no variable, or fewer dimensions than variables.

    Example:
        >>> import torch
        >>> from pyrodgm import distributions
        >>> p = distributions.JointCategorical(torch.zeros(5, 2, 3), 2)
        >>> p.sample((7,)).shape, p.log_prob(torch.tensor([1, 2])).shape
        (torch.Size([7, 5, 2]), torch.Size([5]))
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- the name and type that torch reads
    has_rsample = False

    def __init__(self, logits: Tensor, num_variables: int) -> None:
        if not 1 <= num_variables <= logits.dim():
            raise ValueError(
                f"Expected num_variables of 1 .. {logits.dim()}, dimensions of the logits; got {num_variables}."
            )
        self.num_states = logits.shape[logits.dim() - num_variables :]
        self.cells = dist.Categorical(logits=logits.flatten(-num_variables), validate_args=False)
        super().__init__(self.cells.batch_shape, torch.Size([num_variables]), validate_args=False)

    @property
    def logits(self) -> Tensor:
        """Normalized log-probabilities, ``(*batch, num_states_1, ..., num_states_n)``."""
        return self.cells.logits.unflatten(-1, self.num_states)

    @property
    def sizes(self) -> Tensor:
        """Number of states of each variable, as a tensor."""
        return torch.tensor(self.num_states, device=self.cells.logits.device)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> constraints.Constraint:
        """States from 0."""
        return constraints.independent(constraints.integer_interval(0, self.sizes - 1), 1)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "JointCategorical":
        """Return independent copies; the table is shared, not repeated."""
        num = len(self.num_states)
        return JointCategorical(self.logits.expand(*batch_shape, *self.num_states), num)

    def sample(self, sample_shape: Sequence[int] = torch.Size()) -> Tensor:
        """Draw integers ``(*sample_shape, *batch_shape, num_variables)``."""
        cell = self.cells.sample(torch.Size(sample_shape))
        return torch.stack(torch.unravel_index(cell, self.num_states), -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return nats, ``(*sample, *batch)``.

        Args:
            value: ``(*sample, *batch, num_variables)``, broadcast against the batch.

        Raises:
            ValueError: If events are of another width, or a state does not exist, which is named.
        """
        return self.cells.log_prob(self.cell(value))  # type: ignore[no-any-return]

    def cell(self, value: Tensor) -> Tensor:
        """Return the number of the cell of each event, counted along the table, ``(*sample, *batch)``.

        Args:
            value: ``(*sample, *batch, num_variables)``.

        Raises:
            ValueError: As :meth:`log_prob`.
        """
        if value.shape[-1:] != self.event_shape:
            raise ValueError(
                f"Expected value of shape (*batch, {self.event_shape[0]}); got {tuple(value.shape)}. "
                "The last dimension is one event."
            )
        inside = (value >= 0) & (value < self.sizes) & (value % 1 == 0)
        if not inside.all():  # another cell would answer for it
            place = (~inside).nonzero()[0].tolist()
            raise ValueError(
                f"Expected states 0 .. {self.num_states[place[-1]] - 1} of variable {place[-1]}; got "
                f"{value[tuple(place)].item():g} at index {place}. Encode the data, or give the table more states."
            )
        strides = [math.prod(self.num_states[i + 1 :]) for i in range(len(self.num_states))]
        return (value.long() * torch.tensor(strides, device=value.device)).sum(-1)

    def __repr__(self) -> str:
        return f"JointCategorical(batch_shape={tuple(self.batch_shape)}, num_states={tuple(self.num_states)})"
