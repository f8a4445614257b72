"""Optimiser steps as pure functions, through which one can differentiate."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor


class AdamState(NamedTuple):
    """What Adam remembers, and its settings.

    Attributes:
        step: Number of steps taken.
        mean: Running mean of each gradient; missing ones are 0.
        square: Running mean of each squared gradient; missing ones are 0.
        betas: Decays of the two.
        eps: What is added to the root of the second.
    """

    step: int = 0
    mean: Mapping[str, Tensor] = {}
    square: Mapping[str, Tensor] = {}
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8


def pure_sgd(
    parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor], state: Any = None, *, lr: float
) -> tuple[dict[str, Tensor], Any]:
    r"""Take one step of gradient descent, :math:`\theta' = \theta - \eta\, g`, changing nothing in place.

    Args:
        parameters: Tensors by name.
        gradients: Their gradients.
        state: Not used; it is handed back.
        lr: Step size :math:`\eta`.

    Returns:
        The new parameters, differentiable in the old ones and the gradients, and the state.

    Example:
        >>> after, _ = pure_sgd({"w": torch.ones(3)}, {"w": torch.ones(3)}, lr=0.1)
        >>> after["w"].shape
        torch.Size([3])
    """
    return {name: value - lr * gradients[name] for name, value in parameters.items()}, state


def pure_adam(
    parameters: Mapping[str, Tensor], gradients: Mapping[str, Tensor], state: AdamState | None = None, *, lr: float
) -> tuple[dict[str, Tensor], AdamState]:
    r"""Take one step of Adam, :math:`\theta' = \theta - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)`, nothing in place.

    A gradient that has been 0 from the start leaves its parameter and has a derivative of 0 there, not NaN.

    Args:
        parameters: Tensors by name.
        gradients: Their gradients.
        state: What Adam remembers; nothing if ``None``.
        lr: Step size :math:`\eta`.

    Returns:
        The new parameters, differentiable in the old ones and the gradients, and the new state.

    Example:
        >>> after, state = pure_adam({"w": torch.ones(3)}, {"w": torch.ones(3)}, lr=0.1)
        >>> after["w"].shape, state.step
        (torch.Size([3]), 1)

    References:
        Kingma, Ba (2015), Adam, algorithm 1, https://arxiv.org/abs/1412.6980
    """
    state = AdamState() if state is None else state
    step, (beta1, beta2) = state.step + 1, state.betas
    means, squares, after = {}, {}, {}
    for name, value in parameters.items():
        g = gradients[name]
        mean = (1 - beta1) * g + beta1 * state.mean[name] if name in state.mean else (1 - beta1) * g
        square = (1 - beta2) * g.square()
        if name in state.square:
            square = square + beta2 * state.square[name]
        means[name], squares[name] = mean, square
        positive = square > 0
        root = torch.where(positive, square, 1.0).sqrt() / (1 - beta2**step) ** 0.5
        direction = torch.where(positive, mean / (root + state.eps), 0.0)
        after[name] = value - lr / (1 - beta1**step) * direction
    return after, AdamState(step, means, squares, state.betas, state.eps)


def adam_state(optimizer: torch.optim.Optimizer, parameters: Mapping[str, Tensor]) -> AdamState:
    """Return what a :class:`torch.optim.Adam` remembers of parameters, by their names.

    Args:
        optimizer: The optimiser, of one group.
        parameters: The very tensors that it trains, by name.

    Raises:
        ValueError: If it is no Adam.
    """
    group = optimizer.param_groups[0]
    if "betas" not in group:  # a trainer may have wrapped an Adam in a class of its own
        raise ValueError(
            f"Expected Adam as the discriminator's optimiser for pure_adam to go on from; got "
            f"{type(optimizer).__name__}. Unroll with update=pure_sgd."
        )
    known = {name: optimizer.state[value] for name, value in parameters.items() if optimizer.state.get(value)}
    return AdamState(
        step=max((int(memory["step"]) for memory in known.values()), default=0),
        mean={name: memory["exp_avg"].clone() for name, memory in known.items()},
        square={name: memory["exp_avg_sq"].clone() for name, memory in known.items()},
        betas=group["betas"],
        eps=group["eps"],
    )
