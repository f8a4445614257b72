"""What models with discrete codes share: priors of indices and their checks."""

from collections.abc import Sequence
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.conditional import Conditional, Fixed
from pyrodgm.models.evaluation import evaluation


class UniformIndices(Fixed):
    r"""The prior :math:`-\log K` a position.

    Args:
        num_codes: Number :math:`K` of codes.
        grid_shape: Shape of the positions.
    """

    def __init__(self, num_codes: int, grid_shape: Sequence[int]) -> None:
        uniform = dist.Categorical(logits=torch.zeros(num_codes)).expand(torch.Size(grid_shape))
        super().__init__(uniform.to_event(len(grid_shape)))


def check_prior(prior: Conditional, num_codes: int, grid_shape: torch.Size) -> None:
    """Refuse a prior that is not over the indices of a grid.

    Raises:
        ValueError: If it has another number of positions, or other values than the indices; naming both.
    """
    if prior.event_shape.numel() != grid_shape.numel() or grid_shape != _without_ones(prior.event_shape, grid_shape):
        raise ValueError(
            f"Expected a prior over codes on a grid of shape {tuple(grid_shape)}, or ({grid_shape.numel()},); got one "
            f"over {tuple(prior.event_shape)}. Build it for this grid."
        )
    bounds = index_bounds(prior)
    if bounds is not None and bounds != (0, num_codes - 1):
        raise ValueError(
            f"Expected a prior over the {num_codes} codes 0 .. {num_codes - 1}; got one over {bounds[0]} .. "
            f"{bounds[1]}. Build it with {num_codes} levels."
        )
    if bounds is None:
        raise ValueError(
            f"Expected a prior over the {num_codes} codes, whole numbers; got one of other values, "
            f"{type(prior).__name__}. Build it with a categorical head."
        )


def _without_ones(event_shape: torch.Size, grid_shape: torch.Size) -> torch.Size:
    """Return the grid's shape if the event is the grid, flat, or with sizes of one before it; else the event's."""
    flat = (*event_shape,) == (grid_shape.numel(),)
    extra = len(event_shape) - len(grid_shape)
    padded = extra >= 0 and event_shape[extra:] == grid_shape
    return grid_shape if flat or padded else event_shape


def index_bounds(prior: Conditional) -> tuple[int, int] | None:
    """Return the smallest and largest value of a conditional over whole numbers, or ``None`` of another."""
    with torch.no_grad(), evaluation(prior):
        like: Any = next(prior.parameters(), torch.zeros(()))
        distribution = prior(like.new_zeros(1, *prior.context_shape) if prior.context_shape else None)
    support = distribution.support
    while isinstance(support, type(constraints.independent(constraints.real, 1))):
        support = support.base_constraint
    if support is constraints.boolean:
        return 0, 1
    if isinstance(support, constraints.integer_interval):
        return int(support.lower_bound), int(support.upper_bound)
    return None


def check_indices(indices: Tensor, num_codes: int, grid_shape: torch.Size) -> None:
    """Refuse what are no indices of codes on a grid.

    Raises:
        ValueError: Naming the shape, or the first value out of range and its place.
    """
    if indices.dim() != 1 + len(grid_shape) or indices.shape[1:] != grid_shape:
        shape = ", ".join(map(str, ("num", *grid_shape)))
        raise ValueError(f"Expected codes of shape ({shape}); got {tuple(indices.shape)}. Give one grid a row.")
    wrong = (indices < 0) | (indices >= num_codes) | (indices != indices.floor())
    if bool(wrong.any()):
        place = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"Expected codes 0 .. {num_codes - 1}; got {indices[tuple(place)].item():g} at index {place}. "
            "Decode what this model, or its prior, has made."
        )
