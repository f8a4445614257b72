"""The page of results: one table a benchmark, with targets and whether they were met."""

import datetime
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from tests.benchmarks.timing import FLOOR, Timing, speedup

PACKAGES = ("pyrodgm", "torch", "pyro-ppl", "zuko", "nflows", "normflows", "FrEIA", "lightning")


@dataclass(frozen=True)
class Target:
    """What a row must reach.

    Attributes:
        limit: Largest median ratio to the floor, if any.
        text: Said beside it, where there is more to reach.
        ahead_of: Rows of the same table that must have a larger ratio.
        least_speedup_over: A row and how many times faster than it this one must be.
        milliseconds: Largest median time, if any.
    """

    limit: float | None = None
    text: str = ""
    ahead_of: tuple[str, ...] = ()
    least_speedup_over: tuple[str, float] | None = None
    milliseconds: float | None = None

    def __str__(self) -> str:
        parts = []
        if self.limit is not None:
            parts.append(f"≤ {self.limit:g}×")
        if self.milliseconds is not None:
            parts.append(f"≤ {self.milliseconds:g} ms")
        if self.least_speedup_over is not None:
            parts.append(f"≥ {self.least_speedup_over[1]:g}× faster than {self.least_speedup_over[0]}")
        return ", ".join(parts + [self.text] * bool(self.text))

    def met(self, timing: Timing, table: Mapping[str, Timing]) -> bool:
        """Compare medians with the target."""
        checks = [timing.ratio < table[name].ratio for name in self.ahead_of]
        if self.limit is not None:
            checks.append(timing.ratio <= self.limit)
        if self.milliseconds is not None:
            checks.append(timing.median <= self.milliseconds)
        if self.least_speedup_over is not None:
            name, factor = self.least_speedup_over
            checks.append(speedup(table[name], timing) >= factor)
        return all(checks)


@dataclass
class Table:
    """One benchmark's rows.

    Attributes:
        title: Heading.
        text: What was run, in a sentence.
        timings: Rows; the first is the floor.
        targets: By row.
        checks: Statements below the table, and whether they hold.
    """

    title: str
    text: str
    timings: list[Timing]
    targets: Mapping[str, Target]
    checks: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def num_targets(self) -> int:
        """Number of things to reach."""
        return len(self.targets) + len(self.checks)

    def misses(self) -> list[str]:
        """Rows that miss their target, and checks that fail."""
        rows = {timing.name: timing for timing in self.timings}
        missed = [name for name, target in self.targets.items() if not target.met(rows[name], rows)]
        return missed + [text for text, holds in self.checks if not holds]

    def markdown(self) -> str:
        """Render."""
        missed = self.misses()
        with_params = any(timing.num_params for timing in self.timings)
        head = ["", *(["parameters"] if with_params else []), "ms", "× floor", "min-max", "target", "met"]
        lines = [f"## {self.title}", "", self.text, "", _row(head), _row(["---"] * len(head))]
        for timing in self.timings:
            target = self.targets.get(timing.name)
            one = timing.name == self.timings[0].name
            spread = "" if one else f"{_short(min(timing.ratios))}-{_short(max(timing.ratios))}"
            name = f"**{timing.name}**" if target else timing.name
            lines.append(
                _row(
                    [
                        name + (f" ({timing.note})" if timing.note else ""),
                        *([f"{timing.num_params:,}" if timing.num_params else ""] if with_params else []),
                        f"{_short(timing.median)}",
                        "1" if one else _short(timing.ratio),
                        spread,
                        str(target) if target else "",
                        ("**no**" if timing.name in missed else "yes") if target else "",
                    ]
                )
            )
        checks = [f"- {text}: {'met' if holds else '**not met**'}" for text, holds in self.checks]
        return "\n".join(lines + [""] * bool(checks) + checks + [""])


def page(tables: Iterable[Table], *, command: str, seed: int, threads: int, clock: str, minutes: float) -> str:
    """Write the whole page.

    Args:
        tables: In the order of printing.
        command: What was called.
        seed: Seed of all draws.
        threads: Threads that torch used.
        clock: Which clock was read.
        minutes: Time that the run took.

    Returns:
        Markdown.
    """
    tables = list(tables)
    missed = [f"{table.title}: {name}" for table in tables for name in table.misses()]
    num_targets = sum(table.num_targets for table in tables)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    head = f"""# Speed

Written by `{command}`; do not edit by hand.

All libraries build the same architecture and take turns in one run (A B C A B C ...), each block of calls paired with
the block of "{FLOOR}" of the same round. "ms" is the median time of one piece of work; "× floor" the median of the
paired ratios, "min-max" their range over the rounds. zuko switches Pyro's argument validation off when it is imported,
so it runs in a process of its own, beside the same floor; all others keep their defaults, validation included.
Ratios carry over to other machines, milliseconds do not.

{num_targets - len(missed)} of {num_targets} targets met{"." if not missed else "; missed: " + "; ".join(missed) + "."}

| | |
| --- | --- |
| processor | {cpu_model()}, {os.cpu_count()} cores, {threads} threads used, {clock} clock |
| Python | {platform.python_version()} on {platform.system()} |
| packages | {", ".join(_versions())} |
| date, seed | {datetime.date.today().isoformat()}, {seed} |
| run | {minutes:.1f} minutes, load average {load:.1f} at the end |
"""
    return head + "\n" + "\n".join(table.markdown() for table in tables)


def cpu_model() -> str:
    """Return the processor's model in the maker's words."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> list[str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {torch.__version__ if name == 'torch' else version(name)}")
        except PackageNotFoundError:
            continue
    return found


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 20 else f"{value:.2f}"
