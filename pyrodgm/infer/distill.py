"""Training a student of fast draws from a teacher's density."""

import math
from typing import Any

import torch
from torch import Tensor

from pyrodgm.conditional import Conditional
from pyrodgm.infer.distillation import Distillation

MAX_GRADIENT_NORM = 10.0


def distill(
    student: Conditional,
    teacher: Conditional,
    *,
    num_steps: int,
    batch_size: int = 16,
    lr: float = 1e-3,
    context: Tensor | None = None,
    reference: Tensor | None = None,
    **settings: Any,
) -> list[float]:
    r"""Minimise :math:`\mathrm{KL}(\text{student} \,\|\, \text{teacher})` over draws of the student, in place.

    By Adam with a cosine decay, on the loss a variable, with gradients of a norm above 10 cut to it. Every step is
    finite or is not taken: the parameters are left as they were before a bad one. The teacher is not changed.

    Args:
        student: What is trained: reparameterized, a :class:`~pyrodgm.flows.CausalFlow` best of all.
        teacher: Any density of the same events and contexts, over real numbers.
        num_steps: Number of steps of Adam.
        batch_size: Number of draws a step.
        lr: Adam's step size at the start.
        context: Contexts to draw at, ``(num, *context_shape)``, of which every step takes some at random, or ``None``.
        reference: Real data for the spectral loss, ``(num, *event_shape)``, each of its context where there are any.
        **settings: Those of :class:`Distillation`: ``num_draws``, ``spectral_weight``, ``spectral_loss``.

    Returns:
        The loss at each step, in nats a draw.

    Raises:
        ValueError: If a number is out of range, student and teacher do not fit, draws carry no gradients, nothing is to
            be trained, or contexts and references are missing or of different numbers.
        FloatingPointError: If draws, a loss or a gradient is NaN or infinite; says at which step.

    Example:
        >>> from pyrodgm import flows, infer
        >>> losses = infer.distill(flows.iaf(2), flows.maf(2), num_steps=3)
        >>> len(losses)
        3

    References:
        van den Oord and others (2017), Parallel WaveNet: Fast High-Fidelity Speech Synthesis,
        https://arxiv.org/abs/1711.10433
    """
    for name, number in (("num_steps", num_steps), ("batch_size", batch_size)):
        if number < 1:
            raise ValueError(f"Expected {name} of at least 1; got {number}. Give a positive number.")
    if not 0 < lr < math.inf:
        raise ValueError(f"Expected lr > 0; got {lr}. Give Adam's step size, such as 1e-3.")
    loss_of = Distillation(teacher, **settings)(student)
    num_rows = check_rows(student, context, reference)
    trained = [parameter for parameter in student.parameters() if parameter.requires_grad]
    if not trained:
        raise ValueError(f"Expected parameters to train; {type(student).__name__} has none. Pass a flow.")
    optimizer = torch.optim.Adam(trained, lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    num_variables = max(student.event_shape.numel(), 1)
    losses = []
    for step in range(num_steps):
        rows = torch.randint(num_rows, (batch_size,)) if num_rows else None
        chosen = [None if rows is None or given is None else given[rows] for given in (context, reference)]
        optimizer.zero_grad()
        try:
            loss = loss_of.mean_loss(batch_size, *chosen)
        except FloatingPointError as error:
            raise FloatingPointError(f"{error} (step {step})") from error
        (loss / num_variables).backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, MAX_GRADIENT_NORM)
        if not norm.isfinite():
            raise FloatingPointError(
                f"Expected a finite gradient; got a norm of {norm.item()} at step {step}, with a loss of "
                f"{loss.item():.6g}. Lower the learning rate."
            )
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def check_rows(student: Conditional, context: Tensor | None, reference: Tensor | None) -> int:
    """Return how many rows contexts and references have, 0 where there are none of either.

    Raises:
        ValueError: If one is of another shape than rows, is empty, or they are of different numbers.
    """
    shapes = (("context", context, student.context_shape), ("reference", reference, student.event_shape))
    given = [(name, rows, tuple(shape)) for name, rows, shape in shapes if rows is not None]
    for name, rows, shape in given:
        if not shape and name == "context":
            student.check_context(rows)
        if tuple(rows.shape[1:]) != shape or rows.dim() != 1 + len(shape) or not len(rows):
            raise ValueError(
                f"Expected {name} of shape (num, {', '.join(map(str, shape))}), num > 0; got {tuple(rows.shape)}. "
                "Give one a row."
            )
    if len({len(rows) for _, rows, _ in given}) > 1:
        raise ValueError(
            f"Expected one reference for each context; got {len(given[1][1])} and {len(given[0][1])}. Pass as many."
        )
    return len(given[0][1]) if given else 0
