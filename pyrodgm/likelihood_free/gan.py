"""A prior, a generator and a discriminator."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pyrodgm.conditional import Conditional, Embedded, Neural
from pyrodgm.heads.delta import Delta
from pyrodgm.likelihood_free.weight_average import WarmAverage
from pyrodgm.models.checks import check_rows
from pyrodgm.models.vae import extra_width, join

RANGES: dict[type[nn.Module], tuple[float, float]] = {nn.Tanh: (-1.0, 1.0), nn.Sigmoid: (0.0, 1.0)}
SHAPERS = (nn.Flatten, nn.Unflatten, nn.Identity)


class GAN(nn.Module):
    r"""Draws :math:`x = G(z),\; z \sim p(z)`, without a density, and a discriminator that scores them.

    A GAN is *conditional* if the generator's context is wider than the latent: it reads :math:`[z, c]` side by side,
    :math:`c` the label in one-hot form or any other context of that width, and the discriminator is called as
    ``discriminator(x, context)``. Networks that take a ``context_dim`` do.

    Args:
        prior: ``p(z)``, any unconditional one; its parameters are trained where its draws carry gradients.
        generator: Maps latents to data: any conditional whose draws carry gradients, as :class:`~pyrodgm.heads.Delta`'s
            do.
        discriminator: Maps data ``(num, *event_shape)`` to one score each; a logit, for most games. ``None`` suits
            objectives without an adversary.
        ema_decay: Decay a step of an exponential average of the generator's weights, in [0, 1); ``None`` keeps none.
        value_range: Least and greatest value that the generator makes. By default found from a generator whose network
            ends in a :class:`torch.nn.Tanh` or :class:`torch.nn.Sigmoid`, and unknown otherwise.

    Attributes:
        event_shape: Shape of one datum.
        context_dim: Number of classes, or of context features; 0 where there are none.

    Raises:
        ValueError: If a part is none of what it should be, or the generator does not take the prior's draws.

    Example:
        >>> from pyrodgm import Fixed, Neural, distributions, heads, likelihood_free
        >>> from pyrodgm import nn as pnn
        >>> generator = Neural(pnn.MLP(4, 2), heads.Delta(2))
        >>> gan = likelihood_free.GAN(Fixed(distributions.StandardNormal(4)), generator, pnn.MLP(2, 1))
        >>> gan.sample(5).shape
        torch.Size([5, 2])

    References:
        Goodfellow et al. (2014), Generative Adversarial Nets, https://arxiv.org/abs/1406.2661;
        Mirza, Osindero (2014), Conditional Generative Adversarial Nets, https://arxiv.org/abs/1411.1784
    """

    def __init__(
        self,
        prior: Conditional,
        generator: Conditional,
        discriminator: nn.Module | None = None,
        *,
        ema_decay: float | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(prior, Conditional) or prior.context_shape:
            raise ValueError(
                f"Expected a prior without a context; got {describe(prior)}. Wrap a distribution: Fixed(distribution)."
            )
        if not isinstance(generator, Conditional):
            raise ValueError(
                f"Expected a generator that is a Conditional; got {describe(generator)}. "
                "Wrap a network: Neural(net, heads.Delta(event_shape))."
            )
        if discriminator is not None and not isinstance(discriminator, nn.Module):
            raise ValueError(f"Expected a discriminator that is a torch module; got {describe(discriminator)}.")
        if ema_decay is not None and not 0 <= ema_decay < 1:
            raise ValueError(f"Expected ema_decay in [0, 1); got {ema_decay}. Use 0.999, or None for no average.")
        self.context_dim = extra_width(generator.context_shape, prior.event_shape, "generator", "z")
        self.prior, self.generator, self.discriminator = prior, generator, discriminator
        self.event_shape = generator.event_shape
        self.value_range = output_range(generator) if value_range is None else value_range
        self.average: AveragedModel | None = None
        if ema_decay is not None:
            self.average = AveragedModel(self._drawing(), multi_avg_fn=WarmAverage(ema_decay))
            self.average.requires_grad_(False)

    def _drawing(self) -> nn.ModuleDict:
        """Return what draws: prior and generator."""
        return nn.ModuleDict({"prior": self.prior, "generator": self.generator})

    @property
    def generator_average(self) -> Conditional | None:
        """The generator with its averaged weights; ``None`` without an ``ema_decay``."""
        if self.average is None:
            return None
        return cast(Conditional, cast(nn.ModuleDict, self.average.module)["generator"])

    def update_average(self) -> None:
        """Move the average towards the weights, after a step of the generator."""
        if self.average is not None:
            self.average.update_parameters(self._drawing())

    def generate(self, num: int, context: Tensor | None = None) -> Tensor:
        """Draw data with gradients to the generator, and to the prior where its draws carry some.

        Args:
            num: How many.
            context: ``(num, context_dim)`` or ``None``, as :meth:`context` returns it.

        Returns:
            ``(num, *event_shape)``.

        Raises:
            ValueError: If the generator's draws carry no gradients.
        """
        return draw(self.prior, self.generator, num, context)

    @torch.no_grad()
    def sample(self, num: int, labels: Tensor | None = None, *, average: bool = True) -> Tensor:
        """Draw data.

        Args:
            num: How many.
            labels: Class of each, integers ``(num,)``, or contexts ``(num, context_dim)``; ``None`` without classes.
            average: Whether to draw with averaged weights, where they are kept.

        Returns:
            ``(num, *event_shape)``.

        Raises:
            ValueError: If labels are missing, superfluous or outside the classes.
        """
        context = self.context(labels, num)
        if average and self.average is not None:
            parts = cast(nn.ModuleDict, self.average.module)
            return draw(cast(Conditional, parts["prior"]), cast(Conditional, parts["generator"]), num, context)
        return draw(self.prior, self.generator, num, context)

    def score(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the discriminator's score of each row, ``(num,)``.

        Raises:
            ValueError: If there is no discriminator, or it does not return one score a row.
        """
        if self.discriminator is None:
            raise ValueError(
                "Expected a GAN with a discriminator; got none. Build GAN(prior, generator, discriminator)."
            )
        return one_a_row(self.discriminator(x) if context is None else self.discriminator(x, context), len(x))

    def context(self, labels: Tensor | None, num: int) -> Tensor | None:
        """Return what labels are to the networks: one-hot rows, ``(num, context_dim)``; ``None`` without classes.

        Args:
            labels: Integers ``(num,)``, or contexts ``(num, context_dim)``, which stay as they are.
            num: How many are needed.

        Raises:
            ValueError: If labels are missing, superfluous, too few, or outside the classes.
        """
        classes = self.context_dim
        if labels is None:
            if classes:
                raise ValueError(
                    f"Expected labels from 0 to {classes - 1}, one a row, or contexts of {classes} features; got None. "
                    "Pass labels, or build the generator for the latent alone."
                )
            return None
        if not classes:
            raise ValueError(
                f"Expected no labels; got some of shape {tuple(labels.shape)}. Build the generator for the latent and "
                "the number of classes side by side."
            )
        if labels.is_floating_point() and labels.shape == (num, classes):
            check_rows(labels, torch.Size([classes]), "labels")
            return labels
        if labels.is_floating_point() or labels.shape != (num,):
            raise ValueError(
                f"Expected labels as integers of shape ({num},), or contexts ({num}, {classes}); got {labels.dtype} of "
                f"shape {tuple(labels.shape)}. Give one label a row."
            )
        outside = ((labels < 0) | (labels >= classes)).nonzero()
        if len(outside):
            row = int(outside[0])
            raise ValueError(
                f"Expected labels from 0 to {classes - 1}; got {int(labels[row])} in row {row}. "
                "Build the generator for more classes, or number the classes from 0."
            )
        dtype = next((p.dtype for p in self.generator.parameters()), torch.get_default_dtype())
        return F.one_hot(labels.long(), classes).to(dtype)

    def check_data(self, x: Tensor) -> None:
        """Check a whole data set once.

        Raises:
            ValueError: If it is empty or of the wrong shape, a value is no number (the row is named), or values lie
                outside the range that the generator can make.
        """
        check_rows(x, self.event_shape, "data")
        if self.value_range is None:
            return
        (low, high), least, greatest = self.value_range, x.min().item(), x.max().item()
        slack = 1e-6 * (high - low)
        if least < low - slack or greatest > high + slack:
            raise ValueError(
                f"Expected data in the generator's range, {low:g} to {high:g}; got values from {least:g} to "
                f"{greatest:g}. Scale the data to that range, or pass value_range if the generator has another."
            )


def draw(prior: Conditional, generator: Conditional, num: int, context: Tensor | None) -> Tensor:
    """Draw latents and from them data, with gradients; see :meth:`GAN.generate`."""
    p = prior()
    z = p.rsample((num,)) if p.has_rsample else p.sample((num,))
    q = generator(join(z, context, generator.context_shape))
    if not q.has_rsample:
        raise ValueError(
            f"Expected a generator whose draws carry gradients; got {type(q).__name__} without rsample. "
            "Give it a heads.Delta, or a continuous head such as heads.Normal."
        )
    return q.rsample()


def one_a_row(scores: Tensor, num: int) -> Tensor:
    """Return scores as ``(num,)``.

    Raises:
        ValueError: If there is not one a row.
    """
    if scores.shape[:1] != (num,) or scores.numel() != num:
        raise ValueError(
            f"Expected one score a row, shape ({num},) or ({num}, 1); got {tuple(scores.shape)}. "
            "Let the discriminator end in one output."
        )
    return scores.reshape(num)


def output_range(module: nn.Module) -> tuple[float, float] | None:
    """Return the range of a generator's values, if its network ends in a layer that tells."""
    if isinstance(module, Embedded):
        return output_range(module.conditional)
    if isinstance(module, Neural):
        return output_range(module.net) if isinstance(module.head, Delta) else None
    if isinstance(module, nn.Sequential):
        last = next((layer for layer in reversed(module) if not isinstance(layer, SHAPERS)), None)
        return None if last is None else output_range(last)
    parts = list(module.children())
    if len(parts) == 1 and isinstance(parts[0], nn.Sequential):
        return output_range(parts[0])
    return RANGES.get(type(module))


def describe(given: object) -> str:
    """Name what was given in a message."""
    if isinstance(given, Conditional):
        return f"a {type(given).__name__} with context_shape {given.context_shape}"
    return type(given).__name__
