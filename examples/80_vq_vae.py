"""
Pictures in four words: a VQ-VAE and its second stage
=====================================================

A VQ-VAE turns a picture into a few indices of a codebook, and the indices back into a picture. Its guide is a point
mass, so that Pyro's ELBO is ``log p(x | codes) + log p(codes)``, with ``log p(codes) = -log K`` a position as long as
nothing is known about which codes go together. The second stage learns just that: ``fit_prior`` trains any
autoregressive model of the indices, here a transformer, and makes it the model's prior. Every nat that it finds is a
nat of the bound, and draws become pictures.

The data are the 8x8 digits that ship with scikit-learn, in black and white. With ``--root`` they are MNIST's, 28x28.
"""  # noqa: D205, D212, D415

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrodgm import Neural, data, heads, infer, models, nn, plots, quantizers
from pyrodgm import autoregressive as ar

CODE_DIM = 16


# %%
# The encoder makes a small picture of code vectors, the decoder takes one. Codes start as k-means of what the encoder
# makes of the data, follow their vectors as a running mean, and start again where nobody uses them.
def build(shape: Sequence[int], num_halvings: int, num_codes: int) -> models.VQVAE:
    """Build a VQ-VAE of residual networks."""
    codes = (CODE_DIM, *(size // 2**num_halvings for size in shape[1:]))
    encoder = nn.ResNetEncoder(shape, codes, num_halvings=num_halvings, num_channels=32, num_blocks=1)
    decoder = nn.ResNetDecoder(codes, shape, num_channels=32, num_blocks=1)
    likelihood = Neural(decoder, heads.Bernoulli(math.prod(shape)))
    return models.VQVAE(encoder, quantizers.VectorQuantizer(num_codes, CODE_DIM), likelihood)


# %%
# In training mode the loss holds the commitment of the encoder to its codes besides the bound.
def train(vq_vae: models.VQVAE, x: Tensor, num_steps: int) -> list[float]:
    """Train encoder, codebook and decoder; return the loss of every step in nats per picture."""
    vq_vae.initialize(x)
    loss_fn = infer.ReparameterizedELBO()(vq_vae.model, vq_vae.guide)
    optimizer = torch.optim.Adam(vq_vae.parameters(), lr=2e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    losses = []
    for _ in range(num_steps):
        batch = x[torch.randint(len(x), (128,))]
        optimizer.zero_grad()
        loss = loss_fn(batch) / len(batch)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def report(name: str, vq_vae: models.VQVAE, x: Tensor) -> None:
    """Print the bound of test pictures. One draw of a point mass is all there is."""
    log_px = infer.log_evidence(vq_vae.eval().model, vq_vae.guide, x, num_particles=1)
    bits = -log_px.mean().item() / x.shape[1] / math.log(2)
    error = log_px.std().item() / len(x) ** 0.5
    print(f"{name:32} log p(x) >= {log_px.mean():8.2f} nats (standard error {error:.2f}), {bits:.3f} bits per pixel")


def main(argv: Sequence[str] | None = None) -> None:
    """Train both stages, report bounds and the use of codes, and draw."""
    parser = argparse.ArgumentParser(description="A VQ-VAE on digits, and a prior of its codes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--root", type=Path, help="folder with mnist/")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/80_vq_vae"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    splits = data.binarized_mnist(args.root) if args.root else data.digits()
    num_halvings, num_codes = (2, 64) if args.root else (1, 16)
    x = splits.test.x[:1000]
    vq_vae = build(splits.shape, num_halvings, num_codes)
    num_positions = vq_vae.grid_shape.numel()
    losses = train(vq_vae, splits.train.x, args.steps)
    report("uniform prior", vq_vae, x)
    codes = vq_vae.encode(x)
    counts = codes.flatten().bincount(minlength=num_codes).double()
    perplexity = torch.special.entr(counts / counts.sum()).sum().exp()
    print(f"test pictures use {(counts > 0).sum()} of {num_codes} codes, with a perplexity of {perplexity:.1f}")
    uniform = vq_vae.sample(30)

    # %%
    # The prior sees indices alone; encoder, codebook and decoder stay as they are.
    prior = ar.transformer(num_codes, num_positions, num_layers=2, model_dim=64, dropout=0.2)
    prior_losses = vq_vae.fit_prior(prior, splits.train.x, num_steps=-(-args.steps // 2), lr=2e-3)
    report("learned prior", vq_vae, x)
    per_code = sum(prior_losses[-100:]) / len(prior_losses[-100:]) / num_positions
    print(f"a code costs {math.log(num_codes):.2f} nats under the uniform prior, {per_code:.2f} under the learned one")

    curves = {"loss of the first stage": losses, "loss of the second stage": prior_losses}
    plots.training_curves(curves, args.out / "1_curves.png")
    plots.reconstructions(x[:24], vq_vae.reconstruct(x[:24]), splits.shape, args.out / "2_reconstructions.png")
    draws = {"uniform prior": uniform, "learned prior": vq_vae.sample(30)}
    plots.samples_grid(draws, splits.shape, args.out / "3_samples.png", num_columns=15)


if __name__ == "__main__":
    main()
