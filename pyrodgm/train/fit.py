"""Training into a run folder that a killed run goes on from."""

import inspect
import logging
import signal
import warnings
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import pyro
import torch
from lightning.pytorch.callbacks import LambdaCallback
from rich.console import Console

from pyrodgm import models
from pyrodgm.train.batches import Batches, rows_of
from pyrodgm.train.best import BestWeights
from pyrodgm.train.build import build, check_keys, plain_value, type_hints
from pyrodgm.train.checkpoints import Checkpoints, WholeFiles, latest_checkpoint
from pyrodgm.train.config import SECTIONS, format_yaml, parse_yaml
from pyrodgm.train.export import CONFIG, WEIGHTS, export, load_weights, save_weights
from pyrodgm.train.files import read_json, write_json, write_text
from pyrodgm.train.machine import describe_machine
from pyrodgm.train.report import Report
from pyrodgm.train.training import Training

INITIAL_ROWS = 100_000  # enough to set whatever is set from data, few enough to take seconds
RUN_SETTINGS: dict[str, Any] = {
    "batch_size": int,
    "valid_batch_size": int,
    "patience": int | None,
    "checkpoint_every": int,
    "max_minutes": float | None,
}
TRAINER_NUMBERS: dict[str, Any] = {  # Lightning says `TypeError` to most of them
    "max_epochs": int | None,
    "min_epochs": int | None,
    "max_steps": int,
    "min_steps": int | None,
    "accumulate_grad_batches": int,
    "check_val_every_n_epoch": int | None,
    "gradient_clip_val": float | None,
    "limit_train_batches": int | float | None,
    "limit_val_batches": int | float | None,
}
OURS = (
    "callbacks",
    "enable_checkpointing",
    "plugins",
    "logger",
    "max_time",
    "profiler",
    "default_root_dir",
    "barebones",
    "model_registry",
)


def fit(
    model: models.Model,
    splits: Any,
    folder: str | Path,
    *,
    training: Mapping[str, Any] | None = None,
    trainer: Mapping[str, Any] | None = None,
    seed: int = 0,
    config: Mapping[str, Any] | None = None,
    allow: Sequence[str] = (),
    console: Console | None = None,
) -> dict[str, Any]:
    """Train a model into a run folder; called again on the same folder, go on where it was stopped, or do nothing.

    The folder receives `config.yaml`, `metrics.csv`, `checkpoints/`, `model.safetensors` and `config.json` (the weights
    that validated best), `curves.png`, `samples.png` and, last, `fit.json`. Settings and data are checked before.

    Args:
        model: The model, trained in place; it ends with the exported weights.
        splits: Has `train` and `valid`, each with `x` of shape `(num, *event_shape)`, or flattened to `(num, D)`, and
            `context` or None.
        folder: The run folder.
        training: Arguments of `Training`, and `batch_size` (128), `valid_batch_size` (1000), `patience` (validations
            without a new best before stopping; none), `checkpoint_every` (1000 steps), `max_minutes` (none; a schedule
            then ends with whichever ends first, and a run that is cut by time is not repeatable to the bit).
        trainer: Arguments of Lightning's `Trainer`, such as `max_epochs` or `gradient_clip_val`.
        seed: Seed of the noise and of the order of the data.
        config: The whole recipe, kept in `config.yaml`; its `model` section is what `load` builds.
        allow: Import-path prefixes trusted besides ours where `training` names an objective of yours.
        console: Where progress is shown; None shows none.

    Returns:
        What `fit.json` holds: `valid_nll` in nats per datum, `epochs`, `steps`, `minutes`, `stopped_by`, the machine.

    Raises:
        ValueError: If the data do not suit the model, a setting is unknown, or the folder holds another run.
        FloatingPointError: If a loss or a weight is NaN or infinite.

    Example:
        >>> import tempfile
        >>> from pyrodgm import data
        >>> vae = models.vae(64, 2, hidden_dims=(8,))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = fit(vae, data.digits(), folder, trainer={"max_epochs": 1, "accelerator": "cpu"})
        >>> result["epochs"], result["stopped_by"]
        (1, 'max_epochs')
    """
    folder = Path(folder)
    module_settings, run_settings = split_settings(training or {}, allow=allow)
    trainer_settings = check_trainer(trainer or {})
    whole = {"model": None, **(config or {})}
    whole |= {"seed": seed, "training": dict(training or {}), "trainer": dict(trainer or {})}
    check_folder(folder, whole)
    if finished(folder):
        load_weights(model, folder / WEIGHTS)
        return read_json(folder / "fit.json")
    parts = {name: rows_of(getattr(splits, name), model.event_shape) for name in ("train", "valid")}
    for part in parts.values():
        model.check_data(part.x, part.context)

    pyro.set_rng_seed(seed)
    checkpoint = latest_checkpoint(folder / "checkpoints")
    if checkpoint is None:
        x, context = parts["train"]
        rows = slice(None, None, -(-len(x) // INITIAL_ROWS))  # evenly, and no random numbers spent
        model.initialize(x[rows], None if context is None else context[rows])
    if checkpoint is not None and console is not None:
        console.print(f"going on from {checkpoint}", highlight=False)
    best = BestWeights(patience=run_settings["patience"])
    report = Report(folder / "metrics.csv", console=console)
    minutes = run_settings["max_minutes"]
    lightning_log = logging.getLogger("lightning.pytorch")
    level = lightning_log.level
    on_interrupt = signal.getsignal(signal.SIGINT)
    lightning_log.setLevel(logging.WARNING)
    try:
        # A command refused before the first step leaves nothing, so that its correction may take the same folder.
        start = LambdaCallback(on_train_start=lambda *_: write_config(folder, whole))
        keep = Checkpoints(folder / "checkpoints", every=run_settings["checkpoint_every"])
        engine = lightning.Trainer(
            callbacks=[start, report, best, keep],
            plugins=[WholeFiles()],
            logger=False,
            max_time=None if minutes is None else timedelta(minutes=minutes),
            default_root_dir=folder,
            **trainer_settings,
        )
        sizes = {key: run_settings[key] for key in ("batch_size", "valid_batch_size")}
        module = Training(model, seed=seed, **module_settings)
        if minutes is not None:
            module.time_share = lambda: report.elapsed() / minutes
        model.train()
        with warnings.catch_warnings():  # Lightning 2.6 asks torch 2.13 for a tree's leaf in the old way
            warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`", category=FutureWarning)
            with pyro.validation_enabled(False):  # the data were checked above, and the losses are below
                batches = Batches(SimpleNamespace(**parts), seed=seed, **sizes)
                engine.fit(module, batches, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as error:  # how Lightning answers Ctrl-C, with SIGINT switched off
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, on_interrupt)
        raise KeyboardInterrupt from None
    finally:
        lightning_log.setLevel(level)
    if engine.interrupted:
        raise KeyboardInterrupt
    result = {
        "valid_nll": best.valid_nll if best.step else None,
        "best_step": best.step or engine.global_step,
        "epochs": engine.current_epoch,
        "steps": engine.global_step,
        "minutes": round(report.minutes, 3),
        "stopped_by": stopped_by(engine, best, minutes, report.minutes),
        "num_parameters": sum(p.numel() for p in model.parameters()),
        "seed": seed,
        "machine": describe_machine(),
    }
    return finish(model, splits, folder, best, whole, result)


def finish(
    model: models.Model, splits: Any, folder: Path, best: BestWeights, config: Mapping[str, Any], result: dict[str, Any]
) -> dict[str, Any]:
    """Give the model its best weights, export it, draw the pictures, and say last that the run is finished."""
    model.cpu()
    if best.step:
        model.load_state_dict(best.weights)
    model.eval()
    if config["model"] is None:
        save_weights(model, folder / WEIGHTS)
    else:
        export(config["model"], model, folder)
    failure = None
    try:
        draw(model, splits, folder)
    except Exception as error:  # a picture must not cost a training
        failure = error
    write_json(folder / "fit.json", result)
    if failure is not None:
        warnings.warn(f"The run is finished, but not its pictures: {failure}", stacklevel=3)
    return result


def finished(folder: str | Path) -> bool:
    """Return whether the run in a folder has ended."""
    return (Path(folder) / "fit.json").is_file()


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write `config.yaml`, which makes a folder that of a run; one that is there stays."""
    if not (folder / "config.yaml").is_file():
        write_text(folder / "config.yaml", config_text(config))


def config_text(config: Mapping[str, Any]) -> str:
    """Return what `config.yaml` holds."""
    return format_yaml(plain({section: config.get(section) for section in SECTIONS}))


def check_folder(folder: Path, config: Mapping[str, Any]) -> None:
    """Check that a folder is a new one, or holds a run of the same configuration.

    Raises:
        ValueError: If the folder holds a run of another configuration, or files but no run.
    """
    text = config_text(config)
    path = folder / "config.yaml"
    if not path.is_file():
        if (folder / "metrics.csv").exists() or (folder / CONFIG).exists():
            raise ValueError(f"Expected a run folder or a new one; got {folder}, which has files but no config.yaml.")
    elif path.read_text() != text:
        old, new = flat(parse_yaml(path.read_text())), flat(parse_yaml(text))
        if changed := [key for key in {**old, **new} if old.get(key) != new.get(key)]:
            raise ValueError(
                f"Expected the configuration of the run in {folder}; got another {', '.join(changed)}; "
                "choose another folder for a new run."
            )


def split_settings(training: Mapping[str, Any], *, allow: Sequence[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of `Training` and those of the run, each checked.

    Raises:
        ValueError: If a key is unknown or a value has the wrong type.
    """
    names = [name for name in inspect.signature(Training).parameters if name not in ("model", "seed")]
    check_keys(training, (*names, *RUN_SETTINGS), where="training")
    hints = {**type_hints(Training), **RUN_SETTINGS}
    run: dict[str, Any] = {"batch_size": 128, "valid_batch_size": 1000, "patience": None}
    run |= {"checkpoint_every": 1000, "max_minutes": None}
    module: dict[str, Any] = {}
    for key, value in training.items():
        if key == "objective":
            is_config = isinstance(value, Mapping)
            trusted = ("pyro.infer.", *allow)
            module[key] = build(value, allow=trusted, where="training.objective") if is_config else value
        else:
            (run if key in run else module)[key] = plain_value(value, hints[key], where=f"training.{key}")
    if (minutes := run["max_minutes"]) is not None and not minutes > 0:
        raise ValueError(f"Expected training.max_minutes above 0 or none; got {minutes}.")
    return module, run


def check_trainer(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of Lightning's `Trainer`: quiet and light ones, and the given ones on top.

    Raises:
        ValueError: If a key is unknown or belongs to `fit`, or a value that counts epochs or steps is no number.
    """
    known = [name for name in inspect.signature(lightning.Trainer).parameters if name not in OURS]
    if "max_time" in trainer:
        raise ValueError("Expected training.max_minutes for a limit of time; got trainer.max_time.")
    check_keys(trainer, known, where="trainer")
    hints = {key: hint for key, hint in TRAINER_NUMBERS.items() if key in trainer}
    numbers = {key: plain_value(trainer[key], hint, where=f"trainer.{key}") for key, hint in hints.items()}
    quiet = ("enable_progress_bar", "enable_model_summary", "enable_autolog_hparams")
    defaults: dict[str, Any] = dict.fromkeys(quiet, False)
    defaults |= {"num_sanity_val_steps": 0, "devices": 1, "max_epochs": -1 if "max_steps" in trainer else 100}
    return defaults | dict(trainer) | numbers


def stopped_by(engine: lightning.Trainer, best: BestWeights, limit: float | None, minutes: float) -> str:
    """Return the setting that ended training."""
    if limit is not None and minutes >= limit:
        return "max_minutes"
    if best.patience is not None and best.waited >= best.patience:
        return "patience"
    return "max_steps" if engine.max_steps != -1 and engine.global_step >= engine.max_steps else "max_epochs"


def draw(model: models.Model, splits: Any, folder: Path) -> None:
    """Draw `curves.png`, and `samples.png` where one datum is a picture, given the first validation contexts if any."""
    from pyrodgm import plots

    plots.training_curves(folder / "metrics.csv", folder / "curves.png")
    shape: tuple[int, ...] = tuple(getattr(splits, "shape", ()))
    context = splits.valid.context
    if len(shape) == 3 and shape[0] in (1, 3):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            plots.samples_grid(
                model.sample(64, None if context is None else context[:64]).cpu(), shape, folder / "samples.png"
            )


def plain(value: Any) -> Any:
    """Return a configuration as plain YAML values; an object stands as its type's name."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, timedelta):
        return str(value)
    return value if value is None or isinstance(value, str | int | float | bool) else type(value).__name__


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested configuration with dotted keys."""
    result: dict[str, Any] = {}
    for key, value in config.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {f"{prefix}{key}": value}
    return result
