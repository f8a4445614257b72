"""Training steps of the latent-variable models beside hand-written loops with the same optimiser."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tests.benchmarks import latent_floors as floors
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave
from tests.benchmarks.vae_floor import HIDDEN_DIMS, INPUT_DIM, LATENT_DIM

GROUPS = (("pyrodgm",),)
ROUNDS = 15
BATCH, LR = 128, 1e-3
NUM_PARTICLES, NUM_PSEUDO_INPUTS, TEMPERATURE = 10, 500, 0.5
OURS = "pyrodgm"
CASES = {
    "iwae": ("IWAE", f"{NUM_PARTICLES} particles, 784-500-500-40."),
    "vamp": ("VAE with a VampPrior", f"{NUM_PSEUDO_INPUTS} pseudo-inputs, 784-500-500-40."),
    "hierarchical": ("Hierarchical VAE", "two layers of 40 latent variables, top-down inference, 500-500 each."),
    "vq_vae": ("VQ-VAE", f"7 x 7 codes out of {floors.NUM_CODES}, residual networks of {floors.CHANNELS} channels."),
    "d_vae": ("dVAE", f"7 x 7 codes out of {floors.NUM_CODES}, Gumbel-softmax at temperature {TEMPERATURE}."),
}


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time the steps of every model."""
    x = torch.bernoulli(torch.full((BATCH, INPUT_DIM), 0.13))
    return {name: measure_model(name, x, rounds, quick) for name in CASES}


def measure_model(name: str, x: Tensor, rounds: int, quick: bool) -> list[Timing]:
    """Time one model's steps by hand and ours."""
    (floor, ours), x = pair(name), images(name, x)
    steps = {FLOOR: stepper(floor, x), OURS: stepper(ours, x)}
    sizes = [sum(p.numel() for p in module.parameters()) for module in (floor, ours)]
    contenders = [Contender(label, step, size) for (label, step), size in zip(steps.items(), sizes, strict=True)]
    return interleave(contenders, rounds=rounds, block_seconds=0.05 if quick else 0.3, warmups=5)


def images(name: str, x: Tensor) -> Tensor:
    """Return data as the model wants them."""
    return x.reshape(-1, *floors.IMAGE) if name in ("vq_vae", "d_vae") else x


def pair(name: str) -> tuple[nn.Module, nn.Module]:
    """Return the hand-written loss and ours, of one architecture."""
    from pyrodgm import infer, models

    elbo: Any = infer.ReparameterizedELBO()
    model: models.Model
    if name == "iwae":
        elbo = infer.ImportanceWeightedELBO(NUM_PARTICLES)
        floor: nn.Module = floors.HandWrittenIWAE(NUM_PARTICLES)
        model = models.vae(INPUT_DIM, LATENT_DIM, hidden_dims=HIDDEN_DIMS)
    elif name == "vamp":
        floor = floors.HandWrittenVampVAE(NUM_PSEUDO_INPUTS)
        model = models.vae(INPUT_DIM, LATENT_DIM, hidden_dims=HIDDEN_DIMS, num_pseudo_inputs=NUM_PSEUDO_INPUTS)
    elif name == "hierarchical":
        floor = floors.HandWrittenHVAE()
        dims = (LATENT_DIM, LATENT_DIM)
        model = models.hierarchical_vae(INPUT_DIM, dims, inference="top_down", hidden_dims=HIDDEN_DIMS)
    elif name == "vq_vae":
        floor, model = floors.HandWrittenVQVAE(), code_model(floors.CODE_DIM)
    else:
        floor, model = floors.HandWrittenDVAE(TEMPERATURE), code_model(floors.NUM_CODES)
    return floor, elbo(model.model, model.guide)


def code_model(code_dim: int) -> Any:
    """Return a VQ-VAE, or a dVAE where a code is a corner of the simplex."""
    from pyrodgm import Neural, heads, models, quantizers
    from pyrodgm.nn import ResNetDecoder, ResNetEncoder

    shape = (code_dim, *floors.GRID)
    encoder = ResNetEncoder(floors.IMAGE, shape, num_channels=floors.CHANNELS)
    decoder = ResNetDecoder(shape, floors.IMAGE, num_channels=floors.CHANNELS)
    likelihood = Neural(decoder, heads.Bernoulli(floors.IMAGE))
    if code_dim == floors.NUM_CODES:
        return models.DVAE(encoder, quantizers.RelaxedCategorical(code_dim, temperature=TEMPERATURE), likelihood)
    options = {"decay": floors.DECAY, "commitment_weight": floors.COMMITMENT, "restart": False}
    return models.VQVAE(encoder, quantizers.VectorQuantizer(floors.NUM_CODES, code_dim, **options), likelihood)


def stepper(loss: nn.Module, x: Tensor) -> Callable[[], object]:
    """Return a training step of fused Adam."""
    loss.train()
    optimizer = torch.optim.Adam([p for p in loss.parameters() if p.requires_grad], lr=LR, fused=True)
    return partial(step, loss, optimizer, x)


def step(loss: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor) -> None:
    """Take one."""
    optimizer.zero_grad()
    loss(x).div(len(x)).backward()
    optimizer.step()


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table a model."""
    text = f"Batch {BATCH}, binary images of {math.isqrt(INPUT_DIM)} x {math.isqrt(INPUT_DIM)}, fused Adam in both: "
    return [
        Table(f"Training step: {title}", text + what, timings[name], {OURS: Target(1.05)})
        for name, (title, what) in CASES.items()
    ]
