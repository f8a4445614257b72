"""One call of Lightning's trainer, quiet, in a folder that a killed run goes on from."""

import logging
import signal
import warnings
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning
import pyro
from lightning.pytorch.callbacks import LambdaCallback

from pyrodgm.train.batches import Batches
from pyrodgm.train.checkpoints import Checkpoints, WholeFiles
from pyrodgm.train.run_folder import write_config


def run_engine(
    module: lightning.LightningModule,
    batches: Batches,
    folder: Path,
    *,
    config: Mapping[str, Any],
    callbacks: Sequence[lightning.Callback],
    run: Mapping[str, Any],
    trainer: Mapping[str, Any],
    checkpoint: Path | None,
) -> lightning.Trainer:
    """Train to the end, or raise what stopped it.

    Args:
        module: What is trained.
        batches: The data.
        folder: The run folder; its `config.yaml` is written at the first step.
        config: What `config.yaml` holds.
        callbacks: Called in this order, before a checkpoint is written.
        run: The run's own settings, as `split_settings` returns them.
        trainer: Arguments of Lightning's `Trainer`, as `check_trainer` returns them.
        checkpoint: Where to go on from; None begins.

    Returns:
        The trainer.

    Raises:
        KeyboardInterrupt: After Ctrl-C.
    """
    minutes = run["max_minutes"]
    lightning_log = logging.getLogger("lightning.pytorch")
    level = lightning_log.level
    on_interrupt = signal.getsignal(signal.SIGINT)
    lightning_log.setLevel(logging.WARNING)
    try:
        # A command refused before the first step leaves nothing, so that its correction may take the same folder.
        start = LambdaCallback(on_train_start=lambda *_: write_config(folder, config))
        keep = Checkpoints(folder / "checkpoints", every=run["checkpoint_every"])
        engine = lightning.Trainer(
            callbacks=[start, *callbacks, keep],
            plugins=[WholeFiles()],
            logger=False,
            max_time=None if minutes is None else timedelta(minutes=minutes),
            default_root_dir=folder,
            **trainer,
        )
        module.train()
        with warnings.catch_warnings():  # Lightning 2.6 asks torch 2.13 for a tree's leaf in the old way
            warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`", category=FutureWarning)
            with pyro.validation_enabled(False):  # the data were checked before, and the losses are looked at
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
    return engine


def stopped_by(engine: lightning.Trainer, limit: float | None, minutes: float, *, out_of_patience: bool = False) -> str:
    """Return the setting that ended training.

    Args:
        engine: The trainer.
        limit: The limit of time in minutes, or None.
        minutes: How long it took.
        out_of_patience: Whether validation stalled.
    """
    if limit is not None and minutes >= limit:
        return "max_minutes"
    if out_of_patience:
        return "patience"
    return "max_steps" if engine.max_steps != -1 and engine.global_step >= engine.max_steps else "max_epochs"
