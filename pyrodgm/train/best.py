"""The best weights so far, by validation."""

import math
from typing import Any

import lightning
from torch import Tensor

from pyrodgm.train.training import Training


class BestWeights(lightning.Callback):
    """Keeps the weights with the least `valid_nll` (the average, if one is kept) and stops when it stalls.

    They are part of a checkpoint: a run that goes on from it knows no other weights than those of its figures.

    Args:
        patience: Validations without a new best after which training stops; None never stops.
    """

    def __init__(self, *, patience: int | None = None) -> None:
        if patience is not None and patience < 1:
            raise ValueError(f"Expected patience to be at least 1 or none; got {patience}.")
        self.patience = patience
        self.valid_nll, self.step, self.waited = math.inf, 0, 0
        self.weights: dict[str, Tensor] = {}  # on the CPU

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Compare; runs before the average of the weights is taken out again."""
        if "valid_nll" not in trainer.callback_metrics or not isinstance(pl_module, Training):
            return
        value = float(trainer.callback_metrics["valid_nll"])
        if not math.isfinite(value):
            raise FloatingPointError(
                f"Expected a finite validation loss; got {value} after step {trainer.global_step}; the best weights "
                "so far stay. Lower training.lr or set trainer.gradient_clip_val."
            )
        if value < self.valid_nll:
            self.valid_nll, self.step, self.waited = value, trainer.global_step, 0
            state = pl_module.pyro_model.state_dict()
            self.weights = {name: value.detach().to("cpu", copy=True) for name, value in state.items()}
        else:
            self.waited += 1
            if self.stalled:
                trainer.should_stop = True

    @property
    def stalled(self) -> bool:
        """Whether there was no new best for so many validations."""
        return self.patience is not None and self.waited >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """Return the best so far."""
        figures = {"valid_nll": self.valid_nll, "step": self.step, "waited": self.waited}
        return {**figures, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the best so far."""
        self.valid_nll, self.step, self.waited = (state_dict[key] for key in ("valid_nll", "step", "waited"))
        self.weights = state_dict["weights"]
