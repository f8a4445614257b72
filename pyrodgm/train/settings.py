"""The settings of a run and of Lightning's trainer, each checked."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import lightning

from pyrodgm.train.build import build, check_keys, plain_value, type_hints
from pyrodgm.train.gan_training import GANTraining
from pyrodgm.train.training import Training

RUN_SETTINGS: dict[str, Any] = {
    "batch_size": int,
    "valid_batch_size": int,
    "patience": int | None,
    "checkpoint_every": int,
    "max_minutes": float | None,
}
NOT_SETTINGS = ("model", "gan", "modes", "seed")  # arguments of a module that a recipe does not set there
COMPONENTS: dict[str, tuple[str, ...]] = {"objective": ("pyro.infer.",), "game": (), "regularizers": ()}
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


def split_settings(
    training: Mapping[str, Any],
    module_class: type[Training] | type[GANTraining] | None = None,
    *,
    allow: Sequence[str] = (),
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of the Lightning module and those of the run, each checked.

    Args:
        training: The settings of a recipe.
        module_class: `Training`, or `GANTraining`; by default that of a GAN where a `game` is named.
        allow: Import-path prefixes trusted besides ours.

    Raises:
        ValueError: If a key is unknown, a value has the wrong type, or a GAN has no game.
    """
    if module_class is None:
        module_class = GANTraining if "game" in training else Training
    hints = type_hints(module_class)
    names = [name for name in inspect.signature(module_class).parameters if name not in NOT_SETTINGS]
    run: dict[str, Any] = {"batch_size": 128, "valid_batch_size": 1000, "checkpoint_every": 1000, "max_minutes": None}
    if module_class is Training:
        run["patience"] = None
    elif "game" not in training:
        raise ValueError(
            "Expected training.game for a GAN, a class_path such as pyrodgm.likelihood_free.NonSaturating; got "
            f"{sorted(training)}."
        )
    check_keys(training, (*names, *run), where="training")
    module: dict[str, Any] = {}
    for key, value in training.items():
        if key in COMPONENTS:
            module[key] = component(value, trusted=(*COMPONENTS[key], *allow), where=f"training.{key}")
        elif key in run:
            run[key] = plain_value(value, RUN_SETTINGS[key], where=f"training.{key}")
        else:
            module[key] = plain_value(value, hints[key], where=f"training.{key}")
    if (minutes := run["max_minutes"]) is not None and not minutes > 0:
        raise ValueError(f"Expected training.max_minutes above 0 or none; got {minutes}.")
    return module, run


def component(value: Any, *, trusted: Sequence[str], where: str) -> Any:
    """Return the object that a mapping describes, or those of a list of mappings; objects stay as they are."""
    if isinstance(value, Mapping):
        return build(value, allow=trusted, where=where)
    if isinstance(value, list | tuple):
        return tuple(component(item, trusted=trusted, where=f"{where}[{i}]") for i, item in enumerate(value))
    return value


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
