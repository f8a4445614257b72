"""One group of one benchmark in a fresh process: libraries that change global state do not meet the others."""

import argparse
import dataclasses
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from tests.benchmarks.timing import CLOCKS, Timing, use_clock


def run_group(
    benchmark: str, group: int, *, rounds: int, quick: bool, seed: int, threads: int, clock: str
) -> dict[str, list[Timing]]:
    """Measure in a child process and return what it measured.

    Raises:
        RuntimeError: If the child failed; its output has been printed by then.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "timings.json"
        arguments = [benchmark, str(group), str(out), f"--rounds={rounds}", f"--seed={seed}", f"--threads={threads}"]
        arguments += [f"--clock={clock}", *(["--quick"] if quick else [])]
        command = [sys.executable, "-m", "tests.benchmarks.worker", *arguments]
        if subprocess.run(command).returncode != 0:
            raise RuntimeError(f"Expected group {group} of {benchmark} to run; it failed. Its message is above.")
        return {key: [Timing(**row) for row in rows] for key, rows in json.loads(out.read_text()).items()}


def main() -> None:
    """Run in the child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmark")
    parser.add_argument("group", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--clock", choices=CLOCKS, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    use_clock(options.clock)
    module = importlib.import_module(f"tests.benchmarks.{options.benchmark}")
    timings = module.measure(module.GROUPS[options.group], rounds=options.rounds, quick=options.quick)
    options.out.write_text(
        json.dumps({key: [dataclasses.asdict(timing) for timing in rows] for key, rows in timings.items()})
    )


if __name__ == "__main__":
    main()
