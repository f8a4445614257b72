"""
Priors of a VAE: what each repairs
==================================

The mean ELBO of data falls apart into three numbers,

.. math::
   \\tfrac1N \\sum_i \\mathcal L_i = E_q \\log p(x \\mid z) - I_q[x, z] - \\mathrm{KL}(q_{agg}(z) \\,\\|\\, p(z)),

reconstruction, the information that latents carry about their picture, and how far the prior is from the *aggregated
posterior*, the average of the posteriors of all data. A better prior can gain the last, and no more. The standard
normal pays for it on every picture and holds posteriors back (over-regularisation). The aggregated posterior of the
training data brings it to zero, and knows these data by heart (overfitting): the gain does not last on others. In
between are priors that are trained: mixtures, the VampPrior, flows and autoregressive models.

The same small VAE is trained with each, and taken apart on training and on test pictures.
"""  # noqa: D205, D212, D301, D415

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrodgm import Conditional, data, flows, heads, infer, models, plots, priors
from pyrodgm import autoregressive as ar

LATENT_DIM = 4


# %%
# All priors are modules that make a distribution, and the program never changes. Two of them hold the encoder, which
# they share with the posterior.
def make(name: str, x: Tensor) -> models.VAE:
    """Build the VAE with a prior of that name."""
    vae = models.vae(64, LATENT_DIM, hidden_dims=(128, 128))
    make_prior: dict[str, Callable[[], Conditional]] = {
        "standard": lambda: vae.prior,
        "mixture": lambda: priors.MixturePrior(LATENT_DIM, 50),
        "VampPrior": lambda: priors.VampPrior(vae.posterior, 50, data=x),
        "aggregated": lambda: priors.AggregatedPosterior(vae.posterior, x),
        "RealNVP": lambda: flows.realnvp(LATENT_DIM, num_layers=6),
        "MADE": lambda: ar.made(LATENT_DIM, hidden_dims=(128,), head=heads.MixtureNormal(10)),
    }
    vae.prior = make_prior[name]()
    return vae


NAMES = ("standard", "mixture", "VampPrior", "aggregated", "RealNVP", "MADE")


def train(vae: models.VAE, x: Tensor, num_steps: int) -> None:
    """Maximise the ELBO by Adam whose rate falls to zero."""
    loss_fn = infer.ReparameterizedELBO()(vae.model, vae.guide)
    optimizer = torch.optim.Adam(vae.parameters(), lr=2e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for _ in range(num_steps):
        batch = x[torch.randint(len(x), (128,))]
        optimizer.zero_grad()
        (loss_fn(batch) / len(batch)).backward()
        optimizer.step()
        schedule.step()


# %%
# On the test pictures the aggregated posterior is theirs, so that the divergence says how far the prior is from where
# new pictures land.
def main(argv: Sequence[str] | None = None) -> None:
    """Train with each prior, print the table and draw."""
    parser = argparse.ArgumentParser(description="Six priors of a VAE, taken apart")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--particles", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/examples/70_priors"))
    args = parser.parse_args(argv)

    splits = data.digits()
    parts = {"train": splits.train.x, "test": splits.test.x}
    draws, samples = {}, {"test data": splits.test.x[:20]}
    print("ELBO = reconstruction - information - divergence, nats per picture")
    print("prior                 ELBO  reconstruction  information  divergence  active")
    for name in NAMES:
        pyro.set_rng_seed(args.seed)
        vae = make(name, splits.train.x)
        train(vae, splits.train.x, args.steps)
        for part, x in parts.items():
            found = infer.elbo_surgery(vae.model, vae.guide, x, num_particles=args.particles)
            print(
                f"{name:10} {part:5}  {found.elbo:8.2f}  {found.reconstruction:14.2f}  {found.mutual_information:11.2f}"
                f"  {found.marginal_kl:10.2f}  {found.active_units:3}/{found.num_latents}",
                flush=True,
            )
        with torch.no_grad():
            draws[name] = (vae.posterior(splits.test.x).sample((20,)).flatten(0, 1), vae.prior().sample((6000,)))
        samples[name] = vae.sample(20)

    plots.aggregated_posterior(draws, args.out / "1_aggregated_posterior.png")
    plots.samples_grid(samples, splits.shape, args.out / "2_samples.png", num_columns=20)


# %%
# Under the standard normal the latents carry least: posteriors must resemble the prior. The aggregated posterior of the
# training data has no divergence, and the best ELBO there; on test pictures it pays most of that back, and the
# VampPrior, which makes do with 50 inputs of its own, is ahead of it. Mixture, flow and MADE gain a part of that.
if __name__ == "__main__":
    main()
