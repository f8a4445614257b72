"""Spoken digits drawn from a run of the recipe fsdd_wavenet: ``python -m tests.results.fsdd_samples RUN``.

Writes ``digit_0.wav`` and so on into the folder ``samples`` of the run, and ``digits.png`` with the spectrograms of
test clips above those of the drawn ones.
"""

import argparse
import time
from pathlib import Path
from typing import cast

import torch

from pyrodgm import autoregressive as ar
from pyrodgm import data, models, plots
from pyrodgm.data.fsdd import RATE
from pyrodgm.train import load
from pyrodgm.train.config import read_config
from pyrodgm.train.evaluate import load_data


def main(argv: list[str] | None = None) -> None:
    """Parse arguments, draw one clip of each digit, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.results.fsdd_samples", description=__doc__)
    parser.add_argument("run", type=Path, help="run folder of the recipe")
    parser.add_argument("--root", help="folder of the data sets, for the test clips; as in `pyrodgm evaluate`")
    parser.add_argument("--out", type=Path, help="folder to write to; the run's `samples` by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    test = load_data(read_config(options.run / "config.yaml"), root=options.root).test
    model = cast(ar.Autoregressive, cast(models.Density, load(options.run)).conditional)
    start = time.perf_counter()
    drawn = model.sample((), torch.eye(10))
    seconds = time.perf_counter() - start
    print(f"drew {drawn.numel():,} samples in {seconds:.1f} s: {drawn.numel() / seconds:,.0f} samples a second")

    first = [int((test.labels == digit).nonzero()[0]) for digit in range(10)]
    out = options.out or options.run / "samples"
    sounds = {}
    for name, levels in (("real", test.x[first]), ("drawn", drawn)):
        for digit, sound in enumerate(data.inverse_mu_law(levels)):
            sounds[f"{name} {digit}"] = sound
            if name == "drawn":
                data.write_wav(out / f"digit_{digit}.wav", sound, RATE)
    plots.spectrograms(sounds, RATE, out / "digits.png", num_columns=10)


if __name__ == "__main__":
    main()
