"""Training of a GAN into a run folder that a killed run goes on from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyro
import torch
from rich.console import Console
from torch import nn
from torch.nn.utils import parametrize

from pyrodgm import plots
from pyrodgm.data import DensitySplits
from pyrodgm.data.toy.gaussians import RoundGaussians
from pyrodgm.likelihood_free import GAN
from pyrodgm.train.batches import Batches, rows_of
from pyrodgm.train.checkpoints import latest_checkpoint
from pyrodgm.train.engine import run_engine, stopped_by
from pyrodgm.train.export import WEIGHTS, load_weights
from pyrodgm.train.files import read_json
from pyrodgm.train.gan_report import LOSSES, VALIDATED, GANReport
from pyrodgm.train.gan_training import GANTraining, Modes
from pyrodgm.train.machine import describe_machine
from pyrodgm.train.run_folder import check_folder, finish, finished
from pyrodgm.train.settings import check_trainer, split_settings
from pyrodgm.train.snapshots import NUM_PICTURES, Snapshots, fixed_samples

REFUSED = ("accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm", "precision", "num_nodes")


def fit_gan(
    gan: GAN,
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
    """Train a GAN into a run folder; called again on the same folder, go on where it was stopped, or do nothing.

    What :func:`fit` does for a GAN. There is no validation loss, and no best weights: the run ends with the last ones.
    Besides what every run leaves, `samples/` has the same latents after each epoch, pictures only, and `training.gif`
    the film of points in the plane. In the end the discriminator has its spectral norms worked into its weights.

    Args:
        gan: The GAN, trained in place.
        splits: As for `fit`; labels are given as a context, see `data.with_label_context`.
        folder: The run folder.
        training: Arguments of `GANTraining`, `game` among them, and `batch_size` (128), `valid_batch_size` (1000),
            `checkpoint_every` (1000 steps), `max_minutes` (none; such a run is not repeatable to the bit). A step is
            a batch. An incomplete last batch of an epoch is left out.
        trainer: Arguments of Lightning's `Trainer`; one device, and no clipping of gradients.
        seed: Seed of the noise and of the order of the data.
        config: The whole recipe, kept in `config.yaml`; its `model` section is what `load` builds.
        allow: Import-path prefixes trusted besides ours where `training` names a game of yours.
        console: Where progress is shown; None shows none.

    Returns:
        What `fit.json` holds: the last `discriminator_loss`, `generator_loss` and what validation found, `epochs`,
        `steps`, `minutes`, `stopped_by`, the machine.

    Raises:
        ValueError: If the data do not suit the GAN, a setting is unknown or not for a GAN, or the folder holds another
            run.
        FloatingPointError: If a loss, a gradient or a weight is NaN or infinite, or a loss diverges: says at which
            step; the last good checkpoint stays.
    """
    folder = Path(folder)
    module_settings, run_settings = split_settings(training or {}, GANTraining, allow=allow)
    trainer_settings = check_gan_trainer(trainer or {})
    whole = {"model": None, **(config or {})}
    whole |= {"seed": seed, "training": dict(training or {}), "trainer": dict(trainer or {})}
    check_folder(folder, whole)
    if finished(folder):
        load_weights(gan, folder / WEIGHTS)
        return read_json(folder / "fit.json")
    parts = {name: rows_of(getattr(splits, name), gan.event_shape) for name in ("train", "valid")}
    for part in parts.values():
        gan.check_data(part.x)
        gan.context(part.context, len(part.x))

    pyro.set_rng_seed(seed)
    checkpoint = latest_checkpoint(folder / "checkpoints")
    if checkpoint is not None and console is not None:
        console.print(f"going on from {checkpoint}", highlight=False)
    modes = modes_of(splits)
    x, context = parts["valid"]
    shots = Snapshots(folder, x, shape_of(splits), context=context, modes=modes, seed=seed)
    steps = run_settings["checkpoint_every"]
    report = GANReport(folder / "metrics.csv", checkpoint_every=steps, console=console)
    sizes = {key: run_settings[key] for key in ("batch_size", "valid_batch_size")}
    batches = Batches(SimpleNamespace(**parts), seed=seed, **sizes)
    limit = whole_batches(len(parts["train"].x), sizes["batch_size"], trainer_settings.get("limit_train_batches"))
    trainer_settings["limit_train_batches"] = limit
    gan.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a seventh faster; exported as ever
    module = GANTraining(gan, modes=modes, seed=seed, **module_settings)
    settings: dict[str, Any] = {"config": whole, "run": run_settings, "trainer": trainer_settings}
    engine = run_engine(module, batches, folder, callbacks=[report, shots], checkpoint=checkpoint, **settings)
    result = {
        **{name: report.latest[name] for name in (*LOSSES, *VALIDATED) if name in report.latest},
        "epochs": engine.current_epoch,
        "steps": engine.global_step,
        "minutes": round(report.minutes, 3),
        "stopped_by": stopped_by(engine, run_settings["max_minutes"], report.minutes),
        "num_parameters": sum(p.numel() for part in (gan.prior, gan.generator) for p in part.parameters()),
        "seed": seed,
        "machine": describe_machine(),
    }
    bake(gan.cpu().eval())
    return finish(gan, folder, whole, result, lambda: draw(gan, folder, shots, result))


def check_gan_trainer(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of Lightning's `Trainer`, and refuse those that two optimisers do not bear.

    Raises:
        ValueError: If one of them is given, or there are several devices, or `check_trainer` refuses one.
    """
    settings = check_trainer(trainer)
    wrong = [key for key in REFUSED if trainer.get(key) is not None]
    if wrong or settings["devices"] != 1:
        raise ValueError(
            f"Expected one device and no {', '.join(REFUSED)} to train a GAN; got trainer.{(wrong or ['devices'])[0]}="
            f"{settings[(wrong or ['devices'])[0]]!r}. Leave it out; regularizers bound a discriminator."
        )
    return settings


def whole_batches(num_data: int, batch_size: int, limit: float | None) -> int:
    """Return how many batches an epoch has, whole ones only: packs and batch norm do not bear any size.

    Args:
        num_data: Number of training data.
        batch_size: Rows of a batch.
        limit: `trainer.limit_train_batches`: a number of batches, a share of them, or None.

    Raises:
        ValueError: If there is not one.
    """
    num = num_data // max(batch_size, 1)
    if num == 0:
        raise ValueError(
            f"Expected a training.batch_size of at most {num_data}, the number of training data, because an incomplete "
            f"batch is left out; got {batch_size}."
        )
    if limit is None:
        return num
    return min(num, limit) if isinstance(limit, int) else max(1, int(limit * num))


def modes_of(splits: Any) -> Modes | None:
    """Return centres and scale of the data's modes, where the data are draws of a mixture that knows them."""
    if isinstance(splits, DensitySplits) and isinstance(splits.density, RoundGaussians):
        return splits.density.centres, splits.density.scale
    return None


def shape_of(splits: Any) -> tuple[int, ...]:
    """Return the shape of one datum as it is shown."""
    return tuple(getattr(splits, "shape", ()) or splits.valid.x.shape[1:])


def bake(gan: GAN) -> None:
    """Replace parametrized weights, such as those of spectral norm, by the weights as they are used."""
    for module in list(gan.modules()):
        held = getattr(module, "parametrizations", None)
        for name in list(held) if isinstance(held, nn.ModuleDict) else []:
            parametrize.remove_parametrizations(module, name, leave_parametrized=True)


def draw(gan: GAN, folder: Path, shots: Snapshots, result: Mapping[str, Any]) -> None:
    """Draw `curves.png`, and `samples.png` of pictures, or the film of points in the plane."""
    names = [name for name in LOSSES if name in result]
    plots.training_curves(folder / "metrics.csv", folder / "curves.png", names=names, y_label="loss")
    if shots.is_picture:
        x = fixed_samples(gan, NUM_PICTURES, shots.context, 0)
        plots.samples_grid(x, shots.shape, folder / "samples.png", value_range=shots.value_range)
    shots.write()
