"""A step of a DCGAN, beside the loop of PyTorch's own example with the same networks."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm import Fixed, Neural, distributions, heads, likelihood_free, nn
from pyrodgm.likelihood_free import GAN
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave

GROUPS = (("pyrodgm",),)
ROUNDS = 9
SHAPE, LATENT_DIM, NUM_CHANNELS, BATCH = (3, 32, 32), 64, 32, 64
LR, BETAS = 2e-4, (0.5, 0.999)
OURS, LAST = "`likelihood_free.Adversary`", "the same, channels last"
TARGETS = {LAST: Target(0.9)}
MAX_ERROR = 1e-3
Step = Callable[[], dict[str, Any]]


def build() -> GAN:
    """Make the GAN."""
    generator = Neural(nn.DCGANGenerator(LATENT_DIM, SHAPE, num_channels=NUM_CHANNELS), heads.Delta(SHAPE))
    discriminator = nn.DCGANDiscriminator(SHAPE, num_channels=NUM_CHANNELS)
    return GAN(Fixed(distributions.StandardNormal(LATENT_DIM)), generator, discriminator)


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time a step of each player; before, compare losses after two steps from one start and noise."""
    gan = build()
    gans = {FLOOR: gan, OURS: copy.deepcopy(gan), LAST: copy.deepcopy(gan).to(memory_format=torch.channels_last)}
    x = torch.rand(BATCH, *SHAPE) * 2 - 1
    steps: dict[str, Step] = {FLOOR: example(gans[FLOOR], x)}
    for name in (OURS, LAST):
        adversary = likelihood_free.Adversary(
            gans[name], likelihood_free.NonSaturating(), lr_generator=LR, lr_discriminator=LR, betas=BETAS
        )
        batch = x.contiguous(memory_format=torch.channels_last) if name == LAST else x
        steps[name] = partial(adversary.step, batch)
    losses = {}
    for name, step in steps.items():
        torch.manual_seed(0)
        losses[name] = [step() for _ in range(3)][-1]["generator_loss"]
    error = max(abs(float(losses[name]) - float(losses[FLOOR])) for name in (OURS, LAST))
    contenders = [Contender(name, step, num_parameters(gan)) for name, step in steps.items()]
    timings = interleave(contenders, rounds=rounds, block_seconds=0.2 if quick else 1.0)
    timings[1].values["error"] = error
    return {"step": timings}


def num_parameters(gan: GAN) -> int:
    """Return the number of trained parameters."""
    return sum(p.numel() for p in gan.parameters())


def example(gan: GAN, x: Tensor) -> Step:
    """Return a step in the order of PyTorch's DCGAN example, with default Adam.

    Real data through D and back, fake data through D and back, a step of D, fake data through D again, and back
    through D and G, which leaves gradients in D that are cleared next time; a step of G. The example's D ends in a
    sigmoid and takes the cross-entropy of its probability; here the two are one function, which is faster.
    """
    generator, discriminator = gan.generator.net, gan.discriminator
    assert discriminator is not None
    of_generator = torch.optim.Adam(generator.parameters(), lr=LR, betas=BETAS)
    of_discriminator = torch.optim.Adam(discriminator.parameters(), lr=LR, betas=BETAS)
    real, fake = torch.ones(len(x)), torch.zeros(len(x))

    def step() -> dict[str, float]:
        discriminator.zero_grad()
        scores = discriminator(x).view(-1)
        real_loss = F.binary_cross_entropy_with_logits(scores, real)
        real_loss.backward()
        noise = torch.randn(len(x), LATENT_DIM)
        pictures = generator(noise)
        fake_scores = discriminator(pictures.detach()).view(-1)
        fake_loss = F.binary_cross_entropy_with_logits(fake_scores, fake)
        fake_loss.backward()
        of_discriminator.step()
        generator.zero_grad()
        loss = F.binary_cross_entropy_with_logits(discriminator(pictures).view(-1), real)
        loss.backward()
        of_generator.step()
        printed = {"real": scores.mean().item(), "fake": fake_scores.mean().item()}  # by the example, every time
        return printed | {"generator_loss": loss.item()}

    return step


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table."""
    error = timings["step"][1].values["error"]
    return [
        Table(
            "DCGAN, one step of each player",
            f"Pictures of {SHAPE}, batches of {BATCH}, DCGAN's networks of {NUM_CHANNELS} channels and more, the "
            "non-saturating game, in single precision. The floor is the loop of PyTorch's DCGAN example with the same "
            "networks and default Adam. Ours gives besides what the example does not: norms of gradients, accuracies.",
            timings["step"],
            TARGETS,
            [
                (
                    f"the generator's loss after two steps: largest difference {error:.1e} (target ≤ {MAX_ERROR:g})",
                    error <= MAX_ERROR,
                )
            ],
        )
    ]
