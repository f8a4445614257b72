"""What looking ahead costs: the generator's step against a discriminator unrolled by 1, 5 and 10 steps."""

from functools import partial

import torch

from pyrodgm import Fixed, Neural, distributions, heads, likelihood_free, nn
from pyrodgm.likelihood_free import GAN
from tests.benchmarks.report import Table
from tests.benchmarks.timing import Contender, Timing, interleave

GROUPS = (("pyrodgm",),)
ROUNDS = 9
BATCH, HIDDEN, LATENT_DIM = 512, (128, 128), 2
STEPS = (0, 1, 5, 10)
MAX_BEND = 0.25  # of the cost of ten steps, away from the line through none and five


def build() -> GAN:
    """Make the GAN of the toy sets."""
    generator = Neural(nn.MLP(LATENT_DIM, 2, hidden_dims=HIDDEN), heads.Delta(2))
    return GAN(Fixed(distributions.StandardNormal(LATENT_DIM)), generator, nn.MLP(2, 1, hidden_dims=HIDDEN))


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time a step of both players."""
    x = torch.randn(BATCH, 2)
    contenders = []
    for steps in STEPS:
        game = likelihood_free.Unrolled(likelihood_free.NonSaturating(), steps)
        adversary = likelihood_free.Adversary(build(), game)
        adversary.step(x)
        contenders.append(Contender(f"{steps} steps ahead", partial(adversary.step, x)))
    return {"unrolling": interleave(contenders, rounds=rounds, block_seconds=0.05 if quick else 0.2)}


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table."""
    rows = timings["unrolling"]
    none, _, five, ten = (row.median for row in rows)
    bend = (ten - none) / (2 * (five - none)) - 1
    return [
        Table(
            "Unrolled discriminator",
            f"A step of both players on {BATCH} points of the plane, networks of layers {HIDDEN}. The floor is the "
            f"plain game. A step ahead costs {(ten - none) / 10:.2f} ms, {(ten - none) / 10 / none:.2f} times the "
            "plain step.",
            rows,
            {},
            [
                (
                    f"cost linear in the steps: ten cost {1 + bend:.2f} times what twice five do (target within "
                    f"{MAX_BEND:g} of 1)",
                    abs(bend) <= MAX_BEND,
                )
            ],
        )
    ]
