"""What a run says while it trains: metrics.csv, a progress bar with the loss in nats, and an error on NaN."""

import csv
import io
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from pyrodgm.train.files import write_text

COLUMNS = ("epoch", "step", "time_minutes", "train_nll", "valid_nll", "lr")
SECONDS_BETWEEN_LINES = 5.0


class Report(lightning.Callback):
    """Writes `metrics.csv` and shows progress; losses are looked at every `every` steps, not at each.

    Args:
        path: The CSV file, with columns `epoch, step, time_minutes, train_nll, valid_nll, lr`; in nats per datum.
        every: Steps between two rows.
        console: Where progress is shown; None shows none. Off a terminal, lines instead of a bar.
    """

    columns: tuple[str, ...] = COLUMNS

    def __init__(self, path: str | Path, *, every: int = 50, console: Console | None = None) -> None:
        self.path, self.every, self.console = Path(path), every, console
        self.rows: list[dict[str, str]] = []
        self.minutes = 0.0  # of earlier runs that this one goes on from
        self._start: float | None = None
        self._losses: list[Tensor] = []
        self.latest: dict[str, float] = {}
        self._progress: Progress | None = None
        self._line_time = -math.inf

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Drop the rows that a killed run wrote after its last checkpoint, and open the bar."""
        self._start = time.monotonic()
        self.rows = [row for row in read_rows(self.path) if int(row["step"]) <= trainer.global_step]
        self._write_rows()
        if self.console is not None and self.console.is_terminal and trainer.is_global_zero:
            total = trainer.estimated_stepping_batches
            text = TextColumn("{task.description}")
            columns = (text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, console=self.console, refresh_per_second=4)
            self._task = self._progress.add_task("", total=None if math.isinf(total) else int(total))
            self._progress.start()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remember the loss; every so many steps look at the last ones."""
        self._losses.append(outputs["loss"].detach() if isinstance(outputs, dict) else outputs.detach())
        if len(self._losses) >= self.every:
            self.look(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the validation loss."""
        self.look(trainer)
        if "valid_nll" in trainer.callback_metrics:
            self._add(trainer, {"valid_nll": float(trainer.callback_metrics["valid_nll"])})

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Close the bar."""
        self.look(trainer)
        self.minutes, self._start = self.elapsed(), None
        self._close()

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar."""
        self._close()

    def elapsed(self) -> float:
        """Return the minutes of training so far, those before the checkpoint included."""
        return self.minutes + (0.0 if self._start is None else (time.monotonic() - self._start) / 60)

    def look(self, trainer: lightning.Trainer) -> None:
        """Write the mean of the losses since the last look.

        Raises:
            FloatingPointError: If one is NaN or infinite; names the step.
        """
        if not self._losses:
            return
        losses = torch.stack(self._losses)
        first = trainer.global_step - len(self._losses) + 1
        self._losses = []
        bad = (~torch.isfinite(losses)).nonzero()
        if len(bad):
            at = int(bad[0])
            raise FloatingPointError(
                f"Expected a finite loss; got {float(losses[at])} at step {first + at}; the last good checkpoint "
                "stays. Lower training.lr or set trainer.gradient_clip_val."
            )
        self._add(trainer, {"train_nll": float(losses.mean())})

    def state_dict(self) -> dict[str, Any]:
        """Return the minutes so far."""
        return {"minutes": self.elapsed()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the minutes of the run that this one goes on from."""
        self.minutes = state_dict["minutes"]

    def text(self) -> str:
        """Return the latest losses, for the progress bar."""
        words = {"train_nll": "train", "valid_nll": "valid"}
        return " · ".join(f"{word} {self.latest[key]:.2f} nats" for key, word in words.items() if key in self.latest)

    def _add(self, trainer: lightning.Trainer, values: Mapping[str, float]) -> None:
        lr = trainer.optimizers[0].param_groups[0]["lr"]
        row = {"epoch": str(trainer.current_epoch), "step": str(trainer.global_step)}
        row |= {"time_minutes": f"{self.elapsed():.3f}", "lr": f"{lr:.4g}"}
        row |= {name: f"{value:.6g}" for name, value in values.items()}
        self.rows.append(row)
        self.latest |= values
        if trainer.is_global_zero:
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self.columns, lineterminator="\n").writerow(row)
            self._show(trainer, validated=any(name.startswith("valid") for name in values))

    def _show(self, trainer: lightning.Trainer, *, validated: bool) -> None:
        if self.console is None:
            return
        text = " · ".join(part for part in (f"epoch {trainer.current_epoch + 1}", self.text()) if part)
        if self._progress is not None:
            self._progress.update(self._task, completed=trainer.global_step, description=text)
        elif validated and time.monotonic() - self._line_time > SECONDS_BETWEEN_LINES:
            self._line_time = time.monotonic()
            line = f"{text} · step {trainer.global_step} · {self.elapsed():.1f} min"
            self.console.print(line, highlight=False, soft_wrap=True)

    def _write_rows(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())

    def _close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """Return the complete rows of a metrics file, or none if there is no file."""
    if not Path(path).is_file():
        return []
    with Path(path).open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("lr") and (row["step"] or "").isdigit()]
