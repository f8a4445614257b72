"""Which values an autoregressive model gives a probability, checked at the boundary."""

import torch
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.heads.head import Head

Independent = type(constraints.independent(constraints.real, 1))


def variable_support(head: Head) -> constraints.Constraint:
    """Return the support of one variable of a head."""
    support = head(torch.zeros(head.num_params)).support or constraints.real
    while isinstance(support, Independent):
        support = support.base_constraint
    return support


def check_values(x: Tensor, support: constraints.Constraint, mask: Tensor | None = None) -> None:
    """Refuse values outside of a support, where the mask is true or everywhere.

    Raises:
        ValueError: Naming the first such value and its position.
    """
    inside = support.check(x) if mask is None else support.check(x) | ~mask
    if not bool(inside.all()):
        place = (~inside).nonzero()[0].tolist()
        raise ValueError(
            f"Expected values in {support}; got {x[tuple(place)].item():.6g} at index {place}. "
            "Transform the data (binarize, encode, clip), or build the model for such values."
        )
