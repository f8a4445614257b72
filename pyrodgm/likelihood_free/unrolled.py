"""A generator that looks some steps of the discriminator ahead."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pyrodgm.likelihood_free.game import Game, Parameters, Wrapped
from pyrodgm.likelihood_free.pure_optimizers import adam_state, pure_adam
from pyrodgm.nn.mlp import check_dim


class Unrolled(Wrapped):
    r"""A game whose generator minimises its loss against the discriminator as it will be, :math:`D_{\theta_K(G)}`.

    :math:`\theta_0` is the discriminator, and :math:`\theta_{k+1}` comes of one step of its optimiser on its loss on
    this batch. The generator's gradient goes through all :math:`K` steps, so that a collapse onto one mode, which the
    discriminator would answer, does not pay. The discriminator itself is trained as ever, from :math:`\theta_0`. Time
    and memory of the generator's step grow linearly with :math:`K`; 0 is the plain game.

    Args:
        game: The game that is played.
        steps: Number :math:`K` of steps to look ahead.
        lr: Their step size; the discriminator's if ``None``.
        update: The optimiser's step as a pure function of parameters, gradients, what it remembers, and ``lr``.
            :func:`pure_adam` goes on from what the discriminator's Adam remembers.

    Raises:
        ValueError: If ``steps`` is negative or ``lr`` not positive.

    Example:
        >>> from pyrodgm import likelihood_free
        >>> likelihood_free.Unrolled(likelihood_free.NonSaturating(), 5).steps
        5

    References:
        Metz, Poole, Pfau, Sohl-Dickstein (2017), Unrolled Generative Adversarial Networks, section 2,
        https://arxiv.org/abs/1611.02163
    """

    def __init__(
        self,
        game: Game,
        steps: int,
        *,
        lr: float | None = None,
        update: Callable[..., tuple[dict[str, Tensor], Any]] = pure_adam,
    ) -> None:
        super().__init__(game)
        if game.looks_ahead:
            raise ValueError("Expected a game that is not unrolled already; got an Unrolled one. Add up the steps.")
        if lr is not None and not lr > 0:
            raise ValueError(f"Expected lr > 0; got {lr}. Leave it out to take the discriminator's.")
        self.steps = check_dim("steps", steps, 0)
        self.lr = lr
        self.update = update

    @property
    def looks_ahead(self) -> bool:
        """Whether there is a step to look ahead."""
        return self.steps > 0

    def look_ahead(
        self,
        loss_of: Callable[[Parameters], Tensor],
        parameters: Mapping[str, Tensor],
        optimizer: torch.optim.Optimizer,
    ) -> Parameters:
        """Return the discriminator's parameters after ``steps`` steps, with their graph.

        Args:
            loss_of: The discriminator's loss on this batch, of its parameters.
            parameters: What the discriminator has.
            optimizer: What trains it.
        """
        lr = optimizer.param_groups[0]["lr"] if self.lr is None else self.lr
        state = adam_state(optimizer, parameters) if self.update is pure_adam else None
        step = functools.partial(self.update, lr=lr)
        ahead = {name: value.detach().requires_grad_() for name, value in parameters.items()}
        for _ in range(self.steps):
            gradients = torch.autograd.grad(
                loss_of(ahead), list(ahead.values()), create_graph=True, materialize_grads=True
            )
            ahead, state = step(ahead, dict(zip(ahead, gradients, strict=True)), state)
        return ahead
