"""The Lightning module of a GAN: an adversary, its optimisers, and what is looked at while it trains."""

from collections.abc import Sequence
from typing import Any

import lightning
import torch
from torch import Tensor

from pyrodgm import metrics
from pyrodgm.likelihood_free import GAN, Adversary, Game, Regularizer
from pyrodgm.train.training import random_state, set_random_state

Modes = tuple[Tensor, float]  # centres (num_modes, dim), and the standard deviation about them
NUM_DRAWS = 2500  # for a count of modes, as in the papers


class GANTraining(lightning.LightningModule):
    """Trains a GAN by `likelihood_free.Adversary`, one batch a step; the optimisation is Lightning's manual one.

    A batch is `(x, context)` as `Batches` makes them. A validation draws as many samples as there are validation data,
    by noise fixed by `seed`, in evaluation mode and with averaged weights where they are kept; it logs
    `valid_energy_distance`, and `modes_found` and `high_quality_share` of 2,500 draws where the modes are known.

    Args:
        gan: What is trained, in place.
        game: The game that is played.
        regularizers: What acts on the discriminator, in this order.
        lr_generator: Adam's step size for the generator.
        lr_discriminator: And for the discriminator.
        betas: Adam's decays, for both.
        num_critic_steps: Steps of the discriminator, each with a batch of its own, for each of the generator.
        modes: Centres of the data's modes, `(num_modes, dim)`, and the standard deviation about them, or None.
        seed: Seed of the validation noise.

    Raises:
        ValueError: If a setting is out of range, or a regulariser refuses the discriminator.

    Example:
        >>> from pyrodgm import Fixed, Neural, distributions, heads, likelihood_free, nn
        >>> generator = Neural(nn.MLP(4, 2), heads.Delta(2))
        >>> gan = likelihood_free.GAN(Fixed(distributions.StandardNormal(4)), generator, nn.MLP(2, 1))
        >>> module = GANTraining(gan, game=likelihood_free.Hinge())
        >>> [type(optimizer).__name__ for optimizer in module.configure_optimizers()]
        ['Adam', 'Adam']

    References:
        Goodfellow et al. (2014), Generative Adversarial Nets, algorithm 1, https://arxiv.org/abs/1406.2661
    """

    def __init__(
        self,
        gan: GAN,
        *,
        game: Game,
        regularizers: Sequence[Regularizer] = (),
        lr_generator: float = 2e-4,
        lr_discriminator: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        num_critic_steps: int = 1,
        modes: Modes | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.gan = gan
        self.adversary = Adversary(
            gan,
            game,
            regularizers=regularizers,
            lr_generator=lr_generator,
            lr_discriminator=lr_discriminator,
            betas=betas,
            num_critic_steps=num_critic_steps,
        )
        self.adversary.backward = self.manual_backward
        self.modes, self.seed = modes, seed

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the adversary's optimisers; the first one takes a step at every batch."""
        second = self.adversary.generator_optimizer
        first = self.adversary.discriminator_optimizer
        return [second] if first is None else [first, second]

    def on_train_start(self) -> None:
        """Let Lightning count the steps of the first optimiser, and go on from its count."""
        wrapped = self.optimizers()
        counted: Any = wrapped[0] if isinstance(wrapped, list) else wrapped
        if self.adversary.discriminator_optimizer is None:
            self.adversary.generator_optimizer = counted
        else:
            self.adversary.discriminator_optimizer = counted
        self.adversary.num_batches = self.global_step

    def training_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> dict[str, Tensor]:
        """Return the adversary's figures on a batch."""
        return self.adversary.step(*batch)

    def on_validation_epoch_start(self) -> None:
        """Fix the noise, so that two validations differ by the weights only, and count modes."""
        self._random_state = random_state()
        torch.manual_seed(self.seed)
        if self.modes is not None:
            found = metrics.mode_count(self.gan.sample(NUM_DRAWS), *self.modes)
            self.log("modes_found", float(found.modes_found))
            self.log("high_quality_share", found.high_quality_share)

    def validation_step(self, batch: tuple[Tensor, Tensor | None], batch_idx: int) -> None:
        """Compare samples with a batch of validation data."""
        x, context = batch
        found = metrics.energy_distance(x, self.gan.sample(len(x), context), num_permutations=0)
        self.log("valid_energy_distance", found.value, batch_size=len(x))

    def on_validation_epoch_end(self) -> None:
        """Give the random numbers back."""
        set_random_state(self._random_state)
