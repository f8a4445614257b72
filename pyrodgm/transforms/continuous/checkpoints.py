"""The accepted steps of a solve, and enough of their states to walk back through all of them."""

from collections.abc import Callable, Iterator

from torch import Tensor

MAX_STATES = 16  # kept at once; of longer solves every second, fourth, ... is kept, and the others come again

Advance = Callable[[float, float, Tensor], Tensor]


class Checkpoints:
    """Times and lengths of all steps, and the states at the start of every ``stride``-th one.

    Memory grows with the number of states that are kept and with the stride, not with the number of steps: of 33 steps,
    9 states are kept, and 3 more exist at a time on the way back.
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
            steps = self.steps[first : first + self.stride]
            states = [self.states[first]]
            for t, h in steps[:-1]:
                states.append(advance(t, h, states[-1]))
            while steps:
                yield *steps.pop(), states.pop()
