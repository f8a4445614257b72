"""Test likelihoods of a run, and their comparison on the same data."""

import hashlib
import io
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import torch
from torch import Tensor

from pyrodgm import infer, models
from pyrodgm.likelihood_free import GAN
from pyrodgm.train.batches import rows_of
from pyrodgm.train.build import build
from pyrodgm.train.config import read_config, with_data_root
from pyrodgm.train.evaluate_gan import SAMPLES, evaluate_gan
from pyrodgm.train.export import load
from pyrodgm.train.files import read_json, write_json, write_whole
from pyrodgm.train.machine import check_device, describe_machine

ROWS = 100  # rows between two calls of `progress`


def load_data(config: dict[str, Any], *, root: str | None = None) -> Any:
    """Build the data section of a configuration.

    Args:
        config: A recipe or the `config.yaml` of a run.
        root: Folder of the data; else the environment variable PYRODGM_DATA, else the configuration's.

    Raises:
        ValueError: If the section is no reader of `pyrodgm.data`, or the data are missing.
    """
    return build_data(with_data_root(config, root)["data"])


def build_data(section: Any) -> Any:
    """Build a data section as it stands.

    Raises:
        ValueError: If the section is no reader of `pyrodgm.data`, or the data are missing.
    """
    try:
        return build(section, prefixes=("pyrodgm.data.",), where="data")
    except FileNotFoundError as error:
        raise ValueError(str(error)) from error


def evaluate(
    folder: str | Path,
    *,
    num_particles: int = 1000,
    chunk_size: int = 50,
    features: str | Path | None = None,
    num_samples: int = 10_000,
    limit: int | None = None,
    root: str | None = None,
    seed: int = 0,
    name: str = "evaluation",
    device: str = "cpu",
    allow: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Estimate the test negative log-likelihood of a run; writes `NAME.json`, and `NAME.npy` with one figure per datum.

    The run of a GAN, which has no likelihood, is judged by its samples instead: see :func:`evaluate_gan`.

    Args:
        folder: The run folder.
        num_particles: Importance samples per datum; a density's likelihood is exact and ignores it.
        chunk_size: Particles at a time, which bounds the memory.
        features: For a GAN: the run of a classifier, whose features its samples are compared by; else the data.
        num_samples: For a GAN: how many are drawn.
        limit: Evaluate only the first so many test data.
        root: Folder of the data, see `load_data`.
        seed: Seed of the particles.
        name: Stem of the two files.
        device: Where the model runs, such as `cuda`.
        allow: Import-path prefixes trusted besides ours, see `load`.
        progress: Called with the rows done and their number.

    Returns:
        What the JSON holds: `nll_nats` (nats per datum), `bits_per_dim`, their standard errors, and their origin.

    Raises:
        ValueError: If the folder holds no finished run, or the data are missing or unsuitable.
    """
    folder = Path(folder)
    config = read_config(folder / "config.yaml")
    model = load(folder, allow=allow)
    splits = load_data(config, root=root)
    if isinstance(model, GAN):
        settings: dict[str, Any] = {"limit": limit, "seed": seed, "name": name, "device": device, "progress": progress}
        return evaluate_gan(model, splits, folder, features=features, num_samples=num_samples, allow=allow, **settings)
    x, context = rows_of(splits.test, model.event_shape)
    x, context = x[:limit], None if context is None else context[:limit]
    model.check_data(x, context)
    model.to(check_device(device))
    pyro.set_rng_seed(seed)
    start = time.monotonic()
    parts: list[Tensor] = []
    for first in range(0, len(x), ROWS):
        rows = slice(first, first + ROWS)
        c = None if context is None else context[rows].to(device)
        sizes = {"num_particles": num_particles, "chunk_size": chunk_size}
        parts.append(-infer.log_evidence(model.model, model.guide, x[rows].to(device), c, **sizes).double().cpu())
        if progress is not None:
            progress(min(first + ROWS, len(x)), len(x))
    nll = torch.cat(parts)
    exact = isinstance(model, models.Density)
    per_dim = 1 / (math.log(2) * math.prod(x.shape[1:]))
    mean, error = float(nll.mean()), standard_error(nll)
    fitted = read_json(folder / "fit.json") if (folder / "fit.json").is_file() else {}
    result = {
        "run": folder.name,
        "description": config.get("description"),
        "data": splits.name,
        "num_data": len(x),
        "num_dims": math.prod(x.shape[1:]),
        "test_sha256": hashlib.sha256(x.double().contiguous().numpy().tobytes()).hexdigest(),
        "method": "exact" if exact else "importance weighted",
        "num_particles": None if exact else num_particles,
        "chunk_size": None if exact else chunk_size,
        "nll_nats": mean,
        "nll_nats_standard_error": error,
        "bits_per_dim": mean * per_dim,
        "bits_per_dim_standard_error": error * per_dim,
        "valid_nll": fitted.get("valid_nll"),
        "training_minutes": fitted.get("minutes"),
        "stopped_by": fitted.get("stopped_by"),
        "evaluation_minutes": round((time.monotonic() - start) / 60, 3),
        "seed": seed,
        "device": device,
        "machine": describe_machine(),
    }
    buffer = io.BytesIO()
    np.save(buffer, nll.numpy(), allow_pickle=False)
    write_whole(folder / f"{name}.npy", lambda file: file.write(buffer.getvalue()))
    write_json(folder / f"{name}.json", result)
    return result


def compare(folders: Sequence[str | Path], *, name: str = "evaluation") -> list[dict[str, Any]]:
    """Read the evaluations of runs, each with its paired difference to the first where the test data are the same.

    Args:
        folders: Run folders that `evaluate` has written to.
        name: Stem of the files.

    Returns:
        The evaluations; `difference_nats` and `difference_standard_error` (nats per datum) are None where the data
        differ, and absent from evaluations of samples.

    Raises:
        ValueError: If a run has no evaluation, or some are of likelihoods and others of samples.
    """
    results: list[dict[str, Any]] = []
    first: np.ndarray | None = None
    for folder in map(Path, folders):
        if not (folder / f"{name}.json").is_file():
            raise ValueError(f"Expected {name}.json in {folder}; got none; run `pyrodgm evaluate {folder}` first.")
        result = read_json(folder / f"{name}.json") | {"run": str(folder)}
        same = bool(results) and result["test_sha256"] == results[0]["test_sha256"]
        results.append(result)
        if (result["method"] == SAMPLES) != (results[0]["method"] == SAMPLES):
            raise ValueError(f"Expected evaluations all of likelihoods or all of samples; {folder} is of another kind.")
        if result["method"] == SAMPLES:
            continue
        nll = np.load(folder / f"{name}.npy", allow_pickle=False)
        first = nll if first is None else first
        difference = torch.from_numpy(nll - first) if same else None
        result["difference_nats"] = None if difference is None else float(difference.mean())
        result["difference_standard_error"] = None if difference is None else standard_error(difference)
    return results


def standard_error(values: Tensor) -> float:
    """Return the standard error of a mean; infinite for a single value.

    Example:
        >>> standard_error(torch.tensor([1.0, 3.0]))
        1.0
    """
    return float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.inf
