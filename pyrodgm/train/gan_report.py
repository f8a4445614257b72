"""What the training of a GAN says: both losses, accuracies, gradients, penalty, and what validation finds."""

import math
from pathlib import Path
from typing import Any

import lightning
import torch
from rich.console import Console
from torch import Tensor

from pyrodgm.train.report import Report

LOSSES = ("discriminator_loss", "generator_loss")
FIGURES = (
    *LOSSES,
    "real_accuracy",
    "fake_accuracy",
    "discriminator_gradient_norm",
    "generator_gradient_norm",
    "penalty",
)
VALIDATED = ("valid_energy_distance", "modes_found", "high_quality_share")
DIVERGED = 1e8  # a loss beyond has left every scale of a score


class GANReport(Report):
    """Writes `metrics.csv` of a GAN and shows progress; figures are looked at every so many steps, not at each.

    Args:
        path: The CSV file, with columns for the losses, accuracies, norms of gradients, penalty, and what validation
            found.
        every: Steps between two rows.
        checkpoint_every: Steps between two checkpoints, before each of which figures are looked at.
        console: Where progress is shown; None shows none.
    """

    columns = ("epoch", "step", "time_minutes", *FIGURES, *VALIDATED, "lr")

    def __init__(
        self, path: str | Path, *, every: int = 50, checkpoint_every: int = 1000, console: Console | None = None
    ) -> None:
        super().__init__(path, every=every, console=console)
        self.checkpoint_every = checkpoint_every
        self._outputs: list[dict[str, Tensor]] = []

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remember the figures; every so many steps look at the last ones."""
        self._outputs.append({name: value for name, value in outputs.items() if isinstance(value, Tensor)})
        if len(self._outputs) >= self.every or trainer.global_step % self.checkpoint_every == 0:
            self.look(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write what validation found."""
        self.look(trainer)
        self._add(trainer, {name: float(v) for name, v in trainer.callback_metrics.items() if name in VALIDATED})

    def look(self, trainer: lightning.Trainer) -> None:
        """Write the means of the figures since the last look.

        Raises:
            FloatingPointError: If a figure is NaN or infinite, or a loss has diverged; names the step.
        """
        if not self._outputs:
            return
        first, outputs = trainer.global_step - len(self._outputs) + 1, self._outputs
        self._outputs = []
        means, bad = {}, []
        for name in FIGURES:
            steps = [first + i for i, output in enumerate(outputs) if name in output]
            if not steps:
                continue
            values = torch.stack([output[name] for output in outputs if name in output]).float().cpu()
            wrong = ~values.isfinite() | ((values.abs() > DIVERGED) & (name in LOSSES))
            bad += [(steps[int(i)], name, float(values[i])) for i in wrong.nonzero().flatten()[:1]]
            means[name] = float(values.mean())
        if bad:
            step, name, value = min(bad, key=lambda found: found[0])
            raise FloatingPointError(
                f"Expected finite figures and losses below {DIVERGED:g}; got {name} {value:g} at step {step}; the last "
                "good checkpoint stays. Lower training.lr_generator and training.lr_discriminator, or add a "
                "regularizer of the discriminator."
            )
        self._add(trainer, means)

    def text(self) -> str:
        """Return losses, accuracy and what validation found, for the progress bar."""
        latest, parts = self.latest, []
        if "discriminator_loss" in latest:
            parts.append(f"D {latest['discriminator_loss']:.3f} G {latest.get('generator_loss', math.nan):.3f}")
            parts.append(f"accuracy {(latest['real_accuracy'] + latest['fake_accuracy']) / 2:.0%}")
        if "modes_found" in latest:
            parts.append(f"modes {latest['modes_found']:.0f}, {latest['high_quality_share']:.0%} good")
        if "valid_energy_distance" in latest:
            parts.append(f"energy distance {latest['valid_energy_distance']:.3g}")
        return " · ".join(parts)
