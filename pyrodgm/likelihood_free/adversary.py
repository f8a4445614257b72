"""One step of a game: what the plain loop and the trainer share."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm, parametrize

from pyrodgm.likelihood_free.game import Game
from pyrodgm.likelihood_free.gan import GAN, one_a_row
from pyrodgm.likelihood_free.kernel_objectives import SampleObjective
from pyrodgm.likelihood_free.regularizer import Penalty, Regularizer
from pyrodgm.nn.mlp import check_dim

Scorer = Callable[[Tensor], Tensor]


class Adversary:
    """A GAN, a game, and an optimiser for each player.

    Each call of :meth:`step` takes one batch and makes one step of the discriminator; every ``num_critic_steps``-th one
    makes a step of the generator besides, on the same fake data. Meanwhile the discriminator's parameters are frozen,
    and its parametrizations are held. An objective without an adversary takes a step of the generator each time.

    Args:
        gan: What is trained, in place.
        game: The two losses, or an objective without an adversary.
        regularizers: What acts on the discriminator, in this order.
        lr_generator: Adam's step size for the generator.
        lr_discriminator: And for the discriminator.
        betas: Adam's decays, for both.
        num_critic_steps: Steps of the discriminator for each of the generator.

    Attributes:
        generator_optimizer: Adam over prior and generator.
        discriminator_optimizer: Adam over the discriminator; ``None`` without an adversary.
        backward: Called with each loss; a trainer puts its own here.

    Raises:
        ValueError: If a setting is out of range, nothing is to be trained, or a regulariser refuses the discriminator.

    Example:
        >>> from pyrodgm import Fixed, Neural, distributions, heads, likelihood_free
        >>> from pyrodgm import nn as pnn
        >>> generator = Neural(pnn.MLP(4, 2), heads.Delta(2))
        >>> gan = likelihood_free.GAN(Fixed(distributions.StandardNormal(4)), generator, pnn.MLP(2, 1))
        >>> adversary = likelihood_free.Adversary(gan, likelihood_free.NonSaturating())
        >>> sorted(adversary.step(torch.randn(8, 2)))[:3]
        ['discriminator_gradient_norm', 'discriminator_loss', 'fake_accuracy']

    References:
        Goodfellow et al. (2014), Generative Adversarial Nets, algorithm 1, https://arxiv.org/abs/1406.2661;
        Heusel et al. (2017), GANs Trained by a Two Time-Scale Update Rule, https://arxiv.org/abs/1706.08500
    """

    def __init__(
        self,
        gan: GAN,
        game: Game | SampleObjective,
        *,
        regularizers: Sequence[Regularizer] = (),
        lr_generator: float = 2e-4,
        lr_discriminator: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        num_critic_steps: int = 1,
    ) -> None:
        self.num_critic_steps = check_dim("num_critic_steps", num_critic_steps)
        for name, lr in (("lr_generator", lr_generator), ("lr_discriminator", lr_discriminator)):
            if not 0 < lr < math.inf:
                raise ValueError(f"Expected {name} > 0; got {lr}. Give Adam's step size, such as 2e-4.")
        if not isinstance(game, Game | SampleObjective):
            raise ValueError(f"Expected a game, such as NonSaturating(); got {game!r}. Make an object of the class.")
        if isinstance(regularizers, Regularizer):
            raise ValueError(f"Expected a list of regularizers; got {type(regularizers).__name__} alone. Write [...].")
        self.gan, self.game, self.regularizers = gan, game, tuple(regularizers)
        self.penalties = [part for part in self.regularizers if isinstance(part, Penalty)]
        self.backward: Callable[[Tensor], None] = Tensor.backward
        self.num_batches = 0
        drawing = [p for part in (gan.prior, gan.generator) for p in part.parameters() if p.requires_grad]
        if not drawing:
            raise ValueError(f"Expected parameters to train; {type(gan.generator).__name__} has none. Pass a network.")
        self.generator_optimizer = torch.optim.Adam(drawing, lr=lr_generator, betas=betas, fused=True)
        self.discriminator_optimizer: torch.optim.Optimizer | None = None
        if isinstance(game, SampleObjective):
            if self.regularizers or num_critic_steps != 1:
                raise ValueError(
                    f"Expected neither regularizers nor num_critic_steps with {type(game).__name__}, which has no "
                    "discriminator. Leave them out."
                )
            return
        if gan.discriminator is None:
            raise ValueError(
                f"Expected a GAN with a discriminator for {type(game).__name__}; got none. "
                "Build GAN(prior, generator, discriminator)."
            )
        for part in self.regularizers:
            part.prepare(gan.discriminator)
        judging = [p for p in gan.discriminator.parameters() if p.requires_grad]
        if not judging:
            raise ValueError(
                f"Expected a discriminator with parameters to train; {type(gan.discriminator).__name__} has none."
            )
        self.discriminator_optimizer = torch.optim.Adam(judging, lr=lr_discriminator, betas=betas, fused=True)

    def step(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """Take one batch.

        Args:
            x: Real data, ``(num, *event_shape)``.
            context: ``(num, context_dim)`` or ``None``, as :meth:`GAN.context` returns it.

        Returns:
            ``discriminator_loss`` (without its penalties), ``penalty``, ``real_accuracy``, ``fake_accuracy``,
            ``discriminator_gradient_norm``, and where the generator moves ``generator_loss`` and
            ``generator_gradient_norm``: numbers, as tensors on the device of the data.
        """
        self.num_batches += 1
        if isinstance(self.game, SampleObjective):
            fake = self.gan.generate(len(x), context)
            return self._move_generator(self.game(x, fake))
        generator_moves = self.num_batches % self.num_critic_steps == 0
        with nullcontext() if generator_moves else torch.no_grad():
            fake = self.gan.generate(len(x), context)
        metrics = self.discriminator_step(x, fake.detach(), context)
        if generator_moves:
            metrics |= self.generator_step(x, fake, context)
        return metrics

    def discriminator_step(self, x: Tensor, fake: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """Move the discriminator; see :meth:`step`."""
        discriminator, optimizer = self._discriminator()
        optimizer.zero_grad()
        real, fake = self._shown(x), self._shown(fake)
        # Parametrized weights are made once for all passes, so that spectral norms take one power iteration.
        with parametrize.cached():
            score = self._scorer(discriminator, len(real), context)
            real_scores, fake_scores = score(real), score(fake)
            loss = self._game().discriminator_loss(real_scores, fake_scores)
            penalty = self._penalty(score, real, fake)
        self.backward(loss + penalty)
        norm = gradient_norm(optimizer)
        optimizer.step()
        for part in self.regularizers:
            part.constrain(discriminator)
        real_accuracy, fake_accuracy = self._game().accuracy(real_scores.detach(), fake_scores.detach())
        return {
            "discriminator_loss": loss.detach(),
            "penalty": penalty.detach(),
            "real_accuracy": real_accuracy,
            "fake_accuracy": fake_accuracy,
            "discriminator_gradient_norm": norm,
        }

    def generator_step(self, x: Tensor, fake: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """Move the generator, and prior, and their average; see :meth:`step`."""
        with frozen(self._discriminator()[0]):
            return self._move_generator(self.generator_loss(x, fake, context))

    def generator_loss(self, x: Tensor, fake: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the generator's loss on its draws, against the discriminator as it is or will be."""
        discriminator, optimizer = self._discriminator()
        game, shown = self._game(), self._shown(fake)
        if not game.looks_ahead:
            return game.generator_loss(self._scorer(discriminator, len(shown), context)(shown))
        real = self._shown(x)

        def scorer(parameters: dict[str, Tensor]) -> Scorer:
            buffers = {name: buffer.clone() for name, buffer in discriminator.named_buffers()}  # none moves for good
            call = partial(torch.func.functional_call, discriminator, {**parameters, **buffers})
            return self._scorer(lambda *args: call(args), len(real), context)

        def loss_of(parameters: dict[str, Tensor]) -> Tensor:
            score = scorer(parameters)
            return game.discriminator_loss(score(real), score(shown)) + self._penalty(score, real, shown)

        trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
        parameters = {name: p for name, p in discriminator.named_parameters() if id(p) in trained}
        with torch.enable_grad():
            ahead = game.look_ahead(loss_of, parameters, optimizer)
        return game.generator_loss(scorer(ahead)(shown))

    def state_dict(self) -> dict[str, object]:
        """Return what a run goes on from: the GAN with its average, both optimisers, the number of batches."""
        optimizer = self.discriminator_optimizer
        return {
            "gan": self.gan.state_dict(),
            "generator_optimizer": self.generator_optimizer.state_dict(),
            "discriminator_optimizer": None if optimizer is None else optimizer.state_dict(),
            "num_batches": self.num_batches,
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Take up where another adversary of the same parts was."""
        self.gan.load_state_dict(state["gan"])  # type: ignore[arg-type]
        self.generator_optimizer.load_state_dict(state["generator_optimizer"])  # type: ignore[arg-type]
        if self.discriminator_optimizer is not None:
            self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])  # type: ignore[arg-type]
        self.num_batches = state["num_batches"]  # type: ignore[assignment]

    def _discriminator(self) -> tuple[nn.Module, torch.optim.Optimizer]:
        if self.gan.discriminator is None or self.discriminator_optimizer is None:
            raise ValueError(f"Expected a game with a discriminator; got {type(self.game).__name__}.")
        return self.gan.discriminator, self.discriminator_optimizer

    def _game(self) -> Game:
        if not isinstance(self.game, Game):
            raise ValueError(f"Expected a game with a discriminator; got {type(self.game).__name__}.")
        return self.game

    def _shown(self, x: Tensor) -> Tensor:
        for part in self.regularizers:
            x = part.perturb(x)
        return self._game().shown(x)

    def _scorer(self, discriminator: Callable[..., Tensor], num: int, context: Tensor | None) -> Scorer:
        if context is None:
            return lambda x: one_a_row(discriminator(x), num)
        shown = self._game().shown(context)
        return lambda x: one_a_row(discriminator(x, shown), num)

    def _penalty(self, score: Scorer, real: Tensor, fake: Tensor) -> Tensor:
        total = real.new_zeros(())
        for part in self.penalties:
            total = total + part(score, real, fake)
        return total

    def _move_generator(self, loss: Tensor) -> dict[str, Tensor]:
        self.generator_optimizer.zero_grad()
        self.backward(loss)
        norm = gradient_norm(self.generator_optimizer)
        self.generator_optimizer.step()
        self.gan.update_average()
        return {"generator_loss": loss.detach(), "generator_gradient_norm": norm}


@contextmanager
def frozen(discriminator: nn.Module) -> Iterator[None]:
    """Hold parameters and parametrizations: gradients pass through, none stays, no power iteration is made."""
    trained = [parameter for parameter in discriminator.parameters() if parameter.requires_grad]
    moving = [
        part
        for module in discriminator.modules()
        if isinstance(module, parametrize.ParametrizationList)
        for part in module
        if part.training
    ]
    for parameter in trained:
        parameter.requires_grad_(False)
    for part in moving:
        part.eval()
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
        for part in moving:
            part.train()


def gradient_norm(optimizer: torch.optim.Optimizer) -> Tensor:
    """Return the norm of all gradients of what an optimiser trains, together."""
    return get_total_norm([p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None])
