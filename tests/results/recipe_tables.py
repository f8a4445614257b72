"""What the pages of recipes share: rows of runs that ``make results`` has left, in tables."""

import argparse
import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pyrodgm import cli


class Row(NamedTuple):
    """A recipe and what it is compared with.

    Args:
        recipe: Name of the recipe and of the run's folder.
        model: How the page calls it.
        goal: Largest figure that meets the goal on two cores, in the section's unit, or None.
        published: Figures of papers, in the section's unit.
        note: Added to the figure: how it came about, where not as the others.
    """

    recipe: str
    model: str
    goal: float | None = None
    published: str = ""
    note: str = ""


class Section(NamedTuple):
    """A table of one data set.

    Args:
        title: Heading.
        unit: Name of the figures, as a column's head.
        key: Their key in ``evaluation.json``.
        rows: Its recipes.
        text: What has to be known about the data and the published figures.
        after: What is to be seen of it: draws, and what was tried.
        second: Stem of a second evaluation's file; its figures get a column of their own.
        second_unit: The head of that column.
        besides: Runs of other pages on the same data, for :func:`compared`.
    """

    title: str
    unit: str
    key: str
    rows: tuple[Row, ...]
    text: str
    after: str = ""
    second: str = ""
    second_unit: str = ""
    besides: tuple[str, ...] = ()


def read(folder: Path) -> dict[str, Any] | None:
    """Return how a run ended, and under ``evaluation`` its evaluation, or None where one of them is missing."""
    names = ("fit.json", "evaluation.json")
    if not all((folder / name).is_file() for name in names):
        return None
    fitted, evaluation = (json.loads((folder / name).read_text()) for name in names)
    return {**fitted, "evaluation": evaluation}


def line(row: Row, section: Section, runs: Path) -> list[str]:
    """Return the cells of one row of a table."""
    run = read(runs / row.recipe)
    goal = "" if row.goal is None else f"{row.goal:g}"
    if run is None:
        seconds = [""] if section.second else []
        return [row.model, f"`{row.recipe}`", "not run", goal, "", *seconds, row.published, "", ""]
    value = run["evaluation"][section.key]
    met = "" if row.goal is None else "met" if value <= row.goal else f"missed by {value - row.goal:.2f}"
    return [
        row.model,
        f"`{row.recipe}`",
        figure(run["evaluation"], section.key) + row.note,
        goal,
        met,
        *second_figures(section, runs / row.recipe),
        row.published,
        f"{run['num_parameters']:,}",
        f"{run['minutes']:.1f} min, {run['epochs']} epochs, {run['stopped_by']}",
    ]


def figure(evaluation: dict[str, Any], key: str) -> str:
    """Return a figure and its standard error."""
    digits = 2 if key == "nll_nats" else 3
    return f"{evaluation[key]:.{digits}f} ± {evaluation[f'{key}_standard_error']:.{digits}f}"


def second_figures(section: Section, folder: Path) -> list[str]:
    """Return the cell of the second evaluation, if the section has one."""
    if not section.second:
        return []
    path = folder / f"{section.second}.json"
    return [figure(json.loads(path.read_text()), section.key) if path.is_file() else ""]


def table(section: Section, runs: Path) -> str:
    """Return one section of the page."""
    seconds = [section.second_unit] if section.second else []
    head = ["model", "recipe", section.unit, "goal", "", *seconds, "published", "parameters", "training"]
    rows = [head, ["---"] * len(head), *(line(row, section, runs) for row in section.rows)]
    lines = [f"## {section.title}", "", section.text, "", *(f"| {' | '.join(cells)} |" for cells in rows), ""]
    return "\n".join([*lines, section.after, ""] if section.after else lines)


def measured_on(sections: Sequence[Section], runs: Path) -> str:
    """Return the seeds, the machines and the threads of the runs that are finished."""
    done = [run for section in sections for row in section.rows if (run := read(runs / row.recipe))]
    machines = sorted({json.dumps(run["machine"], sort_keys=True) for run in done})
    machine = "; ".join(", ".join(f"{k} {v}" for k, v in json.loads(text).items()) for text in machines)
    seeds = sorted({run["seed"] for run in done})
    threads = sorted({run["machine"]["threads"] for run in done})
    cpu_only = all(run["machine"]["accelerator"] == "none" for run in done)
    budgets = " No GPU was at hand, so that there are no rows\nwith the papers' own budgets." if cpu_only else ""
    return f"""Seed {", ".join(map(str, seeds))}. Machine: {machine}.
Threads of a row: {", ".join(map(str, threads))}; other rows ran beside it. A run that is cut by time is not repeatable
to the bit.{budgets} "Recalled" figures were not read again."""


def compared(section: Section, runs: Path) -> str:
    """Return what ``pyrodgm compare`` prints of a section's finished runs, as a block of text."""
    names = (*(row.recipe for row in section.rows), *section.besides)
    folders = [runs / name for name in names if read(runs / name)]
    if not folders:
        return ""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        cli.main(["compare", *map(str, folders)])
    arguments = " ".join(f"runs/results/{folder.name}" for folder in folders)
    return f"```text\n$ pyrodgm compare {arguments}\n{said.getvalue().rstrip()}\n```\n"


def write_page(description: str, text: str, sections: Sequence[Section], argv: list[str] | None) -> None:
    """Write a page: in its text ``{measured_on}``, ``{tables}`` and ``{compared}`` stand for what the runs say.

    The last is what ``pyrodgm compare`` prints of the first section.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--runs", type=Path, default=Path("runs/results"), help="where the runs lie")
    parser.add_argument("--out", type=Path, required=True, help="the page")
    options = parser.parse_args(argv)
    tables = "\n".join(table(section, options.runs) for section in sections)
    parts = {"measured_on": measured_on(sections, options.runs), "compared": compared(sections[0], options.runs)}
    options.out.write_text(text.format(tables=tables, **parts))
