"""Posteriors of one recipe side by side: each fitted, judged on the test rows, and kept as it comes."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyro
import torch
from rich.console import Console
from torch import Tensor

from pyrodgm import infer, metrics, models, plots
from pyrodgm.train.batches import rows_of
from pyrodgm.train.build import build
from pyrodgm.train.config import with_data_root
from pyrodgm.train.evaluate import build_data
from pyrodgm.train.files import write_json, write_text
from pyrodgm.train.machine import describe_machine
from pyrodgm.train.posteriors import POSTERIORS, PosteriorSettings, check_names, optimizer_of
from pyrodgm.train.score_posterior import mean_and_error, score_posterior

ROWS_FILE, RESULT_FILE, PICTURE_FILE = "rows.jsonl", "comparison.json", "reliability.png"


def compare_posteriors(
    config: Mapping[str, Any],
    posteriors: Sequence[str],
    folder: str | Path,
    *,
    settings: PosteriorSettings | None = None,
    allow: Sequence[str] = (),
    console: Console | None = None,
) -> dict[str, Any]:
    """Fit posteriors over the parameters of a recipe's density, and judge each on the test rows.

    The folder receives `rows.jsonl`, a line for each posterior as soon as it is there, and at the end, whole or not at
    all, `comparison.json` and `reliability.png`. What the first has with the same recipe and settings is not computed
    again, so that a comparison that was stopped goes on.

    Args:
        config: A recipe as `read_config` returns it, whose model is a `models.Density`; of its training section `lr`
            and `batch_size` count.
        posteriors: Names of `POSTERIORS`.
        folder: The folder.
        settings: How to fit and to judge.
        allow: Import-path prefixes trusted besides ours.
        console: Where progress is shown; None shows none.

    Returns:
        What `comparison.json` holds: the recipe, the settings, the machine, and `rows`, one for each posterior.

    Raises:
        ValueError: If a name is unknown, the model is no density, or the data do not suit it.

    Example:
        >>> import tempfile
        >>> made = {"class_path": "pyrodgm.autoregressive.made", "init_args": {"input_dim": 64, "hidden_dims": [4]}}
        >>> model = {"class_path": "pyrodgm.models.Density", "init_args": {"conditional": made}}
        >>> config = {"seed": 0, "data": {"class_path": "pyrodgm.data.digits"}, "model": model, "training": {}}
        >>> settings = PosteriorSettings(num_steps=2, num_draws=3, limit=20, test_limit=10)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = compare_posteriors(config, ["map", "mean-field"], folder, settings=settings)
        >>> [row["posterior"] for row in result["rows"]]
        ['map', 'mean-field']
    """
    check_names(posteriors)
    settings, folder = settings or PosteriorSettings(), Path(folder)
    pyro.set_rng_seed(config["seed"])
    splits = build_data(with_data_root(config)["data"])
    density = build(config["model"], allow=allow, where="model")
    if not isinstance(density, models.Density):
        raise ValueError(
            f"Expected a recipe whose model is a pyrodgm.models.Density; got {type(density).__name__}. Posteriors over "
            "parameters are compared by exact densities; other models have none."
        )
    train, test = (rows_of(part, density.event_shape) for part in (splits.train, splits.test))
    x, context = train.x[: settings.limit], None if train.context is None else train.context[: settings.limit]
    test_rows = (test.x[: settings.test_limit], None if test.context is None else test.context[: settings.test_limit])
    density.check_data(x, context)
    density.check_data(*test_rows)
    density.initialize(x, context)
    module = density.conditional.eval()

    shared = {"config": {key: config[key] for key in ("seed", "data", "model", "training")}, **asdict(settings)}
    kept = read_rows(folder / ROWS_FILE)
    rows: list[dict[str, Any]] = []
    for name in posteriors:
        key = json.dumps({"posterior": name, **shared}, sort_keys=True)
        if key not in kept:
            if console is not None:
                console.print(f"fitting {name} to {len(x)} rows ...", highlight=False, soft_wrap=True)
            pyro.set_rng_seed(config["seed"])
            bayes = infer.bayesian(module, settings.prior)
            start = time.monotonic()
            posterior = POSTERIORS[name](bayes, x, context, settings, optimizer_of(config, settings, len(x)))
            seconds = round(time.monotonic() - start, 2)
            kept[key] = {
                "posterior": name,
                **judge(posterior, test_rows, splits.num_levels, settings.num_draws, config["seed"]),
                "seconds": seconds,
            }
            write_text(folder / ROWS_FILE, "".join(json.dumps({"key": k, **row}) + "\n" for k, row in kept.items()))
        rows.append(kept[key])
    result = {
        "description": config.get("description"),
        "data": splits.name,
        "num_train": len(x),
        "num_test": len(test_rows[0]),
        "num_parameters": sum(parameter.numel() for parameter in module.parameters()),
        "real": splits.num_levels is None,
        "given": context is not None,
        **shared,
        "machine": describe_machine(),
        "rows": [{k: v for k, v in row.items() if k != "log_densities"} for row in with_differences(rows)],
    }
    curves: dict[str, Any] = {
        row["posterior"]: tuple(torch.tensor(part) for part in row["curve"]) for row in rows if row["curve"]
    }
    folder.mkdir(parents=True, exist_ok=True)
    if curves:
        labels = {"x_label": "level of the interval", "y_label": "share inside"} if result["real"] else {}
        plots.reliability(curves, folder / PICTURE_FILE, **labels)
    write_json(folder / RESULT_FILE, result)
    return result


def judge(
    posterior: Any, test: tuple[Tensor, Tensor | None], num_levels: int | None, num_draws: int, seed: int
) -> dict[str, Any]:
    """Return the figures of one row, and the log-density of each test datum for paired differences."""
    start = time.monotonic()
    pyro.set_rng_seed(seed)  # all posteriors are judged on the same noise
    score = score_posterior(posterior, *test, num_levels=num_levels, num_draws=num_draws)
    row: dict[str, Any] = {}
    for name in ("log_density", "dirac", "other"):
        row[name], row[f"{name}_standard_error"] = mean_and_error(getattr(score, name).double())
    found = score.calibration
    return row | {
        "rmse": score.rmse,
        "calibration": {metrics.CalibrationError: "ECE", metrics.PITCalibration: "PIT"}.get(type(found)),
        "calibration_error": None if found is None else found.value,
        "curve": None if found is None else [part.tolist() for part in found.curve],
        "log_densities": [round(value, 6) for value in score.log_density.tolist()],
        "test_seconds": round(time.monotonic() - start, 2),
    }


def with_differences(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with the paired difference of each log-density to that of the first row."""
    first = torch.tensor(rows[0]["log_densities"], dtype=torch.float64)
    found = []
    for row in rows:
        difference, error = mean_and_error(torch.tensor(row["log_densities"], dtype=torch.float64) - first)
        found.append({**row, "difference": difference, "difference_standard_error": error})
    return found


def read_rows(path: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of earlier calls by key; a line that is no JSON is left out, and so is computed again."""
    found = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            row = json.loads(line)
            found[row.pop("key")] = row
        except (json.JSONDecodeError, KeyError):
            continue
    return found
