"""What the longer examples print and draw: ``python -m tests.results.latent_examples --out PAGE``."""

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
NAMES = ("70_priors", "72_missing_pixels", "74_pixel_vae", "75_estimators", "80_vq_vae", "85_small_dall_e")
ON_MNIST = {"80_vq_vae", "85_small_dall_e"}


def section(name: str, draws: Path, root: Path | None, seed: int) -> str:
    """Run an example, and return what it printed, its pictures and the time that it took."""
    arguments = [f"examples/{name}.py", "--seed", str(seed)]
    if name in ON_MNIST and root is not None:
        arguments += ["--root", str(root)]
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        command = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments[1:], "--out", folder]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        minutes = (time.monotonic() - start) / 60
        pictures = []
        for picture in sorted(Path(folder).glob("*.png")):
            target = draws / f"{name}_{picture.name}"
            shutil.copyfile(picture, target)
            pictures.append(f"![{name}]({draws.name}/{target.name})")
    lines = [line.rstrip() for line in printed.replace(folder, "FOLDER").splitlines()]
    shown = " ".join(["python", *("DATA" if argument == str(root) else argument for argument in arguments)])
    text = "\n".join(["```text", f"$ {shown}", *lines, "```"])
    return f"## {name}\n\n{minutes:.1f} minutes.\n\n{text}\n\n" + "\n\n".join(pictures) + "\n"


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
    sections = [section(name, draws, root, options.seed) for name in options.only or NAMES]
    machine = ", ".join(f"{key} {value}" for key, value in describe_machine().items())
    options.out.write_text(TEXT.format(machine=machine, sections="\n".join(sections)))


TEXT = """# Examples of latent-variable models

Written by `python -m tests.results.latent_examples`, which runs these examples with their own settings; do not edit by
hand. Machine: {machine}.

{sections}"""

if __name__ == "__main__":
    main()
