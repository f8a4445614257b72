"""A training step of a vector quantizer's layer, beside vector-quantize-pytorch with the same options."""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import torch
from torch import Tensor

from pyrodgm.quantizers import VectorQuantizer
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import Contender, Timing, interleave

GROUPS = (("pyrodgm", "vector-quantize-pytorch"),)
ROUNDS = 15
NUM_ROWS, CODE_DIM, NUM_CODES = 2048, 64, (512, 8192)
DECAY, COMMITMENT = 0.99, 0.25
PEER, OURS, REMEMBERED = (
    "vector-quantize-pytorch",
    "`quantizers.VectorQuantizer`",
    "the same, and `indices_of` the codes",
)
TARGETS = {OURS: Target(least_speedup_over=(PEER, 5.0)), REMEMBERED: Target(least_speedup_over=(PEER, 5.0))}
MAX_ERROR = 1e-5
Step = Callable[[Tensor], tuple[Tensor, Tensor]]  # vectors -> codes, gradient


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time search, running means and backward, in both sizes."""
    return {str(num_codes): measure_size(num_codes, rounds, quick) for num_codes in NUM_CODES}


def measure_size(num_codes: int, rounds: int, quick: bool) -> list[Timing]:
    """Time one size; before, compare what one step of each gives from the same codebook."""
    from vector_quantize_pytorch import VectorQuantize

    ours = VectorQuantizer(num_codes, CODE_DIM, decay=DECAY, commitment_weight=COMMITMENT, restart=False)
    peer = VectorQuantize(
        CODE_DIM,
        num_codes,
        decay=DECAY,
        commitment_weight=COMMITMENT * CODE_DIM,  # it averages over features, where we sum as the paper does
        threshold_ema_dead_code=0,
        rotation_trick=False,  # another gradient than straight through, its default
    )
    with torch.no_grad():
        state = peer._codebook
        state.embed.copy_(ours.codebook[None])
        state.embed_avg.copy_(ours.sums[None])
        state.cluster_size.copy_(ours.counts[None])
    z = torch.randn(NUM_ROWS, CODE_DIM)
    steps: dict[str, Step] = {
        PEER: partial(peer_step, peer),
        OURS: partial(our_step, ours),
        REMEMBERED: partial(our_step, ours, score=True),
    }
    (codes, gradient), (our_codes, our_gradient) = steps[PEER](z), steps[OURS](z)
    errors = {
        "codes": float((our_codes - codes).abs().max()),
        "gradient": float((our_gradient - gradient).abs().max()),
        "codebook": float((ours.codebook - peer.codebook).abs().max()),
    }
    contenders = [Contender(name, partial(step, z)) for name, step in steps.items()]
    timings = interleave(contenders, rounds=rounds, block_seconds=0.02 if quick else 0.1)
    timings[1].values.update(errors)
    return timings


def our_step(layer: VectorQuantizer, z: Tensor, *, score: bool = False) -> tuple[Tensor, Tensor]:
    """Quantize, learn, and go back; with ``score`` also look codes up again, as a prior that scores them does."""
    leaf = z.detach().requires_grad_()
    quantized = layer(leaf)
    if score:
        layer.indices_of(quantized.codes)
    (gradient,) = torch.autograd.grad(quantized.codes.sum() + quantized.commitment, leaf)
    return quantized.codes.detach(), gradient


def peer_step(layer: torch.nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
    """The same with the peer, which wants a batch of sequences."""
    leaf = z.detach().requires_grad_()
    codes, _, commitment = layer(leaf[None])
    (gradient,) = torch.autograd.grad(codes.sum() + commitment.sum(), leaf)
    return codes[0].detach(), gradient


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table a size."""
    return [
        Table(
            f"Vector quantizer, {int(num_codes):,} codes",
            f"One training step of the layer on {NUM_ROWS:,} vectors of {CODE_DIM} features, in single precision: the "
            f"nearest of {int(num_codes):,} codes, running means with decay {DECAY:g}, and the way back through codes "
            f"and commitment. The floor is {PEER} {version(PEER)} with the same options and the same start.",
            rows,
            TARGETS,
            [
                (
                    f"{what} after one step: largest difference {rows[1].values[what]:.1e} (target ≤ {MAX_ERROR:g})",
                    rows[1].values[what] <= MAX_ERROR,
                )
                for what in ("codes", "gradient", "codebook")
            ],
        )
        for num_codes, rows in timings.items()
    ]
