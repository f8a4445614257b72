"""An exponential moving average of the weights: what is validated and exported, while training goes on with its own."""

from typing import Any

import lightning
import torch
from torch import Tensor

EVERY = 10  # steps between updates; the decay is raised to this power, so that the average keeps its length


class WeightAverage(lightning.Callback):
    r"""Keeps :math:`\bar\theta \leftarrow \rho\,\bar\theta + (1-\rho)\,\theta` and puts it in place for validation.

    Early on the decay is the smaller :math:`(1+t)/(10+t)`, t counting the updates; before the first one, the weights
    themselves are validated.

    Args:
        decay: :math:`\rho` a step, in [0, 1).

    Raises:
        ValueError: If the decay is outside [0, 1).

    Example:
        >>> WeightAverage(0.999).decay
        0.999
    """

    def __init__(self, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"Expected ema_decay in [0, 1); got {decay}; use 0.999, or none for no average.")
        self.decay = decay
        self.average: list[Tensor] = []
        self.updates = 0
        self.step = -1

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start from the weights, or go on from the checkpoint's average."""
        parameters = self._parameters(pl_module)
        loaded = self.average or parameters
        self.average = [a.detach().to(p.device, p.dtype, copy=True) for a, p in zip(loaded, parameters, strict=True)]

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the average towards the weights every tenth step."""
        if trainer.global_step == self.step or trainer.global_step % EVERY:
            return
        self.step = trainer.global_step
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates)) ** EVERY
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self._parameters(pl_module), 1 - decay)

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Put the average in place."""
        self.swap(pl_module)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Put the weights back."""
        self.swap(pl_module)

    def swap(self, pl_module: lightning.LightningModule) -> None:
        """Exchange the weights and their average, in place; before the first update there is none but the start."""
        if not self.updates:
            return
        with torch.no_grad():
            for parameter, average in zip(self._parameters(pl_module), self.average, strict=False):
                kept = parameter.clone()
                parameter.copy_(average)
                average.copy_(kept)

    def state_dict(self) -> dict[str, Any]:
        """Return the average for a checkpoint."""
        return {"average": self.average, "updates": self.updates, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the average of a checkpoint."""
        self.average, self.updates, self.step = (state_dict[key] for key in ("average", "updates", "step"))

    @staticmethod
    def _parameters(pl_module: lightning.LightningModule) -> list[Tensor]:
        return [p.detach() for p in pl_module.parameters() if p.is_floating_point()]
