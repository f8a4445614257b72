"""Page of the autoregressive recipes: ``python -m tests.results.autoregressive --out docs/results/autoregressive.md``.

It reads the runs that ``make results`` has left, and writes a row for each that is finished.
"""

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

PROGRAM = "tests.results.autoregressive"


class Row(NamedTuple):
    """A recipe and what it is compared with.

    Args:
        recipe: Name of the recipe and of the run's folder.
        model: How the page calls it.
        goal: Largest figure that meets the goal on two cores, in the section's unit, or None.
        published: Figures of papers, in the section's unit.
    """

    recipe: str
    model: str
    goal: float | None = None
    published: str = ""


class Section(NamedTuple):
    """A table of one data set.

    Args:
        title: Heading.
        unit: Name of the figures, as a column's head.
        key: Their key in ``evaluation.json``.
        rows: Its recipes.
        text: What has to be known about the data and the published figures.
        after: What is to be seen of it: draws, and what was tried.
    """

    title: str
    unit: str
    key: str
    rows: tuple[Row, ...]
    text: str
    after: str = ""


SECTIONS = (
    Section(
        "Static binarized MNIST",
        "test NLL, nats",
        "nll_nats",
        (
            Row("mnist_fvsbn", "FVSBN", 98.0, "97.45 (recalled)"),
            Row("mnist_nade", "NADE", 91.0, "88.33, 500 units (recalled)"),
            Row("mnist_made_1", "MADE, 1 hidden layer, 1 mask", 90.0, "88.40 (recalled)"),
            Row("mnist_made_1_32", "MADE, 1 hidden layer, 32 masks", 90.0, "88.04 (recalled)"),
            Row("mnist_made_2", "MADE, 2 hidden layers, 1 mask", 90.0, ""),
            Row("mnist_made_2_32", "MADE, 2 hidden layers, 32 masks", 90.0, "86.64, 2 x 8000 (recalled)"),
            Row("mnist_pixelcnn", "PixelCNN", 87.0, "81.30"),
            Row("mnist_gated_pixelcnn", "Gated PixelCNN", 87.0, ""),
            Row("mnist_row_lstm", "Row LSTM", 87.0, "80.54 (recalled)"),
            Row("mnist_diagonal_bilstm", "Diagonal BiLSTM", 87.0, "80.75, 1 layer; 79.20, 7 layers (recalled)"),
        ),
        "Larochelle's fixed binarization, 50,000 / 10,000 / 10,000 pictures of 784 pixels. Published figures come from "
        "far longer trainings on GPUs. The goal of 87 nats is for the best image model.",
        "![16 draws of each model, in the order of the table](draws/mnist.png)\n\n"
        "MADE has sigmoid units, direct connections and weight decay. With ReLU units and none of the rest it stood at "
        "100.3 nats with one hidden layer, at 104.9 with two, and at 129.1 with two and 32 masks (validation). Half of "
        "the weight decay gave 90.46 with one layer and one mask, FVSBN without any 98.48 (test).",
    ),
    Section(
        "CIFAR, the first 4,000 pictures",
        "test bits per dimension",
        "bits_per_dim",
        (
            Row("cifar_pixelcnn", "PixelCNN"),
            Row("cifar_gated_pixelcnn", "Gated PixelCNN"),
            Row("cifar_pixelcnn_pp", "PixelCNN++"),
        ),
        "3,200 / 400 / 400 of the first 4,000 training pictures of CIFAR-10: not the benchmark, and no figure here can "
        "be compared with the published 3.14 (PixelCNN), 3.03 (Gated PixelCNN) or 2.92 (PixelCNN++). One budget for "
        "the three, to compare them side by side.",
        "![16 draws of each model, in the order of the table](draws/cifar.png)\n\n"
        "Eight minutes on 3,200 pictures are not enough for objects. Where a draw of PixelCNN++ has left what pictures "
        "look like, it does not come back: saturated pixels follow saturated pixels.",
    ),
    Section(
        "tinyshakespeare",
        "test bits per character",
        "bits_per_dim",
        (Row("shakespeare_char_rnn", "char-RNN", 2.2), Row("shakespeare_transformer", "transformer", 2.2)),
        "The last 10 % of the text in consecutive windows; each window starts without what came before it, so that "
        "its first characters cost more than they would in the running text.",
        "[One draw of each](draws/shakespeare.txt). Tried before: a transformer of 3 layers in windows of 128 "
        "characters, without dropout, 15 minutes: 2.608 bits, with 1.86 on the text that it was trained on.",
    ),
    Section(
        "Spoken digits (FSDD)",
        "test bits per sample",
        "bits_per_dim",
        (Row("fsdd_wavenet", "WaveNet"),),
        "8 kHz, 256 mu-law levels, the digit as the context; takes 0-4 of each speaker and digit are the test set.",
        "![Spectrograms of test clips, and below them of draws](draws/fsdd.png)\n\nOne draw of each digit: "
        + ", ".join(f"[{digit}](draws/fsdd_{digit}.wav)" for digit in range(10))
        + ". A tenth of a second is what the network sees of the past: draws sound like a voice, not like words.",
    ),
)


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
        return [row.model, f"`{row.recipe}`", "not run", goal, "", row.published, "", ""]
    value, error = (run["evaluation"][key] for key in (section.key, f"{section.key}_standard_error"))
    met = "" if row.goal is None else "met" if value <= row.goal else f"missed by {value - row.goal:.2f}"
    digits = 2 if section.key == "nll_nats" else 3
    return [
        row.model,
        f"`{row.recipe}`",
        f"{value:.{digits}f} ± {error:.{digits}f}",
        goal,
        met,
        row.published,
        f"{run['num_parameters']:,}",
        f"{run['minutes']:.1f} min, {run['epochs']} epochs, {run['stopped_by']}",
    ]


def table(section: Section, runs: Path) -> str:
    """Return one section of the page."""
    head = ["model", "recipe", section.unit, "goal", "", "published", "parameters", "training"]
    rows = [head, ["---"] * len(head), *(line(row, section, runs) for row in section.rows)]
    lines = [f"## {section.title}", "", section.text, "", *(f"| {' | '.join(cells)} |" for cells in rows), ""]
    return "\n".join([*lines, section.after, ""] if section.after else lines)


def page(runs: Path) -> str:
    """Return the whole page."""
    done = [run for section in SECTIONS for row in section.rows if (run := read(runs / row.recipe))]
    machines = sorted({json.dumps(run["machine"], sort_keys=True) for run in done})
    machine = "; ".join(", ".join(f"{k} {v}" for k, v in json.loads(text).items()) for text in machines)
    seeds = sorted({run["seed"] for run in done})
    threads = sorted({run["machine"]["threads"] for run in done})
    cpu_only = all(run["machine"]["accelerator"] == "none" for run in done)
    budgets = " No GPU was at hand, so that there are no rows\nwith the papers' own budgets." if cpu_only else ""
    return f"""# Autoregressive models

Written by `python -m {PROGRAM}` from the runs of `make results`; do not edit by hand.

Every row is one training of its recipe within the minutes that the recipe gives it, and the exact likelihood of the
whole test set; ± is one standard error over test data. Seed {", ".join(map(str, seeds))}. Machine: {machine}.
Threads of a row: {", ".join(map(str, threads))}; other rows ran beside it. A run that is cut by time is not repeatable
to the bit.{budgets} "Recalled" figures were not read again.

```text
make results RECIPES="mnist_fvsbn mnist_nade"
python -m tests.results.autoregressive_draws --out docs/results/draws
```

{chr(10).join(table(section, runs) for section in SECTIONS)}"""


def main(argv: list[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/results"), help="where the runs lie")
    parser.add_argument("--out", type=Path, required=True, help="the page")
    options = parser.parse_args(argv)
    options.out.write_text(page(options.runs))


if __name__ == "__main__":
    main()
