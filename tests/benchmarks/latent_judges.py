"""What judges a VAE: the evidence by many draws a datum, and the bound taken apart over a whole data set."""

import resource
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pyrodgm import infer, models
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import Contender, Timing, interleave
from tests.benchmarks.vae_floor import HIDDEN_DIMS, INPUT_DIM, LATENT_DIM, HandWrittenVAE

GROUPS = (("pyrodgm",),)
ROUNDS = 5
NUM_ROWS, NUM_PARTICLES, SURGERY_ROWS = 400, 1000, 10_000
CHUNK, BATCH = 100, 100
DECODER = "the decoder's network on as many draws"
EVIDENCE = "`infer.log_evidence`"
SURGERY = "`infer.elbo_surgery`"
MAX_SURGERY_SECONDS, MAX_MEGABYTES = 10.0, 500.0


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time both."""
    vae = models.vae(INPUT_DIM, LATENT_DIM, hidden_dims=HIDDEN_DIMS)
    x = torch.bernoulli(torch.full((SURGERY_ROWS, INPUT_DIM), 0.13))
    few = x[: NUM_ROWS // 4 if quick else NUM_ROWS]
    evidence = partial(infer.log_evidence, vae.model, vae.guide, few, num_particles=NUM_PARTICLES, chunk_size=CHUNK)
    passes = len(few) * NUM_PARTICLES // (CHUNK * BATCH)
    contenders = [
        Contender(DECODER, decode(HandWrittenVAE().decoder, passes)),
        Contender(EVIDENCE, evidence),
    ]
    contenders[0].run()
    before = peak_megabytes()
    timings = interleave(contenders, rounds=rounds, warmups=1)
    timings[1].values["megabytes"] = peak_megabytes() - before
    surgery = Contender(SURGERY, partial(infer.elbo_surgery, vae.model, vae.guide, x))
    return {"evidence": timings, "surgery": interleave([surgery], rounds=rounds, warmups=1)}


@torch.no_grad()
def decode(decoder: nn.Module, passes: int) -> Callable[[], object]:
    """Return the passes of a decoder over as many draws as an estimate takes, in pieces of the same size."""
    z = torch.randn(CHUNK, BATCH, LATENT_DIM)

    def run() -> Tensor:
        with torch.no_grad():
            for _ in range(passes):
                logits: Tensor = decoder(z)
        return logits

    return run


def peak_megabytes() -> float:
    """Return the most memory that the process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table each."""
    evidence, surgery = timings["evidence"], timings["surgery"]
    megabytes = evidence[1].values["megabytes"]
    return [
        Table(
            "Log-evidence",
            f"{NUM_PARTICLES:,} particles of {NUM_ROWS} binary images of 784 pixels, {'-'.join(map(str, HIDDEN_DIMS))} "
            "units, in pieces of "
            f"{CHUNK} particles of {BATCH} images. The floor is the decoder's network alone on as many draws: no "
            "encoder, no draws, no likelihood, no prior. Ten thousand images take 25 times as long.",
            evidence,
            {EVIDENCE: Target(1.2)},
            [
                (
                    f"largest memory beyond the decoder's {megabytes:.0f} MB (target ≤ {MAX_MEGABYTES:g})",
                    megabytes <= MAX_MEGABYTES,
                )
            ],
        ),
        Table(
            "ELBO surgery",
            f"{SURGERY_ROWS:,} images, {LATENT_DIM} latent variables, every draw under every posterior, encoder and "
            "decoder included.",
            surgery,
            {SURGERY: Target(milliseconds=1e3 * MAX_SURGERY_SECONDS)},
        ),
    ]
