"""What the tables share: their cells, kept one a line as they come, and what a page says of a run."""

import argparse
import datetime
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyro
import torch

from pyrodgm.train.machine import describe_machine

Cell = tuple[str, int, str]  # set, fold, model
PACKAGES = ("pyrodgm", "torch", "pyro-ppl", "scikit-learn", "numpy")


def read_options(program: str, description: str, sets: Sequence[str], folds: int) -> argparse.Namespace:
    """Parse the arguments that the tables share, and set threads."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    name = program.rpartition(".")[2]
    root = Path(os.environ.get("PYRODGM_DATA", Path(__file__).parents[3] / "shared" / "data"))
    parser.add_argument("--out", type=Path, help="file to write; without it the page is printed")
    parser.add_argument("--cells", type=Path, default=Path("runs") / f"{name}.jsonl", help="results as they come")
    parser.add_argument("--root", type=Path, default=root, help="folder of the data sets")
    parser.add_argument("--only", choices=sets, action="append", help="this set (may be repeated)")
    parser.add_argument("--folds", type=int, default=folds)
    parser.add_argument("--minutes", type=float, default=math.inf, help="no cell is begun later; call again to go on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pyro.enable_validation(False)  # the readers checked the data
    return options


def run(
    cells: Iterable[Cell],
    compute: Callable[[Cell], dict[str, Any]],
    options: argparse.Namespace,
    settings: Callable[[Cell], str],
) -> dict[Cell, dict[str, Any]]:
    """Compute the cells that the file does not have, with this seed and these settings, and return all.

    A time is that of the processor, so that it means the same on a busy machine.
    """
    start, done = time.monotonic(), {}
    found = read(options.cells)
    for cell in cells:
        key = json.dumps([*cell, options.seed, settings(cell)])
        if key not in found:
            if time.monotonic() - start > 60 * options.minutes:
                print(f"out of time before {cell}; call again to go on", file=sys.stderr)
                break
            clock = time.process_time()
            result = compute(cell) | {"seconds": round(time.process_time() - clock, 2)}
            options.cells.parent.mkdir(parents=True, exist_ok=True)
            with options.cells.open("a") as file:
                file.write(json.dumps({"key": key, **result}) + "\n")
            found[key] = result
            print(*cell, json.dumps(result), file=sys.stderr, flush=True)
        done[cell] = found[key]
    return done


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the results of a file by key; a last line that was cut is left out, and so is computed again."""
    found = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[record.pop("key")] = record
    return found


def column(done: dict[Cell, dict[str, Any]], name: str, model: str, value: str = "test") -> list[float]:
    """Return one value of one model on the folds of one set, in the order of folds."""
    return [result[value] for (s, _, m), result in sorted(done.items()) if (s, m) == (name, model)]


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and its standard error."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else math.nan
    return statistics.fmean(values), error


def entry(values: Sequence[float]) -> str:
    """Return "mean ± standard error", or a dash where nothing was computed."""
    return "{:.2f} ± {:.2f}".format(*mean_and_error(values)) if values else "-"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Render as Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def facts(program: str, options: argparse.Namespace, done: dict[Cell, dict[str, Any]]) -> str:
    """Say what was run, on what, when and for how long."""
    machine = describe_machine()
    minutes = sum(result["seconds"] for result in done.values()) / 60
    command = f"python -m {program} --out {options.out}" + "".join(f" --only {name}" for name in options.only or [])
    return table(
        ["", ""],
        [
            ["command", f"`{command} --folds {options.folds} --seed {options.seed}`"],
            ["machine", f"{machine['processor']}, {options.threads} of {os.cpu_count()} cores, no GPU used"],
            ["packages", f"Python {machine['python']}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES)],
            ["date, seed", f"{datetime.date.today().isoformat()}, {options.seed}"],
            ["run", f"{len(done)} cells, {minutes:.1f} minutes of processor time"],
        ],
    )


def write(page: str, out: Path | None) -> None:
    """Write the page, or print it."""
    if out is None:
        print(page)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page)
