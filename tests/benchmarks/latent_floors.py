"""Latent-variable models as one would write them by hand: each maps a batch to its negative bound, summed, in nats."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn import ResNetDecoder, ResNetEncoder
from tests.benchmarks.vae_floor import HIDDEN_DIMS, INPUT_DIM, LATENT_DIM, decoder, encoder, loc_scale
from tests.benchmarks.vector_flow_floor import mlp

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
IMAGE, GRID, CHANNELS = (1, 28, 28), (7, 7), 32
NUM_CODES, CODE_DIM, DECAY, COMMITMENT = 128, 16, 0.99, 0.25


def normal_log_prob(z: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """Return the log-density of diagonal normals, summed over features."""
    return (-0.5 * ((z - loc) / scale).square() - scale.log() - HALF_LOG_TWO_PI).sum(-1)


class HandWrittenIWAE(nn.Module):
    """The importance-weighted bound."""

    def __init__(self, num_particles: int) -> None:
        super().__init__()
        self.encoder, self.decoder, self.num_particles = encoder(), decoder(), num_particles

    def forward(self, x: Tensor) -> Tensor:
        """Return the loss of ``x``, (batch, 784)."""
        loc, scale = loc_scale(self.encoder(x))
        noise = torch.randn(self.num_particles, *loc.shape)
        z = loc + scale * noise
        logits = self.decoder(z)
        log_likelihood = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
        ratio = (-0.5 * z.square() + 0.5 * noise.square() + scale.log()).sum(-1)
        return (math.log(self.num_particles) - (log_likelihood + ratio).logsumexp(0)).sum()


class HandWrittenVampVAE(nn.Module):
    """A VAE whose prior is the mixture of its posteriors at learned inputs."""

    def __init__(self, num_components: int) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder(), decoder()
        self.inputs = nn.Parameter(torch.rand(num_components, INPUT_DIM))

    def forward(self, x: Tensor) -> Tensor:
        """Return the loss of ``x``, (batch, 784)."""
        loc, scale = loc_scale(self.encoder(x))
        z = loc + scale * torch.randn_like(scale)
        loss = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        means, scales = loc_scale(self.encoder(self.inputs))
        log_components = normal_log_prob(z.unsqueeze(1), means, scales)
        log_prior = log_components.logsumexp(-1) - math.log(len(means))
        return loss + (normal_log_prob(z, loc, scale) - log_prior).sum()


class HandWrittenHVAE(nn.Module):
    """Two layers with top-down inference: q(z_1 | x), q(z_0 | x, z_1)."""

    def __init__(self) -> None:
        super().__init__()
        down = HIDDEN_DIMS[::-1]
        self.top, self.decoder = encoder(), decoder()
        self.low = mlp((INPUT_DIM + LATENT_DIM, *HIDDEN_DIMS, 2 * LATENT_DIM))
        self.conditional = mlp((LATENT_DIM, *down, 2 * LATENT_DIM))

    def forward(self, x: Tensor) -> Tensor:
        """Return the loss of ``x``, (batch, 784)."""
        loc, scale = loc_scale(self.top(x))
        upper = loc + scale * torch.randn_like(scale)
        kl = 0.5 * (loc.square() + scale.square() - 1.0).sum() - scale.log().sum()
        loc, scale = loc_scale(self.low(torch.cat((x, upper), -1)))
        z = loc + scale * torch.randn_like(scale)
        log_ratio = normal_log_prob(z, loc, scale) - normal_log_prob(z, *loc_scale(self.conditional(upper)))
        return F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum") + kl + log_ratio.sum()


def convolutional_encoder(num_outputs: int) -> nn.Module:
    """From an image to a map of 7 x 7."""
    return ResNetEncoder(IMAGE, (num_outputs, *GRID), num_channels=CHANNELS).layers


def convolutional_decoder(num_inputs: int) -> nn.Module:
    """From a map of 7 x 7 to the logits of an image."""
    return ResNetDecoder((num_inputs, *GRID), IMAGE, num_channels=CHANNELS).layers


class HandWrittenVQVAE(nn.Module):
    """Nearest codes, running means of what they are nearest to, and the straight-through gradient."""

    codebook: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = convolutional_encoder(CODE_DIM), convolutional_decoder(CODE_DIM)
        codebook = torch.randn(NUM_CODES, CODE_DIM)
        self.register_buffer("codebook", codebook)
        self.register_buffer("counts", torch.ones(NUM_CODES))
        self.register_buffer("sums", codebook.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Return the loss of ``x``, (batch, 1, 28, 28)."""
        encoded = self.encoder(x).permute(0, 2, 3, 1)
        flat = encoded.reshape(-1, CODE_DIM)
        with torch.no_grad():
            distances = self.codebook.square().sum(-1) - 2 * flat @ self.codebook.T
            indices = distances.argmin(-1)
            codes = self.codebook[indices].view_as(encoded)
            counts = torch.bincount(indices, minlength=NUM_CODES).to(flat.dtype)
            sums = torch.zeros_like(self.sums).index_add_(0, indices, flat)
            self.counts.lerp_(counts, 1 - DECAY)
            self.sums.lerp_(sums, 1 - DECAY)
            total = self.counts.sum()
            smoothed = (self.counts + 1e-5) / (total + NUM_CODES * 1e-5) * total
            self.codebook.copy_(self.sums / smoothed.unsqueeze(-1))
        commitment = COMMITMENT * (encoded - codes).square().sum()
        through = encoded + (codes - encoded).detach()
        logits = self.decoder(through.permute(0, 3, 1, 2))
        bound = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + len(flat) * math.log(NUM_CODES)
        return bound + commitment


class HandWrittenDVAE(nn.Module):
    """Gumbel-softmax codes, and the divergence of the categoricals from the uniform one."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.encoder, self.decoder = convolutional_encoder(NUM_CODES), convolutional_decoder(NUM_CODES)
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        """Return the loss of ``x``, (batch, 1, 28, 28)."""
        logits = self.encoder(x).permute(0, 2, 3, 1)
        codes = F.gumbel_softmax(logits, self.temperature)
        log_q = logits.log_softmax(-1)
        kl = (log_q.exp() * log_q).sum() + x.shape[0] * math.prod(GRID) * math.log(NUM_CODES)
        return F.binary_cross_entropy_with_logits(self.decoder(codes.permute(0, 3, 1, 2)), x, reduction="sum") + kl
