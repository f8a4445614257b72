"""Maximum likelihood with early stopping, for sets of a few thousand rows at most: a loop without a run folder."""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm import Conditional, data


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes:
        learning_rate: Of Adam with decoupled weight decay.
        weight_decay: Of the networks' weights; biases and linear bijections have none.
        batch_size: Rows of a step.
        noise: Standard deviation of normal noise added to data (and to the context) at each step, in the units of
            the standardized columns.
        every: Steps between validations.
        patience: Validations without a new best before the learning rate falls to a fifth, from the best weights on;
            the second time, training ends.
        max_steps: Training ends here at the latest.
    """

    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    batch_size: int = 128
    noise: float = 0.0
    every: int = 25
    patience: int = 8
    max_steps: int = 1000


def fit(conditional: Conditional, splits: data.Splits, settings: Settings, seed: int) -> dict[str, float]:
    """Train, and keep the weights that validated best: those of the start too, if none was better.

    Returns:
        Validation and test log-likelihood in nats per datum of the standardized data, steps, and the best step.
    """
    torch.manual_seed(seed)
    train, valid, test = ((part.x, part.context) for part in (splits.train, splits.valid, splits.test))
    conditional.initialize(*train)
    decays = [p for name, p in conditional.named_parameters() if name.endswith("weight")]
    others = [p for name, p in conditional.named_parameters() if not name.endswith("weight")]
    optimizer = torch.optim.AdamW(
        [{"params": decays, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=settings.learning_rate,
        fused=True,
    )
    best, best_step, waited, falls, step = log_likelihood(conditional, *valid), 0, 0, 0, 0
    weights = copy.deepcopy(conditional.state_dict())
    while step < settings.max_steps and falls < 2:
        for rows in torch.randperm(len(train[0])).split(settings.batch_size):
            x, context = (None if part is None else noisy(part[rows], settings.noise) for part in train)
            optimizer.zero_grad()
            loss = -conditional(context).log_prob(x).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(conditional.parameters(), 5.0)
            optimizer.step()
            step += 1
            if step % settings.every:
                continue
            value = log_likelihood(conditional, *valid)
            if value > best:
                best, best_step, waited = value, step, 0
                weights = copy.deepcopy(conditional.state_dict())
                continue
            waited += 1
            if waited >= settings.patience:
                conditional.load_state_dict(weights)
                waited, falls = 0, falls + 1
                for group in optimizer.param_groups:
                    group["lr"] /= 5
            if falls == 2:
                break
    conditional.load_state_dict(weights)
    return {"valid": best, "test": log_likelihood(conditional, *test), "steps": step, "best_step": best_step}


def noisy(values: Tensor, scale: float) -> Tensor:
    """Add normal noise."""
    return values + scale * torch.randn_like(values) if scale else values


@torch.no_grad()
def log_likelihood(conditional: Conditional, x: Tensor, context: Tensor | None) -> float:
    """Return the mean log-density in nats in evaluation mode, minus infinity where it is no number."""
    training = conditional.training
    conditional.eval()
    value = float(conditional(context).log_prob(x).mean())
    conditional.train(training)
    return value if math.isfinite(value) else -math.inf
