"""The plain loop."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from pyrodgm.likelihood_free.adversary import Adversary
from pyrodgm.likelihood_free.game import Game
from pyrodgm.likelihood_free.gan import GAN
from pyrodgm.likelihood_free.kernel_objectives import SampleObjective
from pyrodgm.likelihood_free.regularizer import Regularizer
from pyrodgm.nn.mlp import check_dim

CHECK_EVERY = 20  # steps between looks for NaN, each of which waits for the device and keeps a copy of the weights


def train(
    gan: GAN,
    game: Game | SampleObjective,
    data: Tensor | Distribution,
    num_steps: int,
    *,
    labels: Tensor | None = None,
    batch_size: int = 128,
    regularizers: Sequence[Regularizer] = (),
    lr_generator: float = 2e-4,
    lr_discriminator: float = 2e-4,
    betas: tuple[float, float] = (0.5, 0.999),
    num_critic_steps: int = 1,
) -> dict[str, list[float]]:
    """Train a GAN by Adam on random batches.

    Losses, gradients and weights are looked at every 20 steps. Where one is NaN or infinite, training stops and the GAN
    is left as it was at the last good look.

    Args:
        gan: What is trained, in place.
        game: The two losses, or an objective without an adversary.
        data: Real data, ``(num, *event_shape)``, or a distribution to draw them from.
        num_steps: Number of steps of the generator.
        labels: Class of each datum, integers ``(num,)``, or contexts ``(num, context_dim)``; ``None`` without classes.
        batch_size: Rows of a batch, drawn with replacement.
        regularizers: What acts on the discriminator, in this order.
        lr_generator: Adam's step size for the generator.
        lr_discriminator: And for the discriminator.
        betas: Adam's decays, for both.
        num_critic_steps: Steps of the discriminator, each with a batch of its own, for each of the generator.

    Returns:
        At each step what :meth:`Adversary.step` returns: losses, the penalty, the discriminator's accuracies, the norms
        of the gradients.

    Raises:
        ValueError: If data, labels or settings are none of what they should be.
        FloatingPointError: If a loss, a gradient or a weight is NaN or infinite; says at which step.

    Example:
        >>> from pyrodgm import Fixed, Neural, distributions, heads, likelihood_free, nn
        >>> generator = Neural(nn.MLP(4, 2), heads.Delta(2))
        >>> gan = likelihood_free.GAN(Fixed(distributions.StandardNormal(4)), generator, nn.MLP(2, 1))
        >>> history = likelihood_free.train(gan, likelihood_free.NonSaturating(), torch.randn(100, 2), 3)
        >>> len(history["generator_loss"])
        3

    References:
        Goodfellow et al. (2014), Generative Adversarial Nets, algorithm 1, https://arxiv.org/abs/1406.2661
    """
    check_dim("num_steps", num_steps)
    check_dim("batch_size", batch_size)
    contexts = None
    if isinstance(data, Distribution):
        if data.batch_shape or data.event_shape != gan.event_shape:
            raise ValueError(
                f"Expected a distribution over {tuple(gan.event_shape)}; got batch_shape {tuple(data.batch_shape)} and "
                f"event_shape {tuple(data.event_shape)}. Build the generator for such data."
            )
        if labels is not None or gan.context_dim:
            raise ValueError("Expected data as a tensor in a conditional GAN; got a distribution, which has no labels.")
        gan.check_data(data.sample((batch_size,)))
    else:
        gan.check_data(data)
        contexts = gan.context(labels, len(data))
    adversary = Adversary(
        gan,
        game,
        regularizers=regularizers,
        lr_generator=lr_generator,
        lr_discriminator=lr_discriminator,
        betas=betas,
        num_critic_steps=num_critic_steps,
    )
    watch = Watch(gan)
    for _ in range(num_steps):
        for _ in range(num_critic_steps):
            if isinstance(data, Distribution):
                metrics = adversary.step(data.sample((batch_size,)))
            else:
                rows = torch.randint(len(data), (batch_size,), device=data.device)
                metrics = adversary.step(data[rows], None if contexts is None else contexts[rows])
        watch.add(metrics)
    watch.look()
    return watch.history


class Watch:
    """Collects what steps return, looks from time to time whether it is finite, and knows the last good weights.

    Args:
        model: What is trained.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.history: dict[str, list[float]] = {}
        self.num_good = 0
        self._recent: list[Tensor] = []
        self._names: list[str] = []
        self._keep()

    def add(self, metrics: dict[str, Tensor]) -> None:
        """Take the numbers of one step.

        Raises:
            FloatingPointError: If it is time to look, and one since the last look is NaN or infinite.
        """
        self._names = list(metrics)
        self._recent.append(torch.stack(list(metrics.values())))
        if len(self._recent) == CHECK_EVERY:
            self.look()

    def look(self) -> None:
        """Look at the steps since the last look, and at the weights.

        Raises:
            FloatingPointError: If a number is NaN or infinite; the weights are then those of the last look.
        """
        if not self._recent:
            return
        table = torch.stack(self._recent).cpu()
        for name, column in zip(self._names, table.t().tolist(), strict=True):
            self.history.setdefault(name, []).extend(column)
        bad = (~table.isfinite()).nonzero()
        if len(bad):
            row, column = bad[0].tolist()
            self._stop(f"a {self._names[column].replace('_', ' ')} of {table[row, column]}", self.num_good + row)
        weights = {n: v for n, v in self.model.state_dict().items() if v.is_floating_point()}
        for name, value in weights.items():
            if not value.isfinite().all():
                self._stop(f"NaN or infinity in {name}", self.num_good + len(table) - 1)
        self.num_good += len(table)
        self._recent = []
        self._keep()

    def _keep(self) -> None:
        self._good = {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def _stop(self, what: str, step: int) -> None:
        self.model.load_state_dict(self._good)
        raise FloatingPointError(
            f"Expected finite losses, gradients and weights; got {what} at step {step}. The weights are set back to "
            f"those after {self.num_good} steps. Lower the learning rates, or add a regularizer of the discriminator."
        )
