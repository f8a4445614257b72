"""What the longer examples print and draw: ``python -m tests.results.long_examples --out PAGE``."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyrodgm.train.machine import describe_machine

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("[7-9][0-9]_*.py"))  # those that take minutes


def section(name: str, draws: Path, root: Path | None, seed: int) -> str:
    """Run an example, and return what it printed, its pictures and the time that it took."""
    arguments = [f"examples/{name}.py", "--seed", str(seed)]
    if root is not None and '"--root"' in (EXAMPLES / f"{name}.py").read_text():
        arguments += ["--root", str(root)]
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        line = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments[1:], "--out", folder]
        printed = subprocess.run(line, check=True, capture_output=True, text=True).stdout
        minutes = (time.monotonic() - start) / 60
        shown = []
        for made in sorted([*Path(folder).glob("*.png"), *Path(folder).glob("*.wav")]):
            target = draws / f"{name}_{made.name}"
            shutil.copyfile(made, target)
            shown.append(f"{'!' if made.suffix == '.png' else ''}[{made.stem}]({draws.name}/{target.name})")
    lines = [line.rstrip() for line in printed.replace(folder, "FOLDER").splitlines()]
    command = ["python", *("DATA" if argument == str(root) else argument for argument in arguments)]
    text = "\n".join(["```text", "$ " + " ".join(command), *lines, "```"])
    return "\n\n".join([f"## {name}", f"{minutes:.1f} minutes on {machine()}.", text, *shown]) + "\n"


def machine() -> str:
    """Return the machine in words."""
    return ", ".join(f"{key} {value}" for key, value in describe_machine().items())


def read_sections(page: Path) -> dict[str, str]:
    """Return the sections of a page that is there, by name."""
    parts = page.read_text().split("\n## ")[1:] if page.exists() else []
    return {part.split("\n", 1)[0]: f"## {part.rstrip()}\n" for part in parts}


def main(argv: list[str] | None = None) -> None:
    """Run the examples one after the other, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the page")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=NAMES, action="append", help="this one (may be repeated)")
    root = Path(os.environ.get("PYRODGM_DATA", Path(__file__).parents[3] / "shared" / "data"))
    parser.add_argument("--root", type=Path, default=root, help="folder of the data sets")
    options = parser.parse_args(argv)
    draws = options.out.parent / "draws"
    draws.mkdir(parents=True, exist_ok=True)
    root = options.root if options.root.is_dir() else None
    sections = read_sections(options.out)
    for name in options.only or NAMES:
        sections[name] = section(name, draws, root, options.seed)
        options.out.write_text(TEXT + "\n".join(sections[known] for known in NAMES if known in sections))


TEXT = """# The longer examples

Written by `python -m tests.results.long_examples`, which runs these examples with their own settings; do not edit by
hand.

"""

if __name__ == "__main__":
    main()
