"""The head of a model on images."""

from pyrodgm.autoregressive.support import level_bounds
from pyrodgm.heads import Bernoulli, Categorical
from pyrodgm.heads.head import Head


def pixel_head(num_levels: int, head: Head | None) -> Head:
    """Return the head that was given, or else one with a probability for each level.

    Raises:
        ValueError: If the head has values of another number of levels.
    """
    if head is None:
        return Bernoulli() if num_levels == 2 else Categorical(num_levels)
    bounds = level_bounds(head)
    if bounds not in (None, (0, num_levels - 1)):
        raise ValueError(
            f"Expected a head over 0 .. {num_levels - 1}, the values of num_levels={num_levels}; got {head!r} "
            f"over {bounds[0]} .. {bounds[1]}. Give num_levels={bounds[1] - bounds[0] + 1}."
        )
    return head
