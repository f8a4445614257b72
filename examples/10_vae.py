"""
A variational autoencoder under Pyro's ELBO
===========================================

A VAE is three modules that make distributions: a prior p(z), a likelihood p(x|z) and a posterior q(z|x).
``models.vae`` puts them into a pair of Pyro programs, ``vae.model`` and ``vae.guide``. Any objective of Pyro's takes
that pair. ``Trace_ELBO()(model, guide)`` is a torch module whose value is a loss, so the training loop is torch's own:
any optimiser, any schedule, no parameter store.

The data are the 8x8 digits that ship with scikit-learn, in black and white.
"""  # noqa: D205, D212, D415

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyro
import torch
from pyro.infer import Trace_ELBO

from pyrodgm import data, infer, models, plots


# %%
# The loss of a batch is the negative ELBO in nats, summed over its rows: divided by their number it is an upper bound
# of the negative log-likelihood of one picture.
def train(vae: models.VAE, x: torch.Tensor, num_steps: int) -> list[float]:
    """Train and return the loss of every step, in nats per picture."""
    loss_fn = Trace_ELBO()(vae.model, vae.guide)
    optimizer = torch.optim.Adam(vae.parameters(), lr=2e-3)
    losses = []
    for _ in range(num_steps):
        batch = x[torch.randint(len(x), (128,))]
        optimizer.zero_grad()
        loss = loss_fn(batch) / len(batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %%
# The ELBO depends on the guide: it is the log-likelihood minus the guide's error. To judge the *model*, average many
# importance weights, ``infer.log_evidence``: still a lower bound, but close to the log-likelihood itself.
def main(argv: Sequence[str] | None = None) -> None:
    """Train, report test bounds, and draw."""
    parser = argparse.ArgumentParser(description="A VAE on digits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--particles", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("runs/examples/10_vae"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    splits = data.digits()
    x = splits.test.x
    vae = models.vae(64, 8, hidden_dims=(128,))
    losses = train(vae, splits.train.x, args.steps)

    with torch.no_grad():
        elbo = -Trace_ELBO(num_particles=10)(vae.model, vae.guide)(x).item() / len(x)
    log_px = infer.log_evidence(vae.model, vae.guide, x, num_particles=args.particles)
    error = log_px.std().item() / len(x) ** 0.5
    print(f"test ELBO            {elbo:8.2f} nats per picture")
    print(f"test log p(x) >= {log_px.mean():12.2f} nats per picture, standard error {error:.2f} over {len(x)} pictures")

    plots.training_curves({"negative ELBO of a batch": losses}, args.out / "1_curve.png")
    plots.reconstructions(x[:24], vae.reconstruct(x[:24]), splits.shape, args.out / "2_reconstructions.png")
    plots.samples_grid(vae.sample(60), splits.shape, args.out / "3_samples.png", num_columns=12)
    plots.latent_space(
        vae.encode(x), splits.test.labels, args.out / "4_latent.png", title="Test digits in latent space"
    )


if __name__ == "__main__":
    main()
