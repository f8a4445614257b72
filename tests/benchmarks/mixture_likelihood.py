"""The likelihood of pixels under discretized logistic mixtures, with gradients, beside the form in wide use."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm import distributions, heads
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import Contender, Timing, interleave

GROUPS = (("pyrodgm",),)
ROUNDS = 25
BATCH, SIDE, CHANNELS, COMPONENTS, LEVELS = 16, 32, 3, 10, 256
SIZES = tuple(COMPONENTS * n for n in (1, CHANNELS, CHANNELS, CHANNELS))  # logits, locations, log-scales, coefficients
REFERENCE = "form in wide use"
HEAD, HEAD_COMPILED = "`heads.DiscretizedLogisticMixture`", "the same, compiled"
DISTRIBUTION, DISTRIBUTION_COMPILED = "`distributions.DiscretizedLogisticMixture`", "the same distribution, compiled"
TARGETS = {
    HEAD: Target(least_speedup_over=(REFERENCE, 2.0)),
    HEAD_COMPILED: Target(least_speedup_over=(REFERENCE, 4.5)),
    DISTRIBUTION: Target(least_speedup_over=(REFERENCE, 2.0)),
}
MAX_ERROR = 1e-4
LogProb = Callable[[Tensor, Tensor], Tensor]  # parameters (batch, SUM, side, side), levels (batch, C, side, side)


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time forward and backward of one batch of images, from parameters as a convolution leaves them."""
    params, levels = make_batch()
    log_probs: dict[str, LogProb] = {
        REFERENCE: in_wide_use,
        HEAD: by_head,
        HEAD_COMPILED: torch.compile(by_head),
        DISTRIBUTION: by_distribution,
        DISTRIBUTION_COMPILED: torch.compile(by_distribution),
    }
    contenders = [Contender(name, partial(gradients, f, params, levels)) for name, f in log_probs.items()]
    timings = interleave(contenders, rounds=rounds, block_seconds=0.05 if quick else 0.2)
    exact = {name: by_head if f is log_probs[HEAD_COMPILED] else f for name, f in log_probs.items()}
    exact |= dict.fromkeys((REFERENCE, DISTRIBUTION, DISTRIBUTION_COMPILED), by_distribution)
    for timing in timings:
        expected = gradients(exact[timing.name], params.double(), levels.double())
        error = gradients(log_probs[timing.name], params, levels) - expected
        timing.values["error"] = float(error.abs().max() / expected.abs().max())
    return {"pixels": timings}


def make_batch() -> tuple[Tensor, Tensor]:
    """Return parameters with scales from a tenth of a level to the whole range, and levels drawn from their mixture."""
    params = torch.randn(BATCH, sum(SIZES), SIDE, SIDE)
    params[:, SIZES[0] + SIZES[1] : sum(SIZES[:3])].mul_(1.5).sub_(3.0)
    return params, distribution(params).sample().movedim(-1, 1).contiguous()


def gradients(log_prob: LogProb, params: Tensor, levels: Tensor) -> Tensor:
    """Return the gradient of the batch's log-likelihood."""
    leaf = params.detach().requires_grad_()
    return torch.autograd.grad(log_prob(leaf, levels).sum(), leaf)[0]


def by_head(params: Tensor, levels: Tensor) -> Tensor:
    """Ours, as models call it."""
    return heads.DiscretizedLogisticMixture(COMPONENTS, LEVELS, CHANNELS).log_prob(
        params.movedim(1, -1), levels.movedim(1, -1)
    )


def by_distribution(params: Tensor, levels: Tensor) -> Tensor:
    """Ours, from ready locations and log-scales, its checks included."""
    return distribution(params).log_prob(levels.movedim(1, -1))


def distribution(params: Tensor) -> distributions.DiscretizedLogisticMixture:
    """Make the distribution of all pixels."""
    logits, *others = params.movedim(1, -1).split(SIZES, -1)
    return distributions.DiscretizedLogisticMixture(logits, *(t.unflatten(-1, (-1, COMPONENTS)) for t in others))


def in_wide_use(params: Tensor, levels: Tensor) -> Tensor:
    """Return the paper's likelihood as commonly written: differences of sigmoids, and a density where they vanish."""
    x = (levels * 2 / (LEVELS - 1) - 1).permute(0, 2, 3, 1)  # (batch, side, side, C)
    rows = params.permute(0, 2, 3, 1)
    logits = rows[..., :COMPONENTS]
    rows = rows[..., COMPONENTS:].contiguous().view(*x.shape[:-1], 3, CHANNELS, COMPONENTS)
    means, log_scales = rows[..., 0, :, :], torch.clamp(rows[..., 1, :, :], min=-7.0)
    coefficients = torch.tanh(rows[..., 2, :, :])

    x = x.contiguous().unsqueeze(-1) + torch.zeros(*x.shape, COMPONENTS, dtype=x.dtype)  # one copy a component
    second = means[..., 1:2, :] + coefficients[..., 0:1, :] * x[..., 0:1, :]
    third = means[..., 2:3, :] + coefficients[..., 1:2, :] * x[..., 0:1, :] + coefficients[..., 2:3, :] * x[..., 1:2, :]
    centred = x - torch.cat((means[..., 0:1, :], second, third), dim=-2)

    rates = torch.exp(-log_scales)
    upper, middle, lower = rates * (centred + 1 / (LEVELS - 1)), rates * centred, rates * (centred - 1 / (LEVELS - 1))
    mass = torch.sigmoid(upper) - torch.sigmoid(lower)
    density = middle - log_scales - 2 * F.softplus(middle)
    inner = torch.where(
        mass > 1e-5, torch.log(torch.clamp(mass, min=1e-12)), density + torch.log(torch.tensor(2 / (LEVELS - 1)))
    )
    last = torch.where(x > 0.999, -F.softplus(lower), inner)
    log_mass = torch.where(x < -0.999, upper - F.softplus(upper), last)
    return torch.logsumexp(log_mass.sum(-2) + F.log_softmax(logits, dim=-1), dim=-1)


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table."""
    rows = timings["pixels"]
    reference = rows[0].values["error"]
    checks = [
        (
            f"{row.name}: largest error of a gradient {row.values['error']:.1e} of the largest gradient, "
            f"{REFERENCE} {reference:.1e} (target < {MAX_ERROR:g})",
            row.values["error"] < MAX_ERROR,
        )
        for row in rows[1:]
    ]
    text = (
        f"Forward and backward of the log-likelihood of {BATCH} colour images of {SIDE}×{SIDE} under mixtures of "
        f"{COMPONENTS} components, in single precision, eager and under `torch.compile`. The floor is the {REFERENCE}, "
        "eager: channels moved last, values repeated for each component, differences of sigmoids, and the density "
        "where these are below 1e-5. The head also spreads locations and bounds scales, which the others do not. "
        "Errors are against double precision."
    )
    return [Table("Discretized logistic mixtures", text, rows, TARGETS, checks)]
