"""Checkpoints to go on from after a crash: whole files, the last two kept."""

import re
import warnings
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from pyrodgm.train.files import write_whole
from pyrodgm.train.training import random_state, set_random_state

KEPT = 2


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint whole or not at all, and reads tensors and plain values only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint under a temporary name, then rename it."""
        write_whole(path, lambda file: torch.save(checkpoint, file))

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        """Read a checkpoint, see `read_checkpoint`."""
        return read_checkpoint(path)


class Checkpoints(Checkpoint):
    """Writes `step=N.ckpt` every so many steps and keeps the last two.

    A checkpoint holds weights, optimiser, schedule, average of the weights, random numbers and the place in the epoch:
    the run that goes on from it ends with the same weights as one that was never stopped. One due after the
    last batch of an epoch is written at the start of the next epoch, so that validation belongs to one side.

    Args:
        folder: Where the checkpoints go.
        every: Steps between two checkpoints.
    """

    def __init__(self, folder: str | Path, *, every: int = 1000) -> None:
        if every < 1:
            raise ValueError(f"Expected checkpoint_every to be at least 1; got {every}.")
        self.folder, self.every = Path(folder), every
        self._last_step = 0
        self._epoch_starts = False
        self._random_state: dict[str, Any] | None = None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Take up the random numbers where the checkpoint left them."""
        self._last_step = trainer.global_step
        if trainer.world_size > 1:
            torch.manual_seed(hash((int(torch.initial_seed()), trainer.global_step, trainer.global_rank)) % 2**63)
        elif self._random_state is not None:
            set_random_state(self._random_state)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a checkpoint when it is due."""
        if not trainer.is_last_batch:
            self.write_if_due(trainer, pl_module)

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the checkpoint that was due after the last batch."""
        self._epoch_starts = True
        self.write_if_due(trainer, pl_module)
        self._epoch_starts = False

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let an epoch that starts count as started, with no batch done: else Lightning 2.6 takes it for ended."""
        if self._epoch_starts:
            loop = checkpoint["loops"]["fit_loop"]
            for counts in (loop["epoch_progress"]["total"], loop["epoch_progress"]["current"]):
                counts["started"] = counts["ready"]
            batches = loop["epoch_loop.batch_progress"]
            batches["current"] = dict.fromkeys(batches["current"], 0)
            batches["is_last_batch"] = False

    def write_if_due(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write a checkpoint if the last one is `every` steps ago.

        Raises:
            FloatingPointError: If a weight is NaN or infinite; then nothing is written.
        """
        step = trainer.global_step
        if step - self._last_step < self.every:
            return
        self._last_step = step
        for name, parameter in pl_module.named_parameters():
            if not torch.isfinite(parameter).all():
                raise FloatingPointError(
                    f"Expected finite weights after step {step}; got NaN or inf in {name}; the last good checkpoint "
                    "stays. Lower training.lr or set trainer.gradient_clip_val."
                )
        trainer.save_checkpoint(self.folder / f"step={step:09d}.ckpt")
        if trainer.is_global_zero:
            for path in checkpoints(self.folder)[:-KEPT]:
                path.unlink(missing_ok=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the random numbers."""
        return {"random_state": random_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the state of the random numbers for the start of training."""
        self._random_state = state_dict["random_state"]


def checkpoints(folder: str | Path) -> list[Path]:
    """Return the checkpoints of a folder, oldest first."""
    return sorted(path for path in Path(folder).glob("step=*.ckpt") if re.fullmatch(r"step=\d+\.ckpt", path.name))


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint: tensors and plain values, nothing is executed.

    Raises:
        ValueError: If the file is absent, cut short or foreign.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a complete checkpoint at {path}; got no file.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise ValueError(
            f"Expected a complete checkpoint at {path}; got a torn or foreign file of {path.stat().st_size} bytes "
            f"({reason}); delete it to go on from the one before."
        ) from error


def latest_checkpoint(folder: str | Path) -> Path | None:
    """Return the newest complete checkpoint of a folder, or None if there is none at all.

    Warns:
        UserWarning: If a newer one is torn and an older one is taken.

    Raises:
        ValueError: If there are checkpoints, and all are torn.
    """
    failure: ValueError | None = None
    for path in reversed(checkpoints(folder)):
        try:
            read_checkpoint(path)
        except ValueError as error:
            failure = failure or error
            continue
        if failure is not None:
            warnings.warn(f"{failure} Going on from {path.name}.", stacklevel=2)
        return path
    if failure is not None:
        raise failure
    return None
