"""
Fit a flow to a density
=======================

A normalizing flow is an invertible function from a simple base, here a standard normal, to the data. Its density is
exact, so it is fitted by maximum likelihood: no bound, no sampling. A flow of this library is a torch module; calling
it returns a Pyro distribution.

The toy densities in ``data.toy`` have an exact ``log_prob`` too, so that we can say how far the flow still is from the
truth: the Kullback-Leibler divergence, in nats.
"""  # noqa: D205, D212, D415

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyro
import torch

from pyrodgm import data, flows, plots


# %%
# Three flows on the same points. All have the same interface, so the training loop is the same as well: a flow's
# parameters are a module's parameters, and any torch optimiser moves them.
def fit(flow: flows.Flow, x: torch.Tensor, num_steps: int) -> list[float]:
    """Minimise the negative log-likelihood and return it for every step, in nats per point."""
    optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    losses = []
    for _ in range(num_steps):
        batch = x[torch.randint(len(x), (256,))]
        optimizer.zero_grad()
        loss = -flow().log_prob(batch).mean()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


# %%
# The points come from the exact density, so its average log-density minus the flow's, over *new* points, estimates
# the divergence KL(exact || flow) without bias.
def main(argv: Sequence[str] | None = None) -> None:
    """Fit, report the divergences, and draw."""
    parser = argparse.ArgumentParser(description="Flows on a two-dimensional density")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=Path("runs/examples/00_fit_a_flow"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    exact = data.toy.pinwheel()
    x, new = exact.sample((args.points,)), exact.sample((args.points,))
    models = {
        "RealNVP": flows.realnvp(2, num_layers=8),
        "MAF": flows.maf(2),
        "spline coupling": flows.spline_coupling(2),
    }
    losses = {}
    for name, flow in models.items():
        losses[name] = fit(flow, x, args.steps)
        with torch.no_grad():
            gap = exact.log_prob(new) - flow().log_prob(new)
        print(f"{name:16} KL = {gap.mean():6.3f} nats, standard error {gap.std() / len(gap) ** 0.5:.3f}")

    limits = (-4.0, 4.0, -4.0, 4.0)
    densities = {"exact": exact, **{name: flow() for name, flow in models.items()}}
    plots.density_2d(densities, limits, args.out / "1_densities.png")
    plots.training_curves(losses, args.out / "2_curves.png", y_label="nats per point")


# %%
# Sampling goes the other way through the same flow: ``flow().sample((5,))`` draws five points.
if __name__ == "__main__":
    main()
