"""A VAE as one would write it by hand: encoder, decoder, cross-entropy plus the KL of normals in closed form."""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.benchmarks.vector_flow_floor import mlp

INPUT_DIM, HIDDEN_DIMS, LATENT_DIM = 784, (500, 500), 40
UNIT_SCALE = math.log(math.expm1(1.0))
MIN_SCALE = 1e-4


def encoder() -> nn.Sequential:
    """784-500-500-(40 locations, 40 raw scales)."""
    return mlp((INPUT_DIM, *HIDDEN_DIMS, 2 * LATENT_DIM))


def decoder() -> nn.Sequential:
    """40-500-500-784 logits."""
    return mlp((LATENT_DIM, *HIDDEN_DIMS, INPUT_DIM))


def loc_scale(params: Tensor) -> tuple[Tensor, Tensor]:
    """Split the encoder's output, with the scale bounded below as in ours."""
    loc, raw = params.chunk(2, -1)
    return loc, F.softplus(raw + UNIT_SCALE) + MIN_SCALE


class HandWrittenVAE(nn.Module):
    """Negative ELBO of a batch, summed, in nats."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder(), decoder()

    def forward(self, x: Tensor) -> Tensor:
        """Return the loss of ``x``, (batch, 784)."""
        loc, scale = loc_scale(self.encoder(x))
        z = loc + scale * torch.randn_like(scale)
        reconstruction = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        kl = 0.5 * (loc.square() + scale.square() - 1.0).sum() - scale.log().sum()
        return reconstruction + kl


def batches(x: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Yield shuffled batches for ever, each by one index into the whole tensor."""
    while True:
        order = torch.randperm(len(x))
        for start in range(0, len(x) - batch_size + 1, batch_size):
            yield x[order[start : start + batch_size]]
