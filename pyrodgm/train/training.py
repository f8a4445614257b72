"""The Lightning module: a model, an objective, an optimiser."""

import math
from collections.abc import Callable
from typing import Any

import lightning
import pyro
import torch
from pyro.infer import SVI
from torch import Tensor

from pyrodgm import infer, models
from pyrodgm.train.ema import WeightAverage

SCHEDULES = ("none", "cosine", "linear")


class Training(lightning.LightningModule):
    """Trains a model by an objective with fused Adam; losses are nats per datum.

    A batch is `(x, context)` with `x` of shape `(batch, *event_shape)` and `context` a tensor or None, as `Batches`
    makes them. Validation is the objective on the validation set with noise fixed by `seed` (for a `Density` that is
    the exact negative log-likelihood), logged as `valid_nll`.

    Args:
        model: The model; its parameters are trained in place.
        objective: Takes `(model, guide)` and returns a module whose call on a batch is a loss in nats summed over it:
            ours or any of Pyro's ELBOs. `infer.ReparameterizedELBO()` by default.
        lr: Adam's step size.
        weight_decay: Decoupled weight decay (AdamW); 0 is plain Adam.
        schedule: `none`, `cosine` or `linear` decay of the step size to 0 over the whole training, each step.
        warmup_steps: Steps over which the step size rises linearly from 0.
        beta: Weight of the latents' divergence; 1 is the evidence lower bound, which validation always is.
        beta_steps: Steps over which that weight rises from 0 to `beta` (KL warm-up).
        free_bits: Bits of each latent site that cost nothing. This and the two before need the default objective,
            which has such settings.
        ema_decay: Decay a step of the average of the weights that is validated and exported; None for no average.
        seed: Seed of the validation noise.

    Raises:
        ValueError: If a setting is out of range, or the objective is an `SVI`.

    Example:
        >>> model = models.vae(4, 2, hidden_dims=(8,))
        >>> Training(model, lr=1e-3).training_step((torch.zeros(5, 4), None), 0).shape
        torch.Size([])

    References:
        Kingma, Ba (2015), Adam, https://arxiv.org/abs/1412.6980
    """

    def __init__(
        self,
        model: models.Model,
        *,
        objective: Callable[..., Any] | None = None,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        schedule: str = "none",
        warmup_steps: int = 0,
        beta: float = 1.0,
        beta_steps: int = 0,
        free_bits: float = 0.0,
        ema_decay: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if isinstance(objective, SVI):
            raise ValueError("Expected an objective such as Trace_ELBO(); got an SVI, which makes its own optimisers.")
        if schedule not in SCHEDULES:
            raise ValueError(f"Expected schedule to be one of {', '.join(SCHEDULES)}; got {schedule!r}.")
        if lr <= 0 or weight_decay < 0 or warmup_steps < 0 or beta_steps < 0 or beta < 0 or free_bits < 0:
            raise ValueError(
                "Expected lr > 0, and weight_decay, warmup_steps, beta, beta_steps and free_bits >= 0; got "
                f"lr={lr}, weight_decay={weight_decay}, warmup_steps={warmup_steps}, beta={beta}, "
                f"beta_steps={beta_steps}, free_bits={free_bits}."
            )
        self.pyro_model = model
        self.objective = objective or infer.ReparameterizedELBO()
        self.weighs_latents = beta != 1.0 or beta_steps > 0 or free_bits > 0
        if self.weighs_latents and not isinstance(self.objective, infer.ReparameterizedELBO):
            raise ValueError(
                f"Expected infer.ReparameterizedELBO as the objective with beta={beta}, beta_steps={beta_steps}, "
                f"free_bits={free_bits}; got {type(self.objective).__name__}, which has no weight of the latent "
                "variables to set."
            )
        self.beta, self.beta_steps, self.free_bits = beta, beta_steps, free_bits
        self._loss = (self.objective(model.model, model.guide),)  # in a tuple: not registered a second time
        self.lr, self.weight_decay, self.schedule, self.warmup_steps = lr, weight_decay, schedule, warmup_steps
        self.average = None if ema_decay is None else WeightAverage(ema_decay)
        self.seed = seed
        self.time_share: Callable[[], float] = lambda: 0.0  # of a limit of time that has passed; `fit` sets it
        self._valid: list[tuple[Tensor, int]] = []

    def loss(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the objective on a batch, in nats per datum."""
        total = self._loss[0](x) if context is None else self._loss[0](x, context)
        return total / len(x)

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> Tensor:
        """Return the loss of a batch, in nats per datum."""
        if not self.weighs_latents or not isinstance(self.objective, infer.ReparameterizedELBO):
            return self.loss(*batch)
        objective, whole = self.objective, (self.objective.beta, self.objective.free_bits)
        share = min(1.0, self.global_step / self.beta_steps) if self.beta_steps else 1.0
        objective.beta, objective.free_bits = share * self.beta, self.free_bits
        try:
            return self.loss(*batch)
        finally:
            objective.beta, objective.free_bits = whole

    def on_validation_epoch_start(self) -> None:
        """Fix the noise, so that two validations differ by the weights only."""
        self._random_state = random_state()
        torch.manual_seed(self.seed)
        self._valid = []

    def validation_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        """Add a batch's loss."""
        self._valid.append((self.loss(*batch).detach(), len(batch[0])))

    def on_validation_epoch_end(self) -> None:
        """Log `valid_nll`, in nats per datum, and give the random numbers back."""
        set_random_state(self._random_state)
        count = sum(size for _, size in self._valid)
        if count:
            mean = torch.stack([loss * (size / count) for loss, size in self._valid]).sum()
            self.log("valid_nll", mean, sync_dist=self.trainer.world_size > 1)

    def on_train_start(self) -> None:
        """Refuse parameters that other processes would not see."""
        if self.trainer.world_size > 1:
            known = {id(parameter) for parameter in self.parameters()}
            strays = [n for n, p in pyro.get_param_store().named_parameters() if id(p) not in known]
            if strays:
                raise ValueError(
                    f"Expected every parameter inside the model when training on {self.trainer.world_size} devices; "
                    f"got pyro.param {', '.join(strays)}, which would not be synchronised; use module parameters."
                )

    def configure_optimizers(self) -> Any:
        """Make the one Adam of all parameters, and its schedule."""
        trainable = [p for p in self.parameters() if p.requires_grad]
        make = torch.optim.AdamW if self.weight_decay else torch.optim.Adam
        optimizer = make(trainable, lr=self.lr, weight_decay=self.weight_decay, fused=True)
        if self.schedule == "none" and not self.warmup_steps:
            return optimizer
        total = float(self.trainer.estimated_stepping_batches) if self.schedule != "none" else 1.0
        if math.isinf(total):
            raise ValueError(f"Expected trainer.max_epochs or max_steps with schedule={self.schedule!r}; got neither.")
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self.factor(step, total))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def factor(self, step: int, total: float) -> float:
        """Return the factor on `lr` after `step` of `total` steps, or of the time, whichever ends first."""
        warmup = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        done = min(1.0, max(step / total, self.time_share()))
        decay = {"none": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}[self.schedule]
        return warmup * decay

    def configure_callbacks(self) -> list[lightning.Callback]:
        """Add the average of the weights to the trainer's callbacks."""
        return [] if self.average is None else [self.average]


def random_state() -> dict[str, Any]:
    """Return the state of torch's random number generators, on every device."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def set_random_state(state: dict[str, Any]) -> None:
    """Put back what `random_state` returned."""
    torch.set_rng_state(state["cpu"].cpu())
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
