"""Run a family of benchmarks and write its page: ``python -m tests.benchmarks flows --out docs/results/speed.md``."""

import argparse
import importlib
import os
import sys
import time
from pathlib import Path

from tests.benchmarks.report import Table, page
from tests.benchmarks.timing import CLOCKS, Timing
from tests.benchmarks.worker import run_group

FAMILIES: dict[str, tuple[str, ...]] = {
    "flows": ("vector_flows", "autoregressive_inverse", "spline", "flow_memory", "vae_step", "import_time"),
    "autoregressive": (
        "mixture_likelihood",
        "autoregressive_vectors",
        "transformer",
        "wavenet",
        "pixel_rnn",
        "pixelcnn",
        "pixelcnn_pp",
    ),
    "latent": ("latent_steps", "latent_judges", "vector_quantizer"),
    "image_and_continuous_flows": ("image_flows", "continuous", "parallel_wavenet"),
    "likelihood_free": ("gan_step", "unrolling", "sample_metrics"),
    "foundations": ("gaussian_mixture", "bayes_net", "mean_field"),
}


def run(benchmark: str, *, quick: bool, seed: int, threads: int, clock: str) -> list[Table]:
    """Run every group of one benchmark; the floor's row comes from the first."""
    module = importlib.import_module(f"tests.benchmarks.{benchmark}")
    merged: dict[str, list[Timing]] = {}
    for group, names in enumerate(module.GROUPS):
        print(f"{benchmark}: {', '.join(names)} ...", file=sys.stderr, flush=True)
        rounds = module.ROUNDS // 5 or 1 if quick else module.ROUNDS
        measured = run_group(benchmark, group, rounds=rounds, quick=quick, seed=seed, threads=threads, clock=clock)
        for key, timings in measured.items():
            merged.setdefault(key, []).extend(timings if group == 0 else timings[1:])
    return module.tables(merged)  # type: ignore[no-any-return]


def main(argv: list[str] | None = None) -> None:
    """Parse arguments, run, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--out", type=Path, help="file to write; without it the page is printed")
    known = [name for family in FAMILIES.values() for name in family]
    parser.add_argument("--only", choices=known, action="append", help="run this one (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="a fifth of the rounds: figures that only show the order")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu with --threads 1 on a busy machine")
    options = parser.parse_args(argv)
    start = time.perf_counter()
    tables = []
    for benchmark in options.only or FAMILIES[options.family]:
        new = run(benchmark, quick=options.quick, seed=options.seed, threads=options.threads, clock=options.clock)
        print("\n".join(table.markdown() for table in new), file=sys.stderr, flush=True)
        tables += new
    command = " ".join(["python -m tests.benchmarks", *(sys.argv[1:] if argv is None else argv)])
    minutes = (time.perf_counter() - start) / 60
    text = page(
        tables, command=command, seed=options.seed, threads=options.threads, clock=options.clock, minutes=minutes
    )
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
