"""Paired timing: all contenders take turns, so that a slow moment of the machine hits each of them alike."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

FLOOR = "hand-written torch"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
SLOW_SECONDS = 20.0
clock = CLOCKS["wall"]  # what all timings read


def use_clock(name: str) -> None:
    """Choose the clock; "cpu" counts the process's own seconds, of use with one thread on a busy machine."""
    global clock
    clock = CLOCKS[name]


@dataclass
class Contender:
    """One way to do a piece of work.

    Attributes:
        name: Row label; :data:`FLOOR` is the one that the others are divided by.
        run: Does the work once.
        num_params: Number of trained parameters, printed so that readers see equal architectures; None to leave out.
        note: A remark for the table.
        every: Take part in every n-th round only: for contenders that need seconds.
    """

    name: str
    run: Callable[[], object]
    num_params: int | None = None
    note: str = ""
    every: int = 1


@dataclass
class Timing:
    """What was measured for one contender.

    Attributes:
        milliseconds: Time of one piece of work, a value a round.
        ratios: That time over the floor's in the same round.
        values: Other figures of this contender, by what they are.
    """

    name: str
    milliseconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    num_params: int | None = None
    note: str = ""
    values: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Median of the paired ratios."""
        return statistics.median(self.ratios)

    @property
    def median(self) -> float:
        """Median time in milliseconds."""
        return statistics.median(self.milliseconds)


def speedup(slow: Timing, fast: Timing) -> float:
    """Return how many times faster one contender is than another, by the paired ratios.

    One that was timed once, because it takes seconds, has no pair: the floor's block of its round is a moment beside
    it. Then median times are compared.
    """
    if len(slow.ratios) > 1:
        return slow.ratio / fast.ratio
    return slow.median / fast.median


def interleave(
    contenders: Sequence[Contender], *, rounds: int, block_seconds: float = 0.05, warmups: int = 2
) -> list[Timing]:
    """Time contenders in turns, A B C A B C ..., and pair each block with the floor's block of the same round.

    Every round starts with another contender, so that none always follows the same neighbour. A block repeats the
    work often enough to last ``block_seconds`` on the floor's count; the garbage collector runs between blocks only.

    Args:
        contenders: The first is the floor.
        rounds: Number of rounds.
        block_seconds: Least duration of the floor's block.
        warmups: Calls of each contender before anything is timed. Those with ``every > 1`` get one; where that takes
            more than ``SLOW_SECONDS`` it is timed, and stands as their only round.

    Returns:
        One timing a contender, in the same order.
    """
    slow: dict[int, float] = {}
    for index, contender in enumerate(contenders):
        for _ in range(warmups if contender.every == 1 else 0):
            contender.run()
        if contender.every > 1 and (seconds_once := _seconds(contender.run, 1)) > SLOW_SECONDS:
            slow[index] = seconds_once
    floor_seconds = min(_seconds(contenders[0].run, 1) for _ in range(5))
    repeats = max(1, round(block_seconds / floor_seconds))
    timings = [Timing(c.name, num_params=c.num_params, note=c.note) for c in contenders]
    gc.collect()
    gc.freeze()  # what the libraries brought with them is not searched again after every block
    gc.disable()
    try:
        for turn in range(rounds):
            order = [(turn + i) % len(contenders) for i in range(len(contenders))]
            seconds: dict[int, float] = {}
            for index in order:
                contender = contenders[index]
                if index in slow and turn == 0:
                    seconds[index] = slow[index]
                elif index not in slow and turn % contender.every == 0:
                    seconds[index] = _seconds(contender.run, repeats if contender.every == 1 else 1)
                    gc.collect()
            for index, value in seconds.items():
                timings[index].milliseconds.append(1e3 * value)
                timings[index].ratios.append(value / seconds[0])
    finally:
        gc.enable()
        gc.unfreeze()
    return timings


def _seconds(run: Callable[[], object], repeats: int) -> float:
    start = clock()
    for _ in range(repeats):
        run()
    return (clock() - start) / repeats
