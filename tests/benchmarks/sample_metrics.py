"""Metrics of samples on 10,000 rows of 64 features, beside scikit-learn on whole matrices of distances."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pyrodgm import metrics
from tests.benchmarks import timing
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import Timing

GROUPS = (("pyrodgm", "scikit-learn"),)
ROUNDS = 3
NUM_ROWS, DIM, NUM_NEIGHBOURS, NUM_PERMUTATIONS, BANDWIDTH = 10_000, 64, 5, 200, 8.0
WHOLE, OURS = "scikit-learn, whole matrices", {"prdc": "`metrics.prdc`", "mmd": "`metrics.mmd`"}
LIMIT_MS, MAX_MEBIBYTES, MAX_ERROR = 10_000, 256, 1e-4
Numbers = tuple[float, ...]
Work = Callable[[], Numbers]


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time both metrics; before, compare what each way gives, and how much memory it takes."""
    num = NUM_ROWS // 5 if quick else NUM_ROWS
    real, fake = torch.randn(num, DIM), 0.95 * torch.randn(num, DIM)
    works: dict[str, tuple[Work, Work]] = {
        "prdc": (partial(whole_prdc, real, fake), partial(our_prdc, real, fake)),
        "mmd": (partial(whole_mmd, real, fake), partial(our_mmd, real, fake)),
    }
    timings = {key: measure_metric(key, *pair, rounds) for key, pair in works.items()}
    return {f"{key}|{num}": rows for key, rows in timings.items()}


def measure_metric(key: str, whole: Work, ours: Work, rounds: int) -> list[Timing]:
    """Time one metric."""
    (numbers, mebibytes), (our_numbers, our_mebibytes) = with_peak(whole), with_peak(ours)
    error = max(abs(number - other) for number, other in zip(numbers, our_numbers, strict=True))
    rows = [
        Timing(WHOLE, values={"mebibytes": mebibytes}),
        Timing(OURS[key], values={"mebibytes": our_mebibytes, "error": error}),
    ]
    for _ in range(rounds):  # in turns, and no more often than that: a call of the floor takes seconds
        taken = [milliseconds(work) for work in (whole, ours)]
        for row, value in zip(rows, taken, strict=True):
            row.milliseconds.append(value)
            row.ratios.append(value / taken[0])
    return rows


def milliseconds(work: Work) -> float:
    """Return the time of one call."""
    start = timing.clock()
    work()
    return 1e3 * (timing.clock() - start)


def with_peak(work: Work) -> tuple[Numbers, float]:
    """Return what a piece of work gives, and the most memory that it held beyond what was held before, in MiB.

    Linux counts: it forgets the peak so far when told, and says the new one.
    """
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    numbers = work()
    return numbers, status("VmHWM") - before


def status(name: str) -> float:
    """Return a figure of this process in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return float(line.split()[1]) / 1024


def our_prdc(real: torch.Tensor, fake: torch.Tensor) -> Numbers:
    """The four shares."""
    found = metrics.prdc(real, fake, NUM_NEIGHBOURS)
    return found.precision, found.recall, found.density, found.coverage


def our_mmd(real: torch.Tensor, fake: torch.Tensor) -> Numbers:
    """The estimate, with its p-value on the way."""
    return (metrics.mmd(real, fake, bandwidth=BANDWIDTH, num_permutations=NUM_PERMUTATIONS).value,)


def whole_prdc(real: torch.Tensor, fake: torch.Tensor) -> Numbers:
    """As the authors' code: three whole matrices of distances."""
    x, y = real.numpy(), fake.numpy()
    radii_x, radii_y = (reach(distances(rows, rows)) for rows in (x, y))
    between = distances(x, y)
    inside = between <= radii_x[:, None]
    shares = (
        inside.any(0).mean(),
        (between <= radii_y).any(1).mean(),
        inside.sum(0).mean() / NUM_NEIGHBOURS,
        (between.min(1) <= radii_x).mean(),
    )
    return tuple(float(share) for share in shares)


def whole_mmd(real: torch.Tensor, fake: torch.Tensor) -> Numbers:
    """Three whole matrices of the kernel, and no p-value: that takes another pass over them for every permutation."""
    from sklearn.metrics.pairwise import rbf_kernel

    x, y = real.numpy(), fake.numpy()
    gamma, num = 0.5 / BANDWIDTH**2, len(x)
    within = [(rbf_kernel(rows, gamma=gamma).sum(dtype=np.float64) - num) / (num * (num - 1)) for rows in (x, y)]
    return (float(sum(within) - 2 * rbf_kernel(x, y, gamma=gamma).mean(dtype=np.float64)),)


def distances(x: NDArray, y: NDArray) -> NDArray:
    """Return all distances, by scikit-learn."""
    from sklearn.metrics import pairwise_distances

    found: NDArray = pairwise_distances(x, y)
    return found


def reach(own: NDArray) -> NDArray:
    """Return each row's distance to its k-th neighbour; it is its own first."""
    found: NDArray = np.partition(own, NUM_NEIGHBOURS, axis=1)[:, NUM_NEIGHBOURS]
    return found


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table a metric."""
    texts = {
        "prdc": f"Precision, recall, density and coverage with {NUM_NEIGHBOURS} neighbours.",
        "mmd": f"Maximum mean discrepancy under one Gaussian kernel. Ours gives a p-value by {NUM_PERMUTATIONS} "
        "permutations too; the floor gives none.",
    }
    found = []
    for name, (floor, ours) in timings.items():
        key, num = name.split("|")
        text = (
            f"{texts[key]} Two sets of {int(num):,} rows of {DIM} features in single precision. The floor is "
            f"scikit-learn on whole matrices, which took {floor.values['mebibytes']:,.0f} MiB at the peak."
        )
        mebibytes, error = ours.values["mebibytes"], ours.values["error"]
        checks = [
            (f"peak memory: {mebibytes:,.0f} MiB (target ≤ {MAX_MEBIBYTES})", mebibytes <= MAX_MEBIBYTES),
            (f"largest difference of the results: {error:.1e} (target ≤ {MAX_ERROR:g})", error <= MAX_ERROR),
        ]
        target = {OURS[key]: Target(milliseconds=LIMIT_MS)}
        found.append(Table(f"Metrics of samples: {key}", text, [floor, ours], target, checks))
    return found
