"""
PixelVAE: a decoder that needs no latents, and how to keep them
===============================================================

A decoder whose pixels are independent given ``z`` must learn everything that pixels share from ``z``. A PixelCNN
decoder sees the pixels before, and can do without. Then the shortest description of a picture leaves ``z`` out: the
posterior becomes the prior, and the latents carry nothing (*collapse*).

The same encoder is trained with decoders that see more and more: independent pixels, a PixelCNN that sees the nearest
neighbours only, and one that sees nearly all pixels before. The second also with a warm-up, which raises the price of
latents slowly from nothing, and the last with free bits, which charge for eight bits whether they are used or not. The
ELBO is taken apart: the information that latents carry is what collapses, and the picture shows it. Pictures of a
column are drawn from one latent; where they look alike, ``z`` decides what is drawn.
"""  # noqa: D205, D212, D415

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyrodgm import Conditional, Embedded, Fixed, Neural, data, heads, infer, models, nn, plots
from pyrodgm import autoregressive as ar

SHAPE = (1, 8, 8)
LATENT_DIM = 8
CONTEXT_DIM = 32


# %%
# The PixelCNN takes what a small network makes of the latents as its context, at every pixel. Two layers of width three
# see two pixels around; three, the first of width seven, see five.
def make(decoder: str) -> models.VAE:
    """Build the VAE with one of the three decoders."""
    prior = Fixed(dist.Normal(torch.zeros(LATENT_DIM), torch.ones(LATENT_DIM)).to_event(1))
    encoder = nn.ConvEncoder(SHAPE, 2 * LATENT_DIM, channels=(16, 32))
    likelihood: Conditional
    if decoder != "independent":
        size: dict[str, Any] = {"num_layers": 2, "kernel_sizes": (3, 3)} if decoder == "near" else {"num_layers": 3}
        pixels = ar.pixelcnn(SHAPE, CONTEXT_DIM, num_channels=16, **size)
        likelihood = Embedded(nn.MLP(LATENT_DIM, CONTEXT_DIM, hidden_dims=(64,)), pixels)
    else:
        likelihood = Neural(nn.ConvDecoder(LATENT_DIM, SHAPE, channels=(32, 16)), heads.Bernoulli(SHAPE))
    return models.VAE(prior, likelihood, Neural(encoder, heads.Normal(LATENT_DIM)))


def train(vae: models.VAE, x: Tensor, num_steps: int, *, free_bits: float = 0.0, beta_steps: int = 0) -> None:
    """Maximise the ELBO, perhaps with free bits or a weight of the latents that rises to one."""
    objective = infer.ReparameterizedELBO(free_bits=free_bits)
    loss_fn = objective(vae.model, vae.guide)
    optimizer = torch.optim.Adam(vae.parameters(), lr=2e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for step in range(num_steps):
        objective.beta = min(1.0, step / beta_steps) if beta_steps else 1.0
        batch = x[torch.randint(len(x), (64,))]
        optimizer.zero_grad()
        (loss_fn(batch) / len(batch)).backward()
        optimizer.step()
        schedule.step()


def main(argv: Sequence[str] | None = None) -> None:
    """Train in four ways, print the table and draw."""
    parser = argparse.ArgumentParser(description="Independent and PixelCNN decoders of a VAE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path("runs/examples/74_pixel_vae"))
    args = parser.parse_args(argv)

    splits = data.digits()
    x, test = (part.x.reshape(-1, *SHAPE) for part in (splits.train, splits.test))
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "independent": ("independent", {}),
        "near PixelCNN": ("near", {}),
        "near PixelCNN, warm-up": ("near", {"beta_steps": 3 * args.steps // 4}),
        "PixelCNN": ("all", {}),
        "PixelCNN, 8 free bits": ("all", {"free_bits": 8.0}),
    }
    print("nats per test picture; the ELBO is reconstruction - KL, and KL = information + divergence from the prior")
    print("decoder                    ELBO  reconstruction      KL  information  active")
    samples = {}
    for name, (decoder, setting) in settings.items():
        pyro.set_rng_seed(args.seed)
        vae = make(decoder)
        train(vae, x, args.steps, **setting)
        found = infer.elbo_surgery(vae.model, vae.guide, test, num_particles=5)
        print(
            f"{name:22} {found.elbo:8.2f}  {found.reconstruction:14.2f}  {found.kl:6.2f}  "
            f"{found.mutual_information:11.2f}  {found.active_units:3}/{found.num_latents}",
            flush=True,
        )
        with torch.no_grad():
            z = vae.posterior(test[:16]).sample()
            samples[name] = torch.cat([vae.likelihood(z).sample() for _ in range(4)])
    plots.samples_grid(
        {"test pictures": test[:16], **samples}, SHAPE, args.out / "1_drawn_from_one_latent.png", num_columns=16
    )


# %%
# What the nearest neighbours do not tell is worth a latent, once latents are cheap enough for long enough to be found:
# the warm-up gains half a nat. A decoder that sees nearly everything gains nothing by them; free bits keep the latents
# in use all the same, at a price, for those who want them for something else than density.
if __name__ == "__main__":
    main()
