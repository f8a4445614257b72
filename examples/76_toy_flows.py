"""
Flows layer by layer, and in continuous time
============================================

Two flows that look nothing like each other, on the same points.

*Gaussianization* alternates rotations with a transform of each coordinate alone, which makes that coordinate normal. It
is set from data without any gradient: rotations are principal components, and a coordinate's transform is made of its
quantiles. Each layer leaves the points a little more like a standard normal; likelihood training goes on from there.

A *continuous flow* has no layers. Points follow a velocity field, and the density follows the field's divergence. Its
picture is a film instead, of which we draw eight frames.

Since the toy densities are exact, so is the comparison: the Kullback-Leibler divergence to each flow, in nats.
"""  # noqa: D205, D212, D415

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyro
import torch
from torch.distributions import Distribution

from pyrodgm import data, flows, plots

LIMIT = 4.4
BATCH = 256


# %%
# The training loop does not know which flow it trains. Fresh points at each step: nothing can be learnt by heart.
def fit(flow: flows.Flow, exact: Distribution, num_steps: int, lr: float) -> list[float]:
    """Minimise the negative log-likelihood and return it for every step, in nats per point."""
    optimizer = torch.optim.Adam(flow.parameters(), lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    losses = []
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss = -flow().log_prob(exact.sample((BATCH,))).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


# %%
# The average of log p - log q over *new* points of p estimates KL(p || q) without bias, and says how sure it is.
@torch.no_grad()
def report(name: str, flow: flows.Flow, exact: Distribution, num_points: int) -> None:
    """Print the divergence from the exact density to a flow."""
    x = exact.sample((num_points,))
    gap = exact.log_prob(x) - flow().log_prob(x)
    print(f"{name:28} KL = {gap.mean():6.3f} nats, standard error {gap.std() / num_points**0.5:.3f}")


def main(argv: Sequence[str] | None = None) -> None:
    """Fit both flows, report the divergences, and draw."""
    parser = argparse.ArgumentParser(description="A Gaussianization flow and a continuous flow on a toy density")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--resolution", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("runs/examples/76_toy_flows"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)
    exact = data.toy.pinwheel()
    x = exact.sample((args.points,))

    # From data alone, then by training. A layer is two bijections: we draw after every second.
    gaussianization = flows.gaussianization(2, num_layers=8, num_components=16)
    gaussianization.initialize(x)
    report("Gaussianization, at its start", gaussianization, exact, args.points)
    plots.layers(gaussianization, x[:2000], args.out / "1_layers_at_the_start.png", every=2, num_columns=5)
    losses = {"Gaussianization": fit(gaussianization, exact, args.steps, lr=5e-3)}
    report("Gaussianization, trained", gaussianization, exact, args.points)
    plots.layers(gaussianization, x[:2000], args.out / "2_layers_trained.png", every=2, num_columns=5)

    # The continuous flow. Gradients come by the checkpointed adjoint: those of the very steps that the solver took.
    continuous = flows.cnf(2, hidden_dims=(64, 64), adjoint="checkpoint")
    losses["CNF"] = fit(continuous, exact, args.steps, lr=1e-2)
    report("CNF", continuous, exact, args.points)
    print(f"evaluations of the field in the last solve: {continuous.bijection.num_evaluations}")
    limits = (-LIMIT, LIMIT, -LIMIT, LIMIT)
    plots.trajectories(continuous, limits, args.out / "3_trajectories.png", resolution=args.resolution)

    densities = {"exact": exact, "Gaussianization": gaussianization(), "CNF": continuous()}
    plots.density_2d(densities, limits, args.out / "4_densities.png", resolution=args.resolution)
    plots.training_curves(losses, args.out / "5_curves.png", y_label="nats per point")


# %%
# Points keep their colour through the layers, so that one can follow a blade: each layer stretches the points along two
# directions, until the gaps are closed. The continuous flow moves all points at once; no two of them are ever at one
# place at the same time.
if __name__ == "__main__":
    main()
