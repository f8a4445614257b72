"""The accepted steps of a solve, and enough of their states to walk back through all of them."""

from collections.abc import Callable, Iterator

from torch import Tensor

MAX_STATES = 8  # kept at once; of longer solves every second, fourth, ... is kept, and the others come again

Advance = Callable[[float, float, Tensor], Tensor]


class Checkpoints:
    """Times and lengths of all steps, and the states at the start of every ``stride``-th one.

    Memory grows with the logarithm of the number of steps: of 33 steps, 5 states are kept, and 3 more exist at a time
    on the way back, for which a step is taken again up to 3 times.
    """

    def __init__(self) -> None:
        self.steps: list[tuple[float, float]] = []
        self.states: dict[int, Tensor] = {}
        self.stride = 1

    def add(self, t: float, h: float, z: Tensor) -> None:
        """Note a step of length ``h`` from the state ``z`` at time ``t``."""
        index = len(self.steps)
        self.steps.append((t, h))
        if index % self.stride:
            return
        self.states[index] = z
        if len(self.states) > MAX_STATES:
            self.stride *= 2
            self.states = {index: state for index, state in self.states.items() if index % self.stride == 0}

    def backwards(self, advance: Advance) -> Iterator[tuple[float, float, Tensor]]:
        """Yield the steps and their first states from the last to the first.

        Args:
            advance: ``(t, h, z)`` to the state after the step, which is taken again where the state was not kept.
        """
        for first in sorted(self.states, reverse=True):
            yield from halved(self.steps[first : first + self.stride], self.states[first], advance)


def halved(steps: list[tuple[float, float]], state: Tensor, advance: Advance) -> Iterator[tuple[float, float, Tensor]]:
    """Yield the steps from ``state`` on from the last to the first: the second half from its own state, then the first.

    Args:
        steps: Times and lengths.
        state: At the start of the first.
        advance: Takes a step again.
    """
    if len(steps) == 1:
        yield *steps[0], state
        return
    half = len(steps) // 2
    middle = state
    for t, h in steps[:half]:
        middle = advance(t, h, middle)
    yield from halved(steps[half:], middle, advance)
    del middle  # before the first half makes states of its own
    yield from halved(steps[:half], state, advance)
