"""What a game between a generator and a discriminator is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Parameters = dict[str, Tensor]


class Game(ABC):
    """Two losses of a discriminator's scores, one for each player; both are to be minimised.

    A score is one number a datum, without a link: a logit where the discriminator stands for a probability.

    Attributes:
        threshold: The score above which a datum counts as real in the discriminator's accuracy; ``None`` is the
            middle between the mean scores of real and fake data.
    """

    threshold: float | None = 0.0

    @abstractmethod
    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Return the discriminator's loss, averaged over scores ``(num,)`` each."""

    @abstractmethod
    def generator_loss(self, fake_scores: Tensor) -> Tensor:
        """Return the generator's loss, averaged over scores ``(num,)``."""

    @property
    def looks_ahead(self) -> bool:
        """Whether the generator's loss is taken at other parameters of the discriminator than it has."""
        return False

    def shown(self, x: Tensor) -> Tensor:
        """Return what the discriminator sees of a batch ``(num, ...)``: the batch."""
        return x

    def look_ahead(
        self,
        loss_of: Callable[[Parameters], Tensor],
        parameters: Mapping[str, Tensor],
        optimizer: torch.optim.Optimizer,
    ) -> Parameters:
        """Return the discriminator's parameters at which the generator's loss is taken: those that it has.

        Args:
            loss_of: The discriminator's loss on this batch, of its parameters.
            parameters: What the discriminator has.
            optimizer: What trains it.
        """
        return dict(parameters)

    def accuracy(self, real_scores: Tensor, fake_scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares of real and of fake data that the discriminator takes for what they are."""
        middle = (real_scores.mean() + fake_scores.mean()) / 2 if self.threshold is None else self.threshold
        dtype = real_scores.dtype
        return (real_scores > middle).to(dtype).mean(), (fake_scores < middle).to(dtype).mean()


class Wrapped(Game):
    """A game that plays another one in a different way.

    Args:
        game: The game whose losses are taken.
    """

    def __init__(self, game: Game) -> None:
        if not isinstance(game, Game):
            raise ValueError(f"Expected a game, such as NonSaturating(); got {game!r}. Make an object of the class.")
        self.game = game
        self.threshold = game.threshold

    @property
    def looks_ahead(self) -> bool:
        """Whether the inner game does."""
        return self.game.looks_ahead

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Return the inner game's loss."""
        return self.game.discriminator_loss(real_scores, fake_scores)

    def generator_loss(self, fake_scores: Tensor) -> Tensor:
        """Return the inner game's loss."""
        return self.game.generator_loss(fake_scores)

    def shown(self, x: Tensor) -> Tensor:
        """Return what the inner game shows."""
        return self.game.shown(x)

    def look_ahead(
        self,
        loss_of: Callable[[Parameters], Tensor],
        parameters: Mapping[str, Tensor],
        optimizer: torch.optim.Optimizer,
    ) -> Parameters:
        """Look ahead as the inner game does."""
        return self.game.look_ahead(loss_of, parameters, optimizer)
