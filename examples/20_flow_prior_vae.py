"""
A flow as the prior of a VAE
============================

The posteriors of all data together, averaged, seldom look like a standard normal; what lies between them is never
decoded to anything real, and every sample from there is a bad one. A flow as the prior learns where the posteriors
lie. The program does not change: a flow is a module that makes a distribution, as any prior is.

Two models on the same digits, which differ in one argument, are compared on the same pictures. They have eight latent
variables, a few for pictures of 64 pixels.
"""  # noqa: D205, D212, D415

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrodgm import data, flows, infer, models, plots

LATENT_DIM = 8


# %%
# ``infer.ReparameterizedELBO`` has the value and the gradient of Pyro's ``Trace_ELBO``, in one lean pass.
def train(vae: models.VAE, x: Tensor, num_steps: int) -> None:
    """Maximise the ELBO by Adam whose rate falls to zero."""
    loss_fn = infer.ReparameterizedELBO()(vae.model, vae.guide)
    optimizer = torch.optim.Adam(vae.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for _ in range(num_steps):
        batch = x[torch.randint(len(x), (128,))]
        optimizer.zero_grad()
        (loss_fn(batch) / len(batch)).backward()
        optimizer.step()
        schedule.step()


# %%
# The two evidences belong to the same pictures, so what counts is the standard error of their *difference*, which is
# much smaller than that of either.
def main(argv: Sequence[str] | None = None) -> None:
    """Train both, compare them and draw."""
    parser = argparse.ArgumentParser(description="Standard and RealNVP priors for a VAE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--particles", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("runs/examples/20_flow_prior_vae"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    splits = data.digits()
    vaes = {
        "standard": models.vae(64, LATENT_DIM, hidden_dims=(128,)),
        "realnvp": models.vae(64, LATENT_DIM, hidden_dims=(128,), prior=flows.realnvp(LATENT_DIM, num_layers=6)),
    }
    log_px, samples = {}, {"test data": splits.test.x[:48]}
    for name, vae in vaes.items():
        train(vae, splits.train.x, args.steps)
        log_px[name] = infer.log_evidence(vae.model, vae.guide, splits.test.x, num_particles=args.particles)
        print(f"{name:9} prior: test log p(x) >= {log_px[name].mean():.2f} nats per picture")
        samples[f"{name} prior"] = vae.sample(48)

    gain = log_px["realnvp"] - log_px["standard"]
    print(f"gain of the flow: {gain.mean():.2f} nats, standard error {gain.std() / len(gain) ** 0.5:.2f} (paired)")

    plots.samples_grid(samples, splits.shape, args.out / "1_samples.png", num_columns=16)
    vae, num = vaes["realnvp"], len(splits.train.x)
    z = torch.cat([vae.encode(splits.train.x), vae.prior().sample((num,))])
    names = ["posterior means"] * num + ["draws from prior"] * num
    plots.latent_space(z, names, args.out / "2_latent.png", title="RealNVP prior")


if __name__ == "__main__":
    main()
