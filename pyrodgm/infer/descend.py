"""The steps that fits of posteriors share."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

SLOW = 0.1  # of the step size, where a result is the sum of many values
LONG = 10.0  # times as long as usual: a gradient that is shortened


def descend(
    values: Sequence[Tensor],
    evaluate: Callable[[], Tensor],
    *,
    num_steps: int,
    lr: float,
    summed: Sequence[Tensor] = (),
) -> list[float]:
    """Minimise by Adam, its step size falling along a cosine to zero.

    A gradient of the first of the values that is ten times as long as they have been shortens the step. Steps are
    finite or are not taken.

    Args:
        values: What is changed, in place.
        evaluate: Sets the gradient of each value, and returns the loss.
        num_steps: Number of steps.
        lr: Adam's step size at the start.
        summed: What else is changed, with a tenth of the step size: what is summed up many at a time, as in networks.

    Returns:
        The loss before each step.

    Raises:
        ValueError: If a number is out of range.
        FloatingPointError: If a loss or a gradient is not finite.
    """
    if num_steps < 1:
        raise ValueError(f"Expected num_steps of at least 1; got {num_steps}. Give how many steps to take.")
    if not 0 < lr < math.inf:
        raise ValueError(f"Expected lr > 0; got {lr}. Give Adam's step size, such as 1e-2.")
    groups = [{"params": list(values), "lr": lr}]
    if summed:
        groups.append({"params": list(summed), "lr": SLOW * lr})
    optimizer = torch.optim.Adam(groups, fused=True)
    rates = [(group, group["lr"]) for group in optimizer.param_groups]
    losses: list[float] = []
    usual = math.inf
    for step in range(num_steps):
        loss = evaluate().item()
        length = torch.linalg.vector_norm(values[0].grad).item()  # type: ignore[arg-type]
        if not math.isfinite(loss + length):
            raise FloatingPointError(
                f"Expected a finite loss and gradient; got {loss:.6g} and a gradient of length {length:.6g} at step "
                f"{step}. Lower lr or the prior's scale, or scale the data."
            )
        if length > LONG * usual:
            for value in (*values, *summed):
                if value.grad is not None:
                    value.grad.mul_(LONG * usual / length)
            length = LONG * usual
        usual = length if step == 0 else 0.99 * usual + 0.01 * length
        decay = 0.5 * (1.0 + math.cos(math.pi * step / num_steps))
        for group, rate in rates:
            group["lr"] = rate * decay
        optimizer.step()
        losses.append(loss)
    return losses
