"""A table of many cells: a row a piece of work, a column a library, ratios to the row's floor, and a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.benchmarks.report import Table
from tests.benchmarks.timing import Timing

NEAR_FLOOR = 1.05  # closer than this to hand-written code, the arithmetic decides


@dataclass(frozen=True)
class Row:
    """One piece of work.

    Attributes:
        head: What tells it from other rows, a string a leading column.
        floor: The hand-written code's.
        timings: The others', by column.
        remark: Said behind the verdict.
    """

    head: tuple[str, ...]
    floor: Timing
    timings: dict[str, Timing]
    remark: str = ""

    def best(self, rivals: Sequence[str]) -> Timing | None:
        """Return the fastest rival that takes part."""
        present = [self.timings[name] for name in rivals if name in self.timings]
        return min(present, key=lambda timing: timing.ratio) if present else None


@dataclass
class Grid(Table):
    """Rows of ratios; with rivals, every row is a target: to be ahead of them all.

    Attributes:
        heads: Names of the leading columns.
        columns: Names of the others.
        ours: The column that has to be ahead.
        rivals: Of these.
        rows: The rows.
        limit: Largest ratio of ours to the best rival's that counts as ahead: 1, or less where a margin is asked for.
        unit: Of the floor's figures.
    """

    heads: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    ours: str = "pyrodgm"
    rivals: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)
    limit: float = 1.0
    unit: str = "ms"

    @property
    def num_targets(self) -> int:
        """Rows with a rival, and checks."""
        return sum(row.best(self.rivals) is not None for row in self.rows) + len(self.checks)

    def misses(self) -> list[str]:
        """Rows that are not ahead, and checks that fail."""
        behind = [", ".join(row.head) for row in self.rows if not self._is_ahead(row)]
        return behind + [text for text, holds in self.checks if not holds]

    def markdown(self) -> str:
        """Render."""
        columns = [name for name in self.columns if any(name in row.timings for row in self.rows)]
        with_params = any(row.floor.num_params for row in self.rows)
        parameters, verdict = ["parameters"] * with_params, ["verdict"] * bool(self.rivals)
        head = [*self.heads, *parameters, f"floor, {self.unit}", *columns, *verdict]
        lines = [f"## {self.title}", "", self.text, "", _line(head), _line(["---"] * len(head))]
        notes = []
        for row in self.rows:
            ahead = self._is_ahead(row)
            cells = [self._cell(row, name, ahead=ahead) for name in columns]
            floor = row.floor
            count = [f"{floor.num_params:,}" if floor.num_params else ""] * with_params
            verdict = [self._verdict(row, ahead=ahead)] * bool(self.rivals)
            lines.append(_line([*row.head, *count, _short(floor.median), *cells, *verdict]))
            if not ahead:
                notes.append(f"- {', '.join(row.head)}: {self._reason(row)}")
        checks = [f"- {text}: {'met' if holds else '**not met**'}" for text, holds in self.checks]
        return "\n".join([*lines, "", *notes, *checks, ""])

    def _is_ahead(self, row: Row) -> bool:
        best = row.best(self.rivals)
        return best is None or row.timings[self.ours].ratio <= self.limit * best.ratio

    def _cell(self, row: Row, name: str, *, ahead: bool) -> str:
        if name not in row.timings:
            return ""
        text = _short(row.timings[name].ratio)
        return f"**{text}**" if name == self.ours and not ahead else text

    def _verdict(self, row: Row, *, ahead: bool) -> str:
        best = row.best(self.rivals)
        if best is None:
            return "no rival"
        ours = row.timings[self.ours].ratio
        lead = ours / best.ratio
        word = f"{1 / lead:,.0f}× ahead" if lead < 0.1 else f"{lead:.2f} of {best.name}'s"
        return f"ahead, {word}" if ahead else f"**not ahead**, {word}"

    def _reason(self, row: Row) -> str:
        ours, best = row.timings[self.ours], row.best(self.rivals)
        parts = [f"{self.ours} {ours.ratio:.2f}× the floor of {_short(row.floor.median)} {self.unit}"]
        if best is not None:
            parts.append(f"{best.name} {best.ratio:.2f}× (rounds {min(best.ratios):.2f}-{max(best.ratios):.2f})")
        parts.append(f"ours over the rounds {min(ours.ratios):.2f}-{max(ours.ratios):.2f}")
        if ours.ratio <= NEAR_FLOOR:
            parts.append("the products of matrices, the same for all, take the rest")
        return "; ".join(parts) + (f". {row.remark}" if row.remark else ".")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 20 else f"{value:.2f}"
