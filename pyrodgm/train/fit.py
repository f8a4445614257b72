"""Training into a run folder that a killed run goes on from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyro
import torch
from rich.console import Console

from pyrodgm import models
from pyrodgm.likelihood_free import GAN
from pyrodgm.train.batches import Batches, rows_of
from pyrodgm.train.best import BestWeights
from pyrodgm.train.checkpoints import latest_checkpoint
from pyrodgm.train.engine import run_engine, stopped_by
from pyrodgm.train.export import WEIGHTS, Exported, load_weights
from pyrodgm.train.files import read_json
from pyrodgm.train.fit_gan import fit_gan
from pyrodgm.train.gan_table import outcome as gan_outcome
from pyrodgm.train.machine import describe_machine
from pyrodgm.train.report import Report
from pyrodgm.train.run_folder import check_folder, finish, finished
from pyrodgm.train.settings import check_trainer, split_settings
from pyrodgm.train.training import Training

INITIAL_ROWS = 100_000  # enough to set whatever is set from data, few enough to take seconds


def fit(
    model: Exported,
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
        model: The model, trained in place; it ends with the exported weights. A GAN is trained by :func:`fit_gan`.
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
    if isinstance(model, GAN):
        settings: dict[str, Any] = {"training": training, "trainer": trainer, "seed": seed, "config": config}
        return fit_gan(model, splits, folder, **settings, allow=allow, console=console)
    folder = Path(folder)
    module_settings, run_settings = split_settings(training or {}, Training, allow=allow)
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
    sizes = {key: run_settings[key] for key in ("batch_size", "valid_batch_size")}
    batches = Batches(SimpleNamespace(**parts), seed=seed, **sizes)
    module = Training(model, seed=seed, **module_settings)
    if minutes is not None:
        module.time_share = lambda: report.elapsed() / minutes
    settings = {"config": whole, "run": run_settings, "trainer": trainer_settings}
    engine = run_engine(module, batches, folder, callbacks=[report, best], checkpoint=checkpoint, **settings)
    result = {
        "valid_nll": best.valid_nll if best.step else None,
        "best_step": best.step or engine.global_step,
        "epochs": engine.current_epoch,
        "steps": engine.global_step,
        "minutes": round(report.minutes, 3),
        "stopped_by": stopped_by(engine, minutes, report.minutes, out_of_patience=best.stalled),
        "num_parameters": sum(p.numel() for p in model.parameters()),
        "seed": seed,
        "machine": describe_machine(),
    }
    model.cpu()
    if best.step:
        model.load_state_dict(best.weights)
    model.eval()
    return finish(model, folder, whole, result, lambda: draw(model, splits, folder))


def outcome(result: Mapping[str, Any]) -> str:
    """Return in words what a run came to, from what `fit` returned."""
    if "valid_nll" not in result:
        return gan_outcome(result)
    valid = "no validation" if result["valid_nll"] is None else f"best validation {result['valid_nll']:.2f} nats"
    return f"{valid} at step {result['best_step']}"


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
